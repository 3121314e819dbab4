"""What the engine and its machine were when the engine last worked here, kept in one file."""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = "last_well.json"


@dataclass(frozen=True)
class LastWell:
    """Facts by name, as they were at that time (UTC)."""

    at: str
    facts: Mapping[str, str]

    def changes(self, now: Mapping[str, str]) -> Iterator[str]:
        """What is other than it was, each in words."""
        for name in sorted({*self.facts, *now}):
            was, is_now = self.facts.get(name), now.get(name)
            if was != is_now:
                yield f"{name}: was {was or 'not there'}, is {is_now or 'not there'}"


def read(directory: Path) -> LastWell | None:
    """What is kept there; None where there is nothing, or nothing that can be read."""
    try:
        kept = json.loads((directory / FILE).read_text())
        return LastWell(str(kept["at"]), {str(name): str(value) for name, value in kept["facts"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write(directory: Path, facts: Mapping[str, str]) -> None:
    """Keep these facts as of now. A reader sees the old or the new, never half of it. Raises OSError."""
    kept = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "facts": dict(facts)}
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=directory, prefix=FILE, delete=False) as file:
        new = Path(file.name)
        try:
            json.dump(kept, file, indent=1)
            file.flush()
            new.replace(directory / FILE)
        except OSError:
            new.unlink()
            raise
