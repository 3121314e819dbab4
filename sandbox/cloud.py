"""The cloud as a process of its own: ministack on loopback, what it holds kept in a directory.

Run as `python -m sandbox.cloud PORT DIRECTORY`. It ends, saving, at SIGTERM or when its standard input ends: so it
outlives whoever started it only as long as that takes, however they died.

ministack 1.5.33 stores objects at once but tables and queues only when it ends. Here they are saved every few seconds
too; a `kill -9` of this very process still loses what came after the last save.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn, Protocol

from sandbox.readiness import READY
from worker.notify import notify

HOST = "127.0.0.1"
REGION: Final = "eu-central-1"

SAVE_SECONDS = 2.0
SAVE_SHARE = 0.05  # of the time, at most, goes into saving: a large state is saved less often
KEEP_ALIVE_SECONDS = 75  # ministack's own choice
GRACE_SECONDS = 1  # long polls may not hold up the end for longer

# An ASGI application, and what it is called with: asgi.readthedocs.io, "ASGI Specification".
Message = dict[str, object]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class _Service(Protocol):
    def get_state(self) -> dict[str, object]: ...


def redirect(environment: MutableMapping[str, str], port: int) -> None:
    """Make every AWS client in an environment talk to the cloud at this port, never to a real account or a proxy."""
    for name in [name for name in environment if name.startswith("AWS_")]:
        del environment[name]
    past_proxies = ",".join(filter(None, [environment.get("no_proxy") or environment.get("NO_PROXY"), HOST]))
    environment.update(
        AWS_ENDPOINT_URL=f"http://{HOST}:{port}",
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        AWS_ACCESS_KEY_ID="sandbox",
        AWS_SECRET_ACCESS_KEY="sandbox",  # noqa: S106 - the cloud takes any
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        no_proxy=past_proxies,
        NO_PROXY=past_proxies,
    )


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Own what the cloud keeps in this directory; waits for another cloud that is still saving there."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(around: Callable[[App], App] = lambda app: app) -> None:
    """Serve until told to end. `around` puts something before the cloud."""
    port, directory = int(sys.argv[1]), Path(sys.argv[2])
    with hold(directory):
        _configure(directory)
        asyncio.run(_serve(port, around))


def _configure(directory: Path) -> None:
    # ministack reads these when it is imported. Where it is not told its own address it answers with the one that it
    # was called by, so that queues keep their identity when the port changes.
    for variable in ("GATEWAY_PORT", "EDGE_PORT", "MINISTACK_HOST"):
        os.environ.pop(variable, None)
    os.environ.update(
        PERSIST_STATE="1",
        STATE_DIR=str(directory / "state"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(directory / "objects"),
        SERVICES="dynamodb,dynamodbstreams,s3,sqs",
        MINISTACK_REGION=REGION,
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
    )


async def _serve(port: int, around: Callable[[App], App]) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    logging.getLogger("persistence").setLevel(logging.WARNING)  # it tells of each save
    config = Config()
    config.bind = [f"fd://{_listen(port)}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.graceful_timeout = GRACE_SECONDS
    stop = _stop_event()
    await serve(around(_announced_app()), config, shutdown_trigger=lambda: _save_until(stop))  # type: ignore[arg-type]


def _listen(port: int) -> int:
    listener = socket.create_server((HOST, port), backlog=128)
    return listener.detach()


def _stop_event() -> asyncio.Event:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def look_for_end() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin)
            stop.set()

    loop.add_reader(sys.stdin, look_for_end)
    return stop


def _announced_app() -> App:
    """ministack, telling when its start-up is complete (ASGI lifespan protocol)."""
    from ministack.app import app

    async def announced(scope: Message, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                notify(READY)

        await app(scope, receive, tell if scope["type"] == "lifespan" else send)

    return announced


async def _save_until(stop: asyncio.Event) -> None:
    from ministack.services import dynamodb, s3, sqs

    services: dict[str, _Service] = {"dynamodb": dynamodb, "s3": s3, "sqs": sqs}
    pause = SAVE_SECONDS
    while not stop.is_set():
        await _wait(stop, pause)
        began = time.monotonic()
        # A fork has everything as it is at one moment, and all the time it needs: to copy ten thousand jobs on this
        # loop would let every request wait for seconds.
        child = os.fork() or _write_and_exit(services)
        await asyncio.to_thread(os.waitpid, child, 0)
        pause = max(SAVE_SECONDS, (time.monotonic() - began) / SAVE_SHARE)


def _write_and_exit(services: Mapping[str, _Service]) -> NoReturn:
    """What the fork does, and nothing else. It lets go of its parent's connections: else none could end meanwhile."""
    try:
        signal.set_wakeup_fd(-1)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        _write({name: service.get_state() for name, service in services.items()})
    finally:
        os._exit(0)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def _write(states: Mapping[str, dict[str, object]]) -> None:
    from ministack.core.persistence import save_state

    for name, state in states.items():
        save_state(name, state)


if __name__ == "__main__":
    main()
