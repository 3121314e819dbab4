"""The states of a job and the transitions between them, as data.

`docs/state_machine.md` is drawn from these tables and tested against them.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a job stands. The last four are ends: nothing leads out of them."""

    AWAITING_UPLOAD = "awaiting_upload"  # created; at least one of its files is not there yet
    QUEUED = "queued"  # both files are there and a message for it exists
    RUNNING = "running"  # a worker holds the claim
    SUCCEEDED = "succeeded"  # has a result
    FAILED = "failed"  # has an error
    CANCELLED = "cancelled"  # its owner ended it
    EXPIRED = "expired"  # the uploads never came


TRANSITIONS: dict[State, frozenset[State]] = {
    State.AWAITING_UPLOAD: frozenset({State.QUEUED, State.FAILED, State.CANCELLED, State.EXPIRED}),
    State.QUEUED: frozenset({State.RUNNING, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({State.QUEUED, State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
}

ENDS: frozenset[State] = frozenset(state for state, targets in TRANSITIONS.items() if not targets)
