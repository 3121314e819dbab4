"""A stand-in for the worker: one seat, told to score the reference in a scratch directory. Killed by its test.

Run as `python -m tests.stand_ins.seat_parent SCRATCH`. It runs on import, so it shows that a child does not import it.
"""

import sys
from pathlib import Path

from tests.stand_ins import engine
from worker.cancellation import Cancellation
from worker.seat import Seat
from worker.spawner import Spawner

scratch = Path(sys.argv[1])
spawner = Spawner()
spawner.start()
seat = Seat(engine.NAME, 0, {}, spawner)
seat.start()
seat.wait_ready(30)
seat.score(scratch / "reference.wav", scratch / "degraded.wav", "any", scratch, 600, Cancellation())
