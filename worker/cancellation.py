"""A flag that wakes whoever waits for something else meanwhile."""

import socket
from types import TracebackType
from typing import Self


class WasCancelled(Exception):
    """What was being done is not wanted any more."""


class Cancellation:
    """Like threading.Event, set once and from any thread, but one can wait for it beside pipes: it has a `fileno`.

    Setting it closes one end of a socket pair, and the other end turns readable. A context manager: closed in the end.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()

    def set(self) -> None:
        """Set it, and wake whoever waits. Harmless when it is set already, or closed."""
        self._writer.close()

    def is_set(self) -> bool:
        """Whether it was set; a closed one counts as set."""
        return self._writer.fileno() < 0

    def check(self) -> None:
        """Raises WasCancelled once it is set."""
        if self.is_set():
            raise WasCancelled

    def fileno(self) -> int:
        """A file descriptor that is readable once it is set."""
        return self._reader.fileno()

    def close(self) -> None:
        """Give back its file descriptors; nobody may wait for it any more."""
        self._writer.close()
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
