"""A clock that a test sets."""


class SettableClock:
    """Stands still until it is moved. Starts in 2026."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        """Let that much time go by."""
        self.now += seconds
