"""A stand-in for CloudWatch Logs that holds every call against the quotas that the API reference has of PutLogEvents.

ministack takes whatever it is sent: that the quotas are kept shows here only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_logs.type_defs import InputLogEventTypeDef

DAY_MS = 86_400_000


class Group:
    """One log group. `fail` is asked before each call for the error that it is to give."""

    def __init__(self) -> None:
        self.streams: dict[str, list[str]] = {}
        self.calls: list[str] = []
        self.batches: list[int] = []
        self.fail: Callable[[str], str | None] = lambda _call: None
        self.rejected: dict[str, int] = {}
        self._changed = threading.Condition()

    @property
    def client(self) -> CloudWatchLogsClient:
        """Itself, as the code under test knows it."""
        return cast("CloudWatchLogsClient", self)

    def create_log_stream(self, *, logGroupName: str, logStreamName: str) -> dict[str, object]:  # noqa: N803
        """As the API has it."""
        self._begin("CreateLogStream")
        if logStreamName in self.streams:
            raise refusal("CreateLogStream", "ResourceAlreadyExistsException")
        self.streams[logStreamName] = []
        return {}

    def put_log_events(
        self,
        *,
        logGroupName: str,  # noqa: N803
        logStreamName: str,  # noqa: N803
        logEvents: list[InputLogEventTypeDef],  # noqa: N803
    ) -> dict[str, object]:
        """As the API has it; refuses what breaks a quota."""
        self._begin("PutLogEvents")
        if logStreamName not in self.streams:
            raise refusal("PutLogEvents", "ResourceNotFoundException")
        sizes = [len(event["message"].encode()) for event in logEvents]
        times = [event["timestamp"] for event in logEvents]
        fits = (
            0 < len(logEvents) <= 10_000
            and sum(size + 26 for size in sizes) <= 1_048_576
            and all(0 < size + 26 <= 262_144 for size in sizes)
            and times == sorted(times)
            and times[-1] - times[0] <= DAY_MS
        )
        if not fits:
            raise refusal("PutLogEvents", "InvalidParameterException")
        with self._changed:
            self.streams[logStreamName] += [event["message"] for event in logEvents]
            self.batches.append(len(logEvents))
            self._changed.notify_all()
        return {"rejectedLogEventsInfo": dict(self.rejected)} if self.rejected else {}

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        """Until a call made it so."""
        with self._changed:
            assert self._changed.wait_for(condition, seconds)

    def wait_for_batches(self, count: int) -> None:
        """Until so many batches were taken."""
        self.wait_for(lambda: len(self.batches) >= count)

    def wait_for_events(self, count: int) -> None:
        """Until so many events were taken."""
        self.wait_for(lambda: sum(self.batches) >= count)

    def _begin(self, call: str) -> None:
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
        if code := self.fail(call):
            raise refusal(call, code)


def refusal(call: str, code: str) -> ClientError:
    """The error that botocore makes of such an answer."""
    return ClientError({"Error": {"Code": code, "Message": "This is a stand-in."}}, call)


@contextmanager
def served(group: Group) -> Iterator[str]:
    """The address where the group is reached as AWS is, by the JSON protocol (Smithy, "AWS JSON 1.1 protocol")."""
    calls: dict[str, Callable[..., dict[str, object]]] = {
        "CreateLogStream": group.create_log_stream,
        "PutLogEvents": group.put_log_events,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            call = calls[self.headers["X-Amz-Target"].partition(".")[2]]
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                self._answer(200, call(**asked))
            except ClientError as error:
                self._answer(400, {"__type": error.response["Error"]["Code"]})

        def _answer(self, status: int, answer: dict[str, object]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()
