"""What a client does to store a reference, step by step, and what it leaves behind."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from api import references, self_score
from api.reference_documents import ReferenceDocument
from api.service import Service
from api.tenants import Tenant
from shared import items
from shared.limits import Limits
from shared.object_keys import reference_key
from tests.requests import Answer, request
from tests.unit.api.steps import ACME, BUCKET
from tests.unit.api.test_intake import deliver, told
from tests.wavs import wav

if TYPE_CHECKING:
    from pydantic import JsonValue

NEVER = "0" * 64
DAY = 24 * 60 * 60


def fresh(seconds: float = 0.6, rate_hz: int = 16000) -> bytes:
    """A WAV file that no other test has."""
    return wav(rate_hz=rate_hz, samples=secrets.token_bytes(2 * round(seconds * rate_hz)))


def stamp(text: str) -> float:
    """A time in a document, as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def limit(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    """What the tenant may use, as far as references are concerned."""
    for module in (references, self_score):
        monkeypatch.setattr(module, "tenant_named", lambda tenant, _: Tenant(tenant, Limits(**limits)))


def naming(sha256: str, **more: object) -> dict[str, object]:
    """The body of a job that names a reference."""
    return {"reference": {"sha256": sha256}, **more}


def sha_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def ask(
    sha256: str, *, key_id: str = ACME, label: str | None = None, bytes_: int | None = None, check: bool = False
) -> Answer:
    """`POST /v1/references`."""
    body = {"sha256": sha256, "label": label, "bytes": bytes_}
    return request("POST", "/v1/references", body, key_id=key_id, query={"check": "true"} if check else None)


def show(sha256: str, *, key_id: str = ACME) -> Answer:
    """`GET /v1/references/{sha256}`."""
    return request("GET", f"/v1/references/{sha256}", key_id=key_id)


def delete(sha256: str, *, key_id: str = ACME) -> Answer:
    """`DELETE /v1/references/{sha256}`."""
    return request("DELETE", f"/v1/references/{sha256}", key_id=key_id)


def document(answer: Answer) -> ReferenceDocument:
    """The stored reference in an answer."""
    assert answer.status == 200, answer.body
    return ReferenceDocument.model_validate(answer.body)


def put(
    parts: Service, content: bytes, *, sha256: str | None = None, tenant: str = "acme", checked: bool = True
) -> str:
    """Write the object as S3 does once a policy let it in, with S3's own checksum or, `checked` not, without; its key.

    `sha256` names it other than its content would.
    """
    key = reference_key(tenant, sha256 or sha_of(content))
    if checked:
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        parts.s3.put_object(Bucket=BUCKET, Key=key, Body=content, ChecksumAlgorithm="SHA256", ChecksumSHA256=digest)
    else:
        parts.s3.put_object(Bucket=BUCKET, Key=key, Body=content, ChecksumAlgorithm="CRC32")
    return key


def keep(parts: Service, content: bytes, *, tenant: str = "acme", key_id: str = ACME, label: str | None = None) -> str:
    """Store a reference, all the way; its hash."""
    ask(sha_of(content), key_id=key_id, label=label)
    assert deliver(told(put(parts, content, tenant=tenant))) == []
    assert show(sha_of(content), key_id=key_id).status == 200
    return sha_of(content)


def lies_there(parts: Service, sha256: str, tenant: str = "acme") -> bool:
    """Whether the object is in the bucket."""
    key = reference_key(tenant, sha256)
    return bool(parts.s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents"))


def item(parts: Service, sha256: str, tenant: str = "acme") -> dict[str, JsonValue] | None:
    """Its item, as it lies in the table."""
    return parts.table.read({"pk": f"REF#{tenant}", "sk": f"REF#{sha256}"})


def age(parts: Service, sha256: str, **values: JsonValue) -> None:
    """Set attributes of its item, as time would have."""
    found = item(parts, sha256)
    assert found
    parts.dynamodb.put_item(TableName=parts.table.name, Item=items.pack({**found, **values}))
