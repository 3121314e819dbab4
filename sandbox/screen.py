"""What a person sees of a running sandbox: drawn live on a terminal while parts start, plain lines anywhere else."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_NAME_WIDTH = 7


@dataclass
class _Part:
    began: float
    text: str
    ready: bool = False
    spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))


class Screen:
    """One line a part, from its start to its readiness, and lines below for what happens later."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.took: dict[str, float] = {}
        self._parts: dict[str, _Part] = {}
        self._live: Live | None = None

    def line(self, text: RenderableType = "") -> None:
        """A line that stays. Long ones are left to the terminal to break, so that they can be copied."""
        self.console.print(text, soft_wrap=True, highlight=False, markup=False)

    def heading(self, name: str, text: str) -> None:
        """What runs here."""
        self.line(Text.assemble((name, "bold"), f": {text}\n"))

    def starting(self, part: str) -> None:
        """A part starts now."""
        self._parts[part] = _Part(time.monotonic(), "starting")
        if not self.console.is_terminal:
            self.line(f"{part}: starting")
        elif not self._live:
            self._live = Live(console=self.console, get_renderable=self._drawn, refresh_per_second=10)
            self._live.start()

    def status(self, part: str, text: str) -> None:
        """A part tells how far it is. Nothing happens once it is ready: then it works, and its log tells."""
        line = self._parts.get(part)
        if line and not line.ready and line.text != text:
            line.text = text
            if not self.console.is_terminal:
                self.line(f"{part}: {text}")

    def ready(self, part: str) -> None:
        """A part is ready; how long it took is kept in `took`, in seconds."""
        self.took[part] = time.monotonic() - self._parts[part].began
        self.status(part, f"ready after {self.took[part]:.1f} s")
        self._parts[part].ready = True

    def rest(self) -> None:
        """Draw no more until a part starts: what stands stays, and can be marked and copied."""
        if self._live:
            self._live.stop()
        self._live, self._parts = None, {}

    def _drawn(self) -> Table:
        rows = Table.grid(padding=(0, 1))
        for name, part in self._parts.items():
            mark = Text("✔", style="green") if part.ready else part.spinner
            rows.add_row(" ", mark, Text(name.ljust(_NAME_WIDTH), style="bold"), part.text)
        return rows
