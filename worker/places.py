"""Places: how many jobs may be in hand at once. Each receive reserves its places first."""

import threading


class Places:
    """A counted supply of places, from which several are taken at once."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._closed = False
        self._changed = threading.Condition()

    def reserve(self, most: int) -> int:
        """Reserve from one to `most` places, waiting for the first; 0 once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._free > 0)
            if self._closed:
                return 0
            reserved = min(most, self._free)
            self._free -= reserved
            return reserved

    def release(self, count: int = 1) -> None:
        """Give places back."""
        with self._changed:
            self._free += count
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody may reserve any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
