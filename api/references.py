"""What becomes of a stored reference: taken in once its upload is verified, and cleared away.

S3 tells of uploads at least once, in any order, and the table's stream of removals: whatever is done here is harmless
when it is done again. Item and object are made in one order and unmade in the other, and looked at again after: so
whichever of two that run at once comes last leaves both, or neither.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

from api import problems, self_score
from api.stored_file import ChangedMeanwhile, NotStored, StoredFile
from api.tenants import tenant_named
from shared import audio_rules, logs, quotas
from shared.audio_rules import BadAudio
from shared.job import Role
from shared.object_keys import ReferenceName, reference_key
from shared.quotas import QuotaExceeded
from shared.references import LIFE_SECONDS, Asked, Reference, Refusal

if TYPE_CHECKING:
    from pydantic import JsonValue

    from api.service import Service
    from shared.wav import WavHeader

CHUNK_BYTES = 1024 * 1024
AS_IT_IS = "A stored reference is taken as it is; nothing of `prepare` is done to it first."

log = logs.get(__name__)


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(code=code, message=message)


class _Object(NamedTuple):
    etag: str
    bytes: int
    modified: float
    sha256: str | None  # where S3 took that itself, as it does where the policy named it


def take(parts: Service, name: ReferenceName) -> None:
    """An upload of a reference: from now on it is stored, where it is what was declared and some mode takes it.

    Else it is deleted, and its owner told why where it asks for it.
    """
    found = _object(parts, name)
    if found is None:
        return
    asked = parts.references.asked(name) or Asked()
    try:
        reference = _verified(parts, name, found, asked.label)
    except ChangedMeanwhile:
        return  # the newer one tells of itself
    except _Refused as refused:
        _refuse(parts, name, asked.model_copy(update={"refusal": refused.refusal}))
        log.warning("reference_refused", tenant=name.tenant, sha256=name.sha256, code=refused.refusal.code)
        return
    if _object(parts, name) is None:  # its owner deleted it meanwhile
        parts.references.remove(name)
        return
    log.info("reference_stored", tenant=name.tenant, sha256=name.sha256, bytes=reference.bytes)
    if asked.check:
        _score_if_quotas_let(parts, reference)
    parts.references.done(name)


def stored(parts: Service, name: ReferenceName) -> Reference:
    """The reference. Raises a 404 Problem that says how far it is, or why its upload was refused."""
    if reference := parts.references.find(name):
        return reference
    asked = parts.references.asked(name)
    if asked is None:
        if reference := parts.references.find(name):  # it was stored between these two looks
            return reference
        raise problems.unknown_reference(name.sha256)
    if refusal := asked.refusal:
        raise problems.unknown_reference(name.sha256, f"Its upload was refused. {refusal.message}", refusal.code)
    raise problems.reference_not_ready(name.sha256, uploaded=_object(parts, name) is not None)


def delete(parts: Service, name: ReferenceName) -> bool:
    """Remove a reference, the item first: nobody is to start with what is about to go. Whether there was one."""
    there = parts.references.remove(name)
    if there:
        _clear(parts, name)
    return there


def _clear(parts: Service, name: ReferenceName) -> None:
    """Remove the object of a reference whose item is gone, and the item again, should it have come back meanwhile."""
    parts.s3.delete_object(Bucket=parts.settings.bucket, Key=reference_key(*name))
    parts.references.remove(name)


def removed(parts: Service, image: Mapping[str, JsonValue]) -> None:
    """The stream tells that a reference's item is gone: its object goes too, but not a newer one of that name."""
    reference = Reference.model_validate(image)
    if parts.references.find(reference.name):
        return
    found = _object(parts, reference.name)
    if found and found.modified <= reference.stored_at:
        _clear(parts, reference.name)
        log.info("reference_removed", tenant=reference.tenant, sha256=reference.sha256)


def _verified(parts: Service, name: ReferenceName, found: _Object, label: str | None) -> Reference:
    """The reference's item, once its object is verified. Raises _Refused, ChangedMeanwhile."""
    if (found.sha256 or _hash(parts, name, found)) != name.sha256:
        raise _Refused("sha256_mismatch", "Its SHA-256 is not the one that was declared. Hash what you upload.")
    header, now = _header(parts, name, found), time.time()
    reference = Reference(
        tenant=name.tenant,
        sha256=name.sha256,
        bytes=found.bytes,
        sample_rate_hz=header.sample_rate_hz,
        seconds=header.seconds,
        label=label,
        created=now,
        stored_at=found.modified,
        expires_at=int(now) + LIFE_SECONDS,
    )
    limits = tenant_named(name.tenant, parts.table).limits
    try:
        return parts.references.store(reference, quotas.of_upload(parts.table, name.tenant, found.bytes, limits, now))
    except QuotaExceeded as exceeded:
        message = f"The quota {exceeded.quota} of {exceeded.limit} is used up. Upload it after midnight UTC."
        raise _Refused(exceeded.quota, message) from None


def _header(parts: Service, name: ReferenceName, found: _Object) -> WavHeader:
    """What the first mode that takes the file reads in its header; where none does, the first one's reason."""
    try:
        file = StoredFile(parts.s3, parts.settings.bucket, reference_key(*name))
    except NotStored:
        raise ChangedMeanwhile(name.sha256) from None
    if found.bytes and file.etag != found.etag:  # of an empty one, nothing is read
        raise ChangedMeanwhile(name.sha256)
    reasons = []
    for pool in parts.settings.pools:
        for mode in pool.modes:
            try:
                return audio_rules.inspect(file.read, file.bytes, mode, Role.REFERENCE)
            except BadAudio as bad:
                reasons.append(bad)
    raise _Refused(reasons[0].code, f"{reasons[0].message} {AS_IT_IS}")


def _hash(parts: Service, name: ReferenceName, found: _Object) -> str:
    """The SHA-256 of the object's bytes, of which a megabyte at a time is in memory. Raises ChangedMeanwhile."""
    digest = hashlib.sha256()
    try:
        response = parts.s3.get_object(Bucket=parts.settings.bucket, Key=reference_key(*name), IfMatch=found.etag)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "412", "NoSuchKey"):
            raise ChangedMeanwhile(name.sha256) from None
        raise
    for chunk in response["Body"].iter_chunks(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _object(parts: Service, name: ReferenceName) -> _Object | None:
    try:
        head = parts.s3.head_object(Bucket=parts.settings.bucket, Key=reference_key(*name), ChecksumMode="ENABLED")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return None
        raise
    checksum = head.get("ChecksumSHA256", "-")
    sha256 = None if "-" in checksum else base64.b64decode(checksum).hex()  # with one, it is of an upload in parts
    return _Object(head["ETag"], head["ContentLength"], head["LastModified"].timestamp(), sha256)


def _refuse(parts: Service, name: ReferenceName, asked: Asked) -> None:
    """The object goes last: without it, nobody who is told of the upload again would look why it was refused."""
    parts.references.ask(name, asked)
    parts.references.remove(name)  # of an upload before this one, perhaps
    _clear(parts, name)


def _score_if_quotas_let(parts: Service, reference: Reference) -> None:
    try:
        self_score.ask_for(parts, reference)
    except QuotaExceeded as exceeded:
        log.warning("self_score_left_out", tenant=reference.tenant, sha256=reference.sha256, quota=exceeded.quota)
