"""Real clients whose calls a test answers: all is as on the wire, but for the wire.

botocore sends nothing where a handler of `before-send` has an answer; whatever it does before and after, it does.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

if TYPE_CHECKING:
    from botocore.client import BaseClient


@dataclass(frozen=True)
class Said:
    """An answer: status, error code (none: it went well), headers; or some page that is none of AWS's."""

    status: int = 200
    code: str | None = None
    message: str = "told by a test"
    headers: dict[str, str] = field(default_factory=dict)
    form: str = "json"
    page: bytes | None = None

    @property
    def body(self) -> bytes:
        """In the form of the services' own errors."""
        if self.page is not None:
            return self.page
        if self.code is None:
            return b"{}" if self.form == "json" else b""
        if self.form == "xml":
            return f"<Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>".encode()
        return json.dumps({"__type": f"com.amazon.coral.service#{self.code}", "message": self.message}).encode()


class AnsweringAws:
    """Answers every call of these clients by `answer`, which is given the access key that signed it."""

    def __init__(self, clients: Iterable[BaseClient], answer: Callable[[str], Said] = lambda _: Said()) -> None:
        self.answer = answer
        self.signed_by: list[str] = []
        for client in clients:
            client.meta.events.register_first("before-send", self._send)  # type: ignore[arg-type]  # its answer counts

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        key = _key_id(request)
        self.signed_by.append(key)
        said = self.answer(key)
        headers = {"date": formatdate(usegmt=True), "content-length": str(len(said.body)), **said.headers}
        return AWSResponse(request.url, said.status, headers, _Raw(said.body))  # type: ignore[arg-type]


class _Raw(io.BytesIO):
    """What AWSResponse reads a body from."""

    def stream(self) -> Iterable[bytes]:
        yield self.read()


def _key_id(request: AWSPreparedRequest) -> str:
    header = request.headers["Authorization"]
    text = header.decode() if isinstance(header, bytes) else str(header)
    return text.partition("Credential=")[2].partition("/")[0]
