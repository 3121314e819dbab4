"""A Lambda function: a handler, and the one execution environment that it runs in."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from pydantic import JsonValue

from sandbox.cloud import REGION
from shared import logs

Event = Mapping[str, JsonValue]

TIMEOUT_MS = 29_000  # API Gateway waits no longer for an integration: its quota "Integration timeout"


@dataclass(frozen=True)
class Context:
    """What a handler is told about its invocation (AWS Lambda, "Using the Lambda context object")."""

    function_name: str
    aws_request_id: str = field(default_factory=lambda: secrets.token_hex(16))
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512

    @property
    def invoked_function_arn(self) -> str:
        """The function's name in full."""
        return f"arn:aws:lambda:{REGION}:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Nobody ends an invocation here: always the whole time."""
        return TIMEOUT_MS


Handler = Callable[[Event, Context], object]


class FunctionFailed(Exception):
    """The handler raised, or returned what is no JSON. The log holds why; callers must not show it."""


class Function:
    """Runs a handler for one event at a time.

    That is what Lambda promises to a handler, and Powertools builds on it: its resolver keeps the current event in a
    class attribute, so that two events at once would get each other's answers.
    """

    def __init__(self, name: str, handler: Handler) -> None:
        self.name = name
        self._handler = handler
        self._log = logs.get(__name__)
        self._environment = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def invoke(self, event: Event) -> Future[JsonValue]:
        """The handler's answer, once it is its turn. The future raises FunctionFailed."""
        return self._environment.submit(self._run, event)

    def stop(self) -> None:
        """Let the invocation that runs end, and drop those that wait."""
        self._environment.shutdown(cancel_futures=True)

    def _run(self, event: Event) -> JsonValue:
        try:
            answer: JsonValue = json.loads(json.dumps(self._handler(event, Context(self.name))))
        except Exception as error:
            self._log.exception("handler_failed", function=self.name)
            raise FunctionFailed(self.name) from error
        return answer
