"""`python -m worker unit`: prints what the engine needs of the worker's unit, as a drop-in for it.

Installed as `mosaic-worker.service.d/50-engine.conf`; to be written anew where MOSAIC_ENGINE or its preset changes.
"""

import os
import sys

from pydantic import BaseModel

from shared import settings
from worker import engines
from worker.engines.engine import Description, EngineError

BAD_SETTINGS = 2


class DropInSettings(BaseModel):
    """Of the worker's settings only the engine."""

    engine: str


def main() -> int:
    """Print the drop-in; the exit code: 0, or 2 for bad settings or an engine that is not there."""
    try:
        engine = engines.load(settings.read(DropInSettings, os.environ).engine).describe()
    except (settings.BadSettings, EngineError) as error:
        print(error, file=sys.stderr)
        return BAD_SETTINGS
    print(drop_in(engine))
    return 0


def drop_in(engine: Description) -> str:
    """The drop-in for an engine; one that needs nothing has an empty one."""
    return "\n".join([f"# What the engine {engine.name} needs, by `python -m worker unit`.", "[Service]", *engine.unit])
