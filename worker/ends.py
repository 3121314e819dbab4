"""How an attempt ended, from where the worker stands: what its minutes count, and what its log says."""

from __future__ import annotations

from enum import StrEnum

from shared.job import ErrorCategory, Job
from shared.states import State
from worker.work import Outcome, Unscored


class End(StrEnum):
    """What became of a claimed job once this worker was done with it."""

    SUCCEEDED = "succeeded"  # it has a score
    NO_SIGNAL = "no_signal"  # it succeeded, with nothing to score in its degraded file
    FAILED_BAD_INPUT = "failed_bad_input"  # its audio cannot be scored
    FAILED_SERVICE = "failed_service"  # it was tried too often: the operator's turn
    RETRIED = "retried"  # a failure was counted, and it is queued again
    PUT_BACK = "put_back"  # it is queued again, at no cost
    CANCELLED = "cancelled"  # its owner ended it meanwhile
    OVERTAKEN = "overtaken"  # another attempt has it, or had
    GONE = "gone"  # its item is not there any more
    LEFT = "left"  # the worker had to end before it could say so: its claim runs out
    UNEXPECTED = "unexpected"  # an error that nobody foresaw, see the log: its claim runs out


SUCCESSES = frozenset({End.SUCCEEDED, End.NO_SIGNAL})


def end_of(claimed: Job, outcome: Outcome, now: Job) -> End:
    """The end of an attempt, by the job as it was claimed, what came of that, and the job as it stands since."""
    if now.state is State.CANCELLED:
        return End.CANCELLED
    if outcome is Unscored.DROPPED:
        return End.OVERTAKEN
    match now.state:
        case State.SUCCEEDED:
            return End.SUCCEEDED if now.result and now.result.mos_lqo is not None else End.NO_SIGNAL
        case State.FAILED:
            bad_input = now.error is not None and now.error.category is ErrorCategory.BAD_INPUT
            return End.FAILED_BAD_INPUT if bad_input else End.FAILED_SERVICE
        case State.QUEUED:
            return End.RETRIED if now.failures > claimed.failures else End.PUT_BACK
    return End.OVERTAKEN
