"""Keeps what is in hand ours: one owner a message, who extends its visibility and its job's claim."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from shared import logs
from shared.claims import CLAIM_SECONDS, Claims
from shared.errors import StoreError
from shared.resources import VISIBILITY
from worker.messages import Messages
from worker.watchdog import Watchdog
from worker.work import Work

BEAT_SECONDS = VISIBILITY / 3
BEATING_THREADS = 4
LOOP = "keeper"

log = logs.get(__name__)


class Keeper:
    """From the receive until the work is let go, extends every third of the visibility.

    A claim that is refused, or that ran out by the monotonic clock because it could not be extended in time, is no
    longer ours: whatever is done for that work is cancelled.
    """

    def __init__(self, claims: Claims, messages: Messages, watchdog: Watchdog) -> None:
        self._claims = claims
        self._messages = messages
        self._watchdog = watchdog
        self._next_beat: dict[int, tuple[Work, float]] = {}
        self._lock = threading.Lock()
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
            self._next_beat[id(work)] = (work, time.monotonic() + BEAT_SECONDS)

    def let_go(self, work: Work) -> None:
        """Keep it no longer. A beat under way is waited for: it must not hide a message that is given back."""
        with work.lock:
            work.settled = True
        with self._lock:
            self._next_beat.pop(id(work), None)

    def _run(self) -> None:
        with ThreadPoolExecutor(BEATING_THREADS, thread_name_prefix="beat") as beats:
            while not self._stopping.wait(1.0):
                self._watchdog.turn(LOOP)
                for work in self.due(time.monotonic()):
                    beats.submit(self.beat, work)
            self._watchdog.ended(LOOP)

    def due(self, now: float) -> list[Work]:
        """What is to be extended at this time of the monotonic clock; cancels whose claim has run out by then."""
        with self._lock:
            held = list(self._next_beat.values())
            due = [work for work, beat_at in held if beat_at <= now]
            for work in due:
                self._next_beat[id(work)] = (work, now + BEAT_SECONDS)
        for work, _ in held:
            if work.claim_ends is not None and work.claim_ends <= now and not work.cancelled.is_set():
                with logs.about(work.claimed):
                    log.error("claim_ran_out")
                work.cancelled.set()
        return due

    def beat(self, work: Work) -> None:
        """Extend its claim, then its message: the claim is what counts."""
        if not work.lock.acquire(blocking=False):
            return  # its last beat is still under way
        try:
            if work.settled:
                return
            if work.claim_ends is not None and not work.cancelled.is_set():
                with logs.about(work.claimed):
                    self._extend(work)
            self._messages.hide(work.message, VISIBILITY)
        except Exception:
            with work.in_log():
                log.exception("beat_failed")
        finally:
            work.lock.release()

    def _extend(self, work: Work) -> None:
        ends = time.monotonic() + CLAIM_SECONDS
        try:
            self._claims.extend(work.claimed)
        except StoreError as error:
            log.warning("claim_lost", why=str(error))
            work.cancelled.set()
        except (BotoCoreError, ClientError) as error:
            log.warning("claim_not_extended", error=str(error))
        else:
            work.claim_ends = ends
