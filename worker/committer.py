"""The stage after the seats: makes what became of a job true, once, and settles its message."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import JsonValue

from shared import logs, object_keys
from shared.claims import Claims
from shared.errors import LostRace, StoreError, UnknownJob
from shared.job import ErrorCategory, Job, JobError
from shared.result import Advice, EngineRecord, Result
from shared.states import State
from worker.accounts import Accounts
from worker.breaker import Breaker
from worker.clock import Clock
from worker.ends import SUCCESSES, End, end_of
from worker.engines.engine import Description, EngineError, FailureClass
from worker.fetcher import seconds_to_claim
from worker.job_files import JobFiles
from worker.keeper import Keeper
from worker.messages import Messages
from worker.patience import GaveUp, Patience
from worker.result_document import result_document
from worker.work import UNEXPECTED, Crashed, Failed, Finished, Outcome, Scored, Unscored, Work

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ENGINE_WARNING = "engine_warning"  # the code of whatever an engine says against its own score
RETRY_SECONDS = (5, 15)  # a failed attempt's next one waits so long, at random

log = logs.get(__name__)


class Committer:
    """Ends each piece of work: writes to the table first, then settles the message, then forgets its files."""

    def __init__(  # noqa: PLR0913 - the stage that everything comes together in
        self,
        *,
        claims: Claims,
        messages: Messages,
        breaker: Breaker,
        files: JobFiles,
        keeper: Keeper,
        accounts: Accounts,
        clock: Clock,
        s3: S3Client,
        bucket: str,
        engine: Description,
        patience: Patience,
    ) -> None:
        self._claims = claims
        self._messages = messages
        self._breaker = breaker
        self._files = files
        self._keeper = keeper
        self._accounts = accounts
        self._clock = clock
        self._s3 = s3
        self._bucket = bucket
        self._engine = engine
        self._patience = patience

    def finish(self, finished: Finished) -> None:
        """Commit, fail, retry or put back; whatever happens, the work is let go and its files are removed."""
        work, outcome = finished
        with logs.about(work.claimed):
            try:
                self._finish(work, outcome)
            except Exception:
                log.exception("commit_failed")  # the job comes again once its claim has ended

    def _finish(self, work: Work, outcome: Outcome) -> None:
        job: Job | None = None
        end = End.UNEXPECTED
        try:
            job, end = self._end(work, outcome)
        finally:
            self._accounts.ended(end, outcome, begun=work.begun is not None, error=job.error if job else None)
            self._keeper.let_go(work)
            if work.directory:
                self._files.remove(work.directory)
            work.cancelled.close()
        self._settle(work, job, self._pause(outcome, end))

    def _end(self, work: Work, outcome: Outcome) -> tuple[Job | None, End]:
        """Write what became of the job; where that breaks as nobody foresaw, that it is to be tried once more."""
        try:
            return self._ended(work, outcome, lambda: self._write(work, outcome))
        except Exception:
            log.exception("commit_failed")
            return self._ended(work, outcome, lambda: self._claims.retry(work.claimed, UNEXPECTED))

    def _ended(self, work: Work, outcome: Outcome, write: Callable[[], Job]) -> tuple[Job | None, End]:
        """The job as it stands after a write, None where it is gone, and how this attempt of it ended."""
        try:
            job = write()
            end = end_of(work.claimed, outcome, job)
            if end not in SUCCESSES:
                log.info("attempt_ended", end=end)
        except LostRace as race:
            log.info("claim_was_lost", why=str(race))
            return race.job, end_of(work.claimed, Unscored.DROPPED, race.job)
        except UnknownJob:
            log.info("job_was_gone")
            return None, End.GONE
        except GaveUp as error:
            log.warning("job_left", why=str(error))
            return work.job, End.LEFT
        return job, end

    def _write(self, work: Work, outcome: Outcome) -> Job:
        if work.begun:
            work.begun.result()
        job = work.claimed
        match outcome:
            case Scored(score):
                return self._commit(work, self._result(work, score.mos_lqo, score.warnings), score.details)
            case Unscored.NO_SIGNAL:
                return self._commit(work, self._result(work, None), {})
            case Failed(error):
                return self._failed(job, error)
            case Crashed(code):
                return self._claims.retry(job, code)
            case Unscored.RETURNED | Unscored.PUT_OFF:
                return self._claims.put_back(job)
            case Unscored.DROPPED:
                return self._claims.get(job.id)

    def _failed(self, job: Job, error: EngineError) -> Job:
        log.warning("attempt_failed", error=str(error))
        if error.failure_class is FailureClass.BAD_INPUT:
            reason = JobError(category=ErrorCategory.BAD_INPUT, code=error.code, message=error.message, file=error.file)
            return self._claims.fail(job, reason)
        if error.failure_class is FailureClass.TRANSIENT:
            return self._claims.retry(job, error.code)
        return self._claims.put_back(job)

    def _result(self, work: Work, mos_lqo: float | None, warnings: Iterable[str] = ()) -> Result:
        findings = work.findings
        if findings is None:
            raise RuntimeError(f"job {work.claimed.id} has a score but was never examined")
        return Result(
            mos_lqo=mos_lqo,
            mode=work.claimed.mode,
            engine=EngineRecord(
                name=self._engine.name,
                version=work.engine_version or self._engine.version,
                settings=dict(self._engine.settings),
            ),
            warnings=[*findings.warnings, *(Advice(code=ENGINE_WARNING, message=words) for words in warnings)],
            prepared=findings.prepared,
            audio=findings.audio,
            timings_ms=work.timings_ms,
        )

    def _commit(self, work: Work, result: Result, details: Mapping[str, JsonValue]) -> Job:
        """Put the result document, then make it true. Overtaken, it is removed unless it may yet be true."""
        job = work.claimed
        key = object_keys.result_key(job.id, job.attempt)
        body = result_document(job, result, details)
        began = time.monotonic()
        self._patience(
            lambda: self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        )
        seconds = time.monotonic() - began
        self._accounts.published(seconds)
        published = {**result.timings_ms, "published": round(seconds * 1000)}
        try:
            done = self._claims.commit(job, result.model_copy(update={"timings_ms": published}), key)
        except StoreError:
            self._remove_unless_true(job, key)
            raise
        log.info("job_succeeded", mos_lqo=result.mos_lqo)
        return done

    def _remove_unless_true(self, job: Job, key: str) -> None:
        try:
            now: Job | None = self._claims.get(job.id)
        except UnknownJob:
            now = None
        if now is None or (now.result_key != key and (now.ended or now.attempt > job.attempt)):
            self._remove(key)

    def _remove(self, key: str) -> None:
        """In few tries, for whoever removes the job removes all that is named after it."""
        try:
            self._patience.briefly(lambda: self._s3.delete_object(Bucket=self._bucket, Key=key))
        except (BotoCoreError, ClientError, GaveUp) as error:
            log.warning("result_left", key=key, error=str(error))

    def _settle(self, work: Work, job: Job | None, pause: float) -> None:
        if job is None or job.ended:
            self._messages.delete(work.message)
        elif job.state is State.RUNNING:
            self._messages.show_in(work.message, seconds_to_claim(job, self._clock()))
        else:
            self._messages.show_in(work.message, pause)

    def _pause(self, outcome: Outcome, end: End) -> float:
        """How long a job that goes back is to wait."""
        if end is End.RETRIED:
            return random.uniform(*RETRY_SECONDS)  # noqa: S311 - jitter, not a secret
        if outcome is Unscored.PUT_OFF or isinstance(outcome, Failed):
            return self._breaker.pause_seconds()
        return 0
