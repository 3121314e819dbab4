"""The sandbox as a whole: starts its parts in order, watches them, and ends them in the reverse order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self, TypeVar

import boto3

from sandbox import parts, resources
from sandbox.children import Child, ChildDied, Command
from sandbox.keeper import Keeper
from sandbox.keys import put_key
from sandbox.parts import Setup
from sandbox.screen import Screen
from shared.pools import Pool

T = TypeVar("T")

FIRST_COMPILE = " (first time: 10 to 40 s)"
PATIENCE_SECONDS = 10.0  # for cloud and API to end by themselves


class Sandbox:
    """A running sandbox: an asynchronous context manager, within which cloud and API are ready.

    Entering raises ChildDied where a part does not come up. The environment of this process is to be as
    `cloud.redirect` makes it.
    """

    def __init__(self, setup: Setup, screen: Screen) -> None:
        self._setup = setup
        self._screen = screen
        self._running = AsyncExitStack()
        self._watched: list[asyncio.Task[ChildDied]] = []

    async def worker_ready(self) -> None:
        """Wait until the worker takes jobs. Raises ChildDied as `while_alive` does."""
        await self.while_alive(self._keeper.ready.wait())

    async def while_alive(self, work: Awaitable[T]) -> T:
        """What `work` gives. Raises ChildDied where a part dies before it is done, and is not started again."""
        working = asyncio.ensure_future(work)
        try:
            await asyncio.wait([working, *self._watched], return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise await self.death()
            return working.result()
        finally:
            working.cancel()

    async def death(self) -> ChildDied:
        """Wait until a part dies that is not started again; how it did."""
        done, _ = await asyncio.wait(self._watched, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()

    async def __aenter__(self) -> Self:
        try:
            await self._start_in_order()
        except BaseException as error:
            await self._stop(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop(error)

    async def _start_in_order(self) -> None:
        pool = parts.pool_of(self._setup.engine)
        cloud = await self._start(parts.cloud_command(self._setup))
        await self._until_ready(cloud)
        # In a thread, for boto3 blocks: Ctrl-C and the death of the cloud are heard meanwhile.
        queue_urls = await self.while_alive(asyncio.to_thread(_make_resources, self._setup, pool))
        api = await self._start(parts.api_command(self._setup, pool, queue_urls))
        self._keep(parts.worker_command(self._setup, pool, queue_urls))
        await self._until_ready(api)

    async def _start(self, command: Command) -> Child:
        self._screen.starting(command.name)
        child = await Child.start(command)
        self._running.push_async_callback(child.stop, PATIENCE_SECONDS)
        self._watched.append(asyncio.create_task(child.died()))
        return child

    async def _until_ready(self, child: Child) -> None:
        await child.ready()
        self._screen.ready(child.command.name)

    def _keep(self, command: Command) -> None:
        hint = "" if any(parts.COMPILED.glob("*")) else FIRST_COMPILE
        self._keeper = Keeper(command, self._screen, parts.DRAIN_SECONDS + PATIENCE_SECONDS, hint)
        self._watched.append(self._keeper.start())
        self._running.push_async_callback(self._keeper.stop)

    async def _stop(self, reason: BaseException | None) -> None:
        try:
            self._screen.rest()
            if isinstance(reason, ChildDied):
                self._screen.line(f"The sandbox ends: {reason}.")
            self._screen.line("\nEnding: the worker drains, then API and cloud end. Ctrl-C again hurries.")
        finally:
            await self._running.aclose()
            for task in self._watched:
                task.cancel()


def end_on_signals() -> None:
    """Cancel the task that runs at Ctrl-C, SIGTERM, or the end of its terminal; once more where it takes too long."""
    task = asyncio.current_task()
    if task:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _make_resources(setup: Setup, pool: Pool) -> dict[str, str]:
    """Table, queues, bucket, and the sandbox's own key; the queues' URLs."""
    dynamodb, sqs, s3 = boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("s3")
    resources.create_table(dynamodb, parts.TABLE)
    queue_urls = resources.create_queues(sqs, [pool])
    resources.create_bucket(s3, sqs, parts.BUCKET, queue_urls)
    put_key(dynamodb, parts.TABLE, setup.state.api_key().id, parts.TENANT)
    return queue_urls
