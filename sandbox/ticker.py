"""The ticker: what an EventBridge schedule does, invoking a function at an interval."""

from __future__ import annotations

import threading

from sandbox.function import Function, FunctionFailed


class Ticker:
    """Invokes a function each interval, with the time between two ends and begins; its failures are in its log."""

    def __init__(self, function: Function, seconds: float) -> None:
        self._function = function
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{function.name}-ticker", daemon=True)

    def start(self) -> None:
        """Tick until stopped."""
        self._thread.start()

    def stop(self) -> None:
        """Let the invocation that runs end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            try:
                self._function.invoke({"source": "aws.events", "detail-type": "Scheduled Event"}).result()
            except FunctionFailed:
                continue
