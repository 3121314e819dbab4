"""The one thread that starts every child process."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Spawner:
    """Starts children from one thread that lives as long as the worker.

    A child that dies with its parent dies, to the kernel, with the thread that started it (prctl(2),
    PR_SET_PDEATHSIG): a child started by a passing thread would be killed when that thread returns. So it is started
    before everything that has children and stopped after it; whatever child is left then, the kernel kills.
    """

    def start(self) -> None:
        """Ready to spawn."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

    def stop(self) -> None:
        """End the thread, and with it every child that is left."""
        self._thread.shutdown()

    def spawn(self, start_child: Callable[[], T]) -> T:
        """What `start_child` returns or raises, run on the spawner's thread."""
        return self._thread.submit(start_child).result()
