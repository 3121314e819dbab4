"""The functions as a process of its own, with what calls them: gateway, pumps and clock, and the sweeper beside them.

Run as `python -m sandbox.functions PORT KEYS`, with the settings of the functions in the environment.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import boto3

from sandbox.function import Function, Handler
from sandbox.gateway import Gateway
from sandbox.keys import KeyRing
from sandbox.pumps import QueuePump
from sandbox.readiness import READY
from sandbox.resources import queue_arn
from sandbox.stream_pump import StreamPump
from sandbox.sweeper import Sweeper
from sandbox.ticker import Ticker
from shared import logs
from shared.resources import BATCHES_QUEUE, DEAD_QUEUE, RECONCILE_SECONDS, UPLOADS_QUEUE
from worker.notify import notify

if TYPE_CHECKING:
    from api.settings import ApiSettings

FED_BY_QUEUES = {"intake": UPLOADS_QUEUE, "batch-starter": BATCHES_QUEUE, "dead-letters": DEAD_QUEUE}


class Part(Protocol):
    """What calls a function."""

    def start(self) -> None:
        """Begin; returns at once."""

    def stop(self) -> None:
        """End, once what is in hand is done."""


def main() -> None:
    """Serve until SIGTERM."""
    from api import service

    functions = _functions()
    logs.configure("functions")  # they all log here: each line says its module
    asyncio.run(_serve(service.service().settings, functions, int(sys.argv[1]), KeyRing(Path(sys.argv[2]))))


def _functions() -> dict[str, Function]:
    from api import app, batch_starter, dead_letters, intake, reconciler, stream_reader

    handlers = {
        "api": app.handler,
        "intake": intake.handler,
        "batch-starter": batch_starter.handler,
        "dead-letters": dead_letters.handler,
        "stream-reader": stream_reader.handler,
        "reconciler": reconciler.handler,
    }
    # Each handler names the event that it reads; what reaches it here is that event, as plain JSON.
    return {name: Function(name, cast(Handler, handler)) for name, handler in handlers.items()}


async def _serve(settings: ApiSettings, functions: dict[str, Function], port: int, keys: KeyRing) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as parts:
        for function in functions.values():
            parts.callback(function.stop)
        for part in _callers(settings, functions):
            part.start()
            parts.callback(part.stop)
        gateway = Gateway(functions["api"], keys, port)
        parts.push_async_callback(gateway.stop)
        await gateway.start()
        notify(READY)
        await stop.wait()


def _callers(settings: ApiSettings, functions: dict[str, Function]) -> list[Part]:
    dynamodb, streams, sqs = boto3.client("dynamodb"), boto3.client("dynamodbstreams"), boto3.client("sqs")
    pumps = [
        QueuePump(sqs, settings.queue_urls[queue], queue_arn(sqs, settings.queue_urls[queue]), functions[name])
        for name, queue in FED_BY_QUEUES.items()
    ]
    return [  # stopped in the reverse order
        StreamPump(dynamodb, streams, settings.table, functions["stream-reader"]),
        *pumps,
        Ticker(functions["reconciler"], RECONCILE_SECONDS),
        Sweeper(dynamodb, settings.table),
    ]


if __name__ == "__main__":
    main()
