"""The jobs and nothing else, no queue: what the machine does at best. `python -m bench.peers.bare NUMBER SEATS`."""

from __future__ import annotations

import sys

from bench.peers import work
from bench.peers.place import Place


def main() -> None:
    """Do every so manieth job."""
    number, seats = int(sys.argv[1]), int(sys.argv[2])
    for job in list(Place.told().orders.seconds)[number::seats]:
        work.do(job)


if __name__ == "__main__":
    main()
