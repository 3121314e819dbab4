"""The embedded cloud, far away for those who ask to be, and seen from within.

Run as `python -m bench.distant_cloud PORT DIRECTORY`. Whoever signs with the access key `DISTANT` is answered when AWS
would answer, or later where the emulator itself takes longer; all others at once. Every receive that gave messages is
noted. Both are done here and not in the callers: kombu's SQS transport, which is celery's, receives by pycurl, past all
that botocore's events see.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.latency import AWS_LIKE, SEED
from bench.service import embedded_cloud
from sandbox import cloud

DISTANT = "distant"
FILE = "BENCH_RECEIVED_FILE"

# Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)"
_CREDENTIAL = re.compile(rb"Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/")


@dataclass(frozen=True)
class Received:
    """So many messages were received from a queue, at seconds of CLOCK_MONOTONIC."""

    at: float
    queue: str
    messages: int


@contextmanager
def distant_cloud(directory: Path) -> Iterator[None]:
    """Such a cloud. From here on every AWS client of this process and its children talks to it."""
    os.environ[FILE] = str(directory / "received.jsonl")
    with embedded_cloud(directory, __name__):
        yield


def received() -> list[Received]:
    """Every receive that gave messages, in order."""
    notes = Path(os.environ[FILE])
    return [Received(**json.loads(line)) for line in notes.read_bytes().splitlines()] if notes.exists() else []


def main() -> None:
    """Serve until told to end."""
    notes = os.open(os.environ[FILE], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    cloud.main(around=lambda app: distant(_noted(app, notes)))


def service_of(headers: Mapping[bytes, bytes]) -> str | None:
    """What service a distant caller calls, by the headers of its request; None for all others."""
    found = _CREDENTIAL.search(headers.get(b"authorization", b""))
    return found[2].decode() if found and found[1] == DISTANT.encode() else None


def distant(app: cloud.App) -> cloud.App:
    """The same, answering those who are distant when AWS would."""
    chance = random.Random(SEED)  # noqa: S311 - imitates a network, keeps no secret

    async def answering(scope: cloud.Message, receive: cloud.Receive, send: cloud.Send) -> None:
        if (service := service_of(_headers(scope))) not in AWS_LIKE:
            await app(scope, receive, send)
            return
        due = time.monotonic() + AWS_LIKE[service].draw(chance)

        async def answer(message: cloud.Message) -> None:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            await send(message)

        await app(scope, receive, answer)

    return answering


def _noted(app: cloud.App, notes: int) -> cloud.App:
    async def noted(scope: cloud.Message, receive: cloud.Receive, send: cloud.Send) -> None:
        if _headers(scope).get(b"x-amz-target") != b"AmazonSQS.ReceiveMessage":
            await app(scope, receive, send)
            return
        asked, answered = bytearray(), bytearray()

        async def hear() -> cloud.Message:
            message = await receive()
            asked.extend(_body(message))
            return message

        async def tell(message: cloud.Message) -> None:
            answered.extend(_body(message))
            await send(message)

        await app(scope, hear, tell)
        if messages := json.loads(answered or b"{}").get("Messages"):
            received = Received(time.monotonic(), json.loads(asked)["QueueUrl"], len(messages))
            os.write(notes, json.dumps(asdict(received)).encode() + b"\n")

    return noted


def _headers(scope: cloud.Message) -> dict[bytes, bytes]:
    headers = scope.get("headers")
    return dict(headers) if isinstance(headers, list | tuple) else {}


def _body(message: cloud.Message) -> bytes:
    body = message.get("body", b"")
    return body if isinstance(body, bytes) else b""


if __name__ == "__main__":
    main()
