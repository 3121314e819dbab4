"""Keeps what is in hand ours: one owner a message, who extends its visibility and its job's claim."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from shared import logs
from shared.claims import CLAIM_SECONDS, Claims
from shared.errors import StoreError
from shared.resources import VISIBILITY
from worker import credentials
from worker.messages import Messages
from worker.watchdog import Watchdog
from worker.work import Work

BEAT_SECONDS = VISIBILITY / 3
AGAIN_SECONDS = 5.0  # after a beat that failed: whoever is back first after a network cut has the job
BEATING_THREADS = 4
SLOW_SECONDS = 5.0  # a message that takes longer to be hidden shows that SQS hangs,
SKIP_SECONDS = 60.0  # and for so long the beats keep to the claims: those are what counts
LOOP = "keeper"

log = logs.get(__name__)


@dataclass
class _Held:
    work: Work
    beat_at: float
    beating: bool = False  # so that what waits for a thread during an outage waits for one only once
    failing: bool = False  # since a beat that did not get through, and was told
    ran_out: bool = False

    def newly_ran_out(self, now: float) -> bool:
        """Whether its claim has run out since this was last asked."""
        before, self.ran_out = self.ran_out, _ran_out(self.work, now)
        return self.ran_out and not before


class Keeper:
    """From the receive until the work is let go, extends every third of the visibility.

    A claim that is refused is no longer ours: whatever is done for that work is cancelled. One that ran out because it
    could not be extended in time, as in a network cut, may still be: the work goes on until somebody says no, and where
    nobody took the job over meanwhile, the next beat that gets through holds it again.
    """

    def __init__(self, claims: Claims, messages: Messages, watchdog: Watchdog) -> None:
        self._claims = claims
        self._messages = messages
        self._watchdog = watchdog
        self._held: dict[int, _Held] = {}
        self._lock = threading.Lock()
        self._hide_at = -math.inf
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=LOOP)

    def start(self) -> None:
        """Begin to beat; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop beating: last of all that works, for a drain takes long."""
        self._stopping.set()
        self._thread.join()

    def hold(self, work: Work) -> None:
        """Keep this work, from its receive on."""
        with self._lock:
            self._held[id(work)] = _Held(work, time.monotonic() + BEAT_SECONDS)

    def holds(self, job_id: str) -> bool:
        """Whether a job is in hand here, claimed or being claimed: that may be true before its answer is here."""
        with self._lock:
            return any(held.work.job_id == job_id for held in self._held.values())

    def let_go(self, work: Work) -> None:
        """Keep it no longer. A beat under way is waited for: it must not hide a message that is given back."""
        with work.lock:
            work.settled = True
        with self._lock:
            self._held.pop(id(work), None)

    def _run(self) -> None:
        with ThreadPoolExecutor(BEATING_THREADS, thread_name_prefix="beat") as beats:
            while not self._stopping.wait(1.0):
                self._watchdog.turn(LOOP)
                for work in self.due(time.monotonic()):
                    self._submit(beats, work)
            self._watchdog.ended(LOOP)

    def _submit(self, beats: ThreadPoolExecutor, work: Work) -> None:
        try:
            beats.submit(self.beat, work)
        except Exception:  # as where no thread can be made; all others in hand are kept
            log.exception("beat_failed")
            self._beaten(work, well=False)

    def due(self, now: float) -> list[Work]:
        """What is to be extended at this time of the monotonic clock; tells of claims that have run out by then."""
        with self._lock:
            due = [held for held in self._held.values() if held.beat_at <= now and not held.beating]
            for held in due:
                held.beating, held.beat_at = True, now + BEAT_SECONDS
            news = [held.work for held in self._held.values() if held.newly_ran_out(now)]
        for work in news:
            with work.in_log():
                log.warning("claim_ran_out")
        return [held.work for held in due]

    def beat(self, work: Work) -> None:
        """Extend its claim, then its message: the claim is what counts."""
        if not work.lock.acquire(blocking=False):
            return  # it is just let go
        well = False
        try:
            if work.settled:
                return
            with work.in_log():
                well = work.claim_ends is None or work.cancelled.is_set() or self._extend(work)
                if well:  # what cannot reach the table is soon made again, and whole
                    self._hide(work)
        except Exception:
            with work.in_log():
                log.exception("beat_failed")
        finally:
            work.lock.release()
            self._beaten(work, well=well)

    def _hide(self, work: Work) -> None:
        began = time.monotonic()
        if began < self._hide_at:
            return
        self._messages.hide(work.message, VISIBILITY)
        if (now := time.monotonic()) - began > SLOW_SECONDS:
            self._hide_at = now + SKIP_SECONDS

    def _beaten(self, work: Work, *, well: bool) -> None:
        with self._lock:
            if held := self._held.get(id(work)):
                held.beating, held.failing = False, not well
                if not well:
                    held.beat_at = min(held.beat_at, time.monotonic() + AGAIN_SECONDS)

    def _extend(self, work: Work) -> bool:
        """Whether it got through, whatever was said."""
        ends = time.monotonic() + CLAIM_SECONDS
        try:
            self._claims.extend(work.claimed)
        except StoreError as error:
            log.warning("claim_lost", why=str(error))
            work.cancelled.set()
        except (BotoCoreError, ClientError) as error:
            if self._is_news(work) and not credentials.tells(error):
                log.warning("claim_not_extended", error=str(error))
            return False
        else:
            if _ran_out(work, time.monotonic()):
                log.info("claim_held_again")
            work.claim_ends = ends
        return True

    def _is_news(self, work: Work) -> bool:
        with self._lock:
            held = self._held.get(id(work))
            return held is None or not held.failing


def _ran_out(work: Work, now: float) -> bool:
    return work.claim_ends is not None and work.claim_ends <= now and not work.cancelled.is_set()
