"""The functions as a process of its own, with what calls them: the gateway, the pumps, and the sweeper beside them.

Run as `python -m sandbox.functions PORT KEYS`, with the settings of the functions in the environment.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from sandbox.function import Function
from sandbox.gateway import Gateway
from sandbox.keys import KeyRing
from sandbox.pumps import QueuePump
from sandbox.readiness import READY
from sandbox.resources import queue_arn
from sandbox.sweeper import Sweeper
from shared import logs
from shared.resources import UPLOADS_QUEUE
from worker.notify import notify

if TYPE_CHECKING:
    from api.settings import ApiSettings


def main() -> None:
    """Serve until SIGTERM."""
    from api import app, intake, service

    logs.configure("functions")  # both functions log here: each line says its module
    asyncio.run(
        _serve(
            service.service().settings,
            api=Function("api", app.handler),  # type: ignore[arg-type]  # it names the context Powertools' own type
            intake=Function("intake", intake.handler),  # type: ignore[arg-type]  # it names the records it reads
            port=int(sys.argv[1]),
            keys=KeyRing(Path(sys.argv[2])),
        )
    )


async def _serve(settings: ApiSettings, *, api: Function, intake: Function, port: int, keys: KeyRing) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as parts:
        for function in (api, intake):
            parts.callback(function.stop)
        sweeper = Sweeper(boto3.client("dynamodb"), settings.table)
        for part in (_uploads_pump(settings, intake), sweeper):
            part.start()
            parts.callback(part.stop)
        gateway = Gateway(api, keys, port)
        parts.push_async_callback(gateway.stop)
        await gateway.start()
        notify(READY)
        await stop.wait()


def _uploads_pump(settings: ApiSettings, intake: Function) -> QueuePump:
    sqs, url = boto3.client("sqs"), settings.queue_urls[UPLOADS_QUEUE]
    return QueuePump(sqs, url, queue_arn(sqs, url), intake)


if __name__ == "__main__":
    main()
