"""The pause: a file that says why the worker receives nothing, and until when. It outlives the worker's restarts."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

FILE = "pause.json"
LATEST = 253_402_300_799.0  # 9999-12-31T23:59:59Z; who writes milliseconds is beyond it


class Pause(BaseModel):
    """Why, and until when in seconds since the epoch; None is until somebody resumes."""

    model_config = ConfigDict(frozen=True)

    reason: str
    until: float | None = Field(None, ge=0, le=LATEST)


class PauseFile:
    """The pause of one worker, kept in its state directory, which commands and worker share."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def set(self, pause: Pause) -> None:
        """Pause; written whole or not at all. Raises OSError, as where there is no such directory."""
        new = self._path.with_suffix(".new")
        new.write_text(pause.model_dump_json())
        new.replace(self._path)

    def clear(self) -> None:
        """Resume; nothing happens where there is no pause."""
        self._path.unlink(missing_ok=True)

    def get(self) -> Pause | None:
        """The pause that is on now. A file that cannot be read pauses: nobody wrote it to be ignored."""
        try:
            pause = Pause.model_validate_json(self._path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            return Pause(reason=f"{self._path} cannot be read: {type(error).__name__}. Pause again, or resume.")
        return pause if pause.until is None or pause.until > time.time() else None
