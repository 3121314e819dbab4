"""Waiting for a job to end: polling as often as the service asks to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from tenacity import RetryCallState, Retrying, retry_if_exception, retry_if_result

from mosaic.errors import ServerError, Unreachable, WaitTimeout
from mosaic.models import Job
from mosaic.patience import Patience, is_transient, pause

DEFAULT_TIMEOUT_SECONDS = 600.0

OnPoll = Callable[[Job], None]


@dataclass(frozen=True)
class Polled:
    """A job as one poll found it, and in how many seconds to poll again."""

    job: Job
    retry_after: float


class Waiting:
    """Polls one job until it ended, for at most `timeout` seconds.

    Failures that may pass, and being told that it asks too often, do not end the waiting; time does.
    """

    def __init__(self, job_id: str, poll: Callable[[], Polled], timeout: float, patience: Patience) -> None:
        self._job_id = job_id
        self._poll = poll
        self._timeout = timeout
        self._patience = patience
        self._deadline = patience.clock.monotonic() + timeout
        self._job: Job | None = None

    def until_ended(self, on_poll: OnPoll) -> Job:
        """The job, ended; `on_poll` gets it as each poll found it.

        Raises WaitTimeout, or ApiError, Unreachable and UnexpectedAnswer as the polls do.
        """

        def poll() -> Polled:
            polled = self._poll()
            self._job = polled.job
            on_poll(polled.job)
            return polled

        retrying = Retrying(
            retry=retry_if_exception(is_transient) | retry_if_result(lambda polled: not polled.job.ended),
            wait=self._pause,
            stop=lambda _: self._left() <= 0,
            sleep=self._patience.clock.sleep,
            before_sleep=self._patience.tell,
            retry_error_callback=self._give_up,
        )
        return retrying(poll).job

    def _left(self) -> float:
        return self._deadline - self._patience.clock.monotonic()

    def _pause(self, state: RetryCallState) -> float:
        # The last pause is cut, so that the last poll is made when time is up and not before.
        return max(0.0, min(pause(state), self._left()))

    def _give_up(self, state: RetryCallState) -> NoReturn:
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, Unreachable | ServerError):
            raise failure
        raise WaitTimeout(self._job_id, self._job, self._timeout) from failure
