"""The worker: the stages and what serves them, started in order and stopped in the order that loses nothing."""

from __future__ import annotations

import os
import threading
import time

from shared import logs
from shared.claims import Claims
from shared.hosts import Host, Hosts, HostState
from shared.job_table import JobTable
from shared.pools import Lane
from shared.resources import MALFORMED_QUEUE, lane_queue
from worker import clients, engines
from worker.breaker import Breaker
from worker.committer import Committer
from worker.crew import Crew
from worker.engines.engine import FailureClass
from worker.fetcher import Fetcher
from worker.handoff import Handoff
from worker.job_files import JobFiles
from worker.keeper import BEATING_THREADS, Keeper
from worker.measuring import Measuring
from worker.messages import Messages
from worker.notify import notify
from worker.patience import Patience
from worker.pause import PauseFile
from worker.places import Places
from worker.poller import Poller
from worker.seats import Seats
from worker.settings import WorkerSettings
from worker.spawner import Spawner
from worker.status import StatusFile
from worker.teller import Teller
from worker.work import Finished, Returned, Work

log = logs.get(__name__)


class Worker:
    """poller → fetcher → seats → committer, with bounded hand-offs between them."""

    def __init__(self, told: WorkerSettings) -> None:
        """Raises EngineError where there is no such engine."""
        self._told = told
        self._engine = engines.load(told.engine).describe()
        self._state = HostState.STARTING
        self._opened = False
        self._closing = threading.Event()
        self._polled = threading.Event()
        self._hurried = threading.Event()
        self._opening = threading.Thread(target=self._open, name="opening")
        in_hand = told.seats + told.prefetch
        threads = in_hand + told.seats * 2 + BEATING_THREADS + 4
        aws = clients.make(threads)
        self._patience = Patience()
        table = JobTable(aws.dynamodb, told.table, self._patience)
        claims = Claims(table, told.host)
        urls = {lane: told.queue_urls[lane_queue(told.pool, lane)] for lane in Lane}
        self._messages = Messages(aws.sqs, aws.polling, urls, told.queue_urls[MALFORMED_QUEUE], self._patience)
        self._places = Places(in_hand)
        self._inbox: Handoff[Work] = Handoff(in_hand)
        self._ready: Handoff[Work] = Handoff(in_hand, rank=lambda work: work.message.lane is Lane.BULK)
        outbox: Handoff[Finished] = Handoff(in_hand)
        self._outbox = outbox
        self._files = JobFiles(aws.s3, told.bucket, told.work_directory, self._patience)
        self._spawner = Spawner()
        self._measuring = Measuring(self._spawner)
        self._keeper = Keeper(Claims(JobTable(aws.dynamodb, told.table), told.host), self._messages)
        self._pause = PauseFile(told.state_directory)
        self._breaker = Breaker((mode.name for mode in self._engine.modes), told.hold_seconds)
        self._poller = Poller(
            messages=self._messages,
            places=self._places,
            keeper=self._keeper,
            inbox=self._inbox,
            closed=self._closed,
            poll_seconds=told.poll_seconds,
        )
        fetcher = Fetcher(
            claims=claims,
            messages=self._messages,
            breaker=self._breaker,
            files=self._files,
            measuring=self._measuring,
            keeper=self._keeper,
            places=self._places,
            ready=self._ready,
            outbox=outbox,
        )
        self._fetchers = Crew("fetcher", in_hand, self._inbox, fetcher.fetch)
        self._seats = Seats(
            engine=told.engine,
            count=told.seats,
            environment={"NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR") or str(told.state_directory / "numba")},
            spawner=self._spawner,
            breaker=self._breaker,
            claims=claims,
            places=self._places,
            ready=self._ready,
            outbox=outbox,
        )
        committer = Committer(
            claims=claims,
            messages=self._messages,
            breaker=self._breaker,
            files=self._files,
            keeper=self._keeper,
            s3=aws.s3,
            bucket=told.bucket,
            engine=self._engine,
            patience=self._patience,
        )
        self._committers = Crew("committer", told.seats, outbox, committer.finish)
        self._teller = Teller(Hosts(JobTable(aws.dynamodb, told.table)), StatusFile(told.state_directory), self._host)

    def start(self) -> None:
        """Start everything; returns at once. Messages are received once the seats are warm."""
        for part in (self._files, self._spawner, self._measuring, self._keeper, self._teller, self._seats):
            part.start()
        self._fetchers.start()
        self._committers.start()
        self._opening.start()

    def hurry(self) -> None:
        """Wait no longer, for seats or for AWS: what can go back does, the rest comes back once its claim has ended."""
        self._hurried.set()
        if self._polled.is_set():  # while messages still come in, what goes back would come in again
            self._hurry_now()

    def _hurry_now(self) -> None:
        self._seats.hurry()
        self._measuring.stop()
        self._patience.end()

    def stop(self) -> None:
        """Drain: nothing new is taken, what has not begun goes back, what runs may end within the deadline."""
        notify("STOPPING=1\nSTATUS=draining")
        log.info("draining", busy=self._seats.busy)
        self._closing.set()
        self._opening.join()
        self._state = HostState.DRAINING
        if not self._opened:
            self._seats.hurry()  # nothing was received yet, and seats that still warm up are of no use
        self._poller.stop()
        self._polled.set()
        deadline = threading.Timer(0 if self._hurried.is_set() else self._told.drain_seconds, self._hurry_now)
        deadline.start()
        self._seats.take_no_more()
        for work in self._inbox.clear():
            self._give_back(work)
        self._fetchers.stop()
        for work in self._ready.clear():
            self._outbox.put((work, Returned()))
        self._seats.stop()
        self._committers.stop()
        deadline.cancel()
        for part in (self._keeper, self._teller, self._measuring, self._spawner):
            part.stop()
        log.info("drained")

    def _give_back(self, work: Work) -> None:
        self._keeper.let_go(work)
        self._messages.show_in(work.message, 0)
        work.cancelled.close()

    def _open(self) -> None:
        """Receive once every seat has come up, unless the worker is to end before that."""
        for warm in range(self._told.seats):
            notify(f"STATUS=warming seats {warm}/{self._told.seats}")
            log.info("warming_seats", warm=warm, seats=self._told.seats)
            while not self._seats.wait_warm(0.2):
                if self._closing.is_set():
                    return
        self._opened = True
        self._state = HostState.READY
        self._teller.tell_now()
        self._poller.start()
        notify("READY=1\nSTATUS=ready")
        log.info("worker_ready", engine=self._engine.name, version=self._engine.version, seats=self._told.seats)

    def _closed(self) -> HostState | None:
        """Why nothing is received now, if so."""
        if self._pause.get():
            return HostState.PAUSED
        if not self._seats.up and not self._breaker.closed():
            return HostState.STARTING
        match self._breaker.closed():
            case FailureClass.LICENCE:
                return HostState.LICENCE_LOST
            case FailureClass.CONFIG:
                return HostState.MISCONFIGURED
        return None

    def _host(self) -> Host:
        return Host(
            host=self._told.host,
            pool=self._told.pool,
            engine=self._engine.name,
            version=self._engine.version,
            seats=self._told.seats,
            busy=self._seats.busy,
            mean_seconds=self._seats.mean_seconds,
            state=(self._closed() or self._state) if self._state is HostState.READY else self._state,
            seen_at=time.time(),
        )
