"""What may go wrong between a worker and AWS, as `tests.faulty_gateway` injects it.

Calls go by the names of the API references: `sqs.ReceiveMessage`, `dynamodb.UpdateItem`, `s3.GetObject`.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

ANY = "*"
JSON = "application/x-amz-json-1.0"
_XML = "application/xml"


@dataclass(frozen=True)
class Refused:
    """A call is answered with an error and never made: status and code, by service.

    Forms: DynamoDB Developer Guide, "Error handling"; SQS Developer Guide, "Interpreting Amazon SQS JSON API
    responses"; S3 API Reference, "Error responses".
    """

    answers: dict[str, tuple[int, str]]

    def answer(self, service: str) -> web.Response:
        """The error in the service's own form."""
        status, code = self.answers[service]
        if service == "s3":
            text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>"
            return web.Response(status=status, text=text, content_type=_XML)
        text = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": "injected"})
        return web.Response(status=status, text=text, content_type=JSON)


@dataclass(frozen=True)
class Late:
    """A call is made only so many seconds after it came."""

    seconds: float


@dataclass(frozen=True)
class Lost:
    """A call is made, and the connection ends before its answer."""


@dataclass(frozen=True)
class Cut:
    """A call is made, and the connection ends in the middle of its answer."""


@dataclass(frozen=True)
class InPart:
    """Of a batch call only every other entry is made; the rest are answered as failed, by the service's own fault."""


Fault = Refused | Late | Lost | Cut | InPart

THROTTLED = Refused(
    {"dynamodb": (400, "ThrottlingException"), "sqs": (400, "RequestThrottled"), "s3": (503, "SlowDown")}
)
BROKEN = Refused(
    {"dynamodb": (500, "InternalServerError"), "sqs": (500, "InternalFailure"), "s3": (500, "InternalError")}
)
EXPIRED = Refused(
    {"dynamodb": (400, "ExpiredTokenException"), "sqs": (403, "ExpiredTokenException"), "s3": (400, "ExpiredToken")}
)


@dataclass(frozen=True)
class Call:
    """A call as it came. `key_id` is the access key that signed it."""

    operation: str
    key_id: str
    body: bytes

    @property
    def service(self) -> str:
        """`sqs`, `dynamodb` or `s3`."""
        return self.operation.partition(".")[0]

    def names(self, attribute: str) -> bool:
        """Whether an UpdateItem changes that attribute."""
        return f'"#u_{attribute}"'.encode() in self.body


@dataclass
class Injected:
    """A fault that waits for its calls. `happened` is set once it has struck."""

    fault: Fault
    operation: str
    left: float
    share: float
    where: Callable[[Call], bool]
    happened: threading.Event = field(default_factory=threading.Event)

    def strikes(self, call: Call, chance: random.Random) -> bool:
        """Whether it strikes this call; then there is one fewer left."""
        meant = self.left > 0 and self.operation in (ANY, call.operation) and self.where(call)
        if not meant or chance.random() >= self.share:
            return False
        self.left -= 1
        return True
