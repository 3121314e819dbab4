"""The worker: the stages and what serves them, started in order and stopped in the order that loses nothing."""

from __future__ import annotations

import os
import threading

from shared import logs
from shared.claims import Claims
from shared.hosts import Hosts, HostState
from shared.job import Role
from shared.job_table import JobTable
from shared.pools import Lane
from shared.resources import MALFORMED_QUEUE, lane_queue
from shared.settings import BadSettings
from worker import clients, engines
from worker.accounts import Accounts
from worker.breaker import Breaker
from worker.committer import Committer
from worker.condition import Condition
from worker.crew import Crew
from worker.disk import Disk
from worker.engines.engine import Description, EngineError
from worker.fetcher import Fetcher
from worker.handoff import Handoff
from worker.job_files import JobFiles
from worker.keeper import BEATING_THREADS, Keeper
from worker.log_shipping import LogShipping
from worker.measuring import Measuring
from worker.messages import Messages
from worker.metrics import Source
from worker.notify import READY, STOPPING, more_time, notify, status, watchdog_seconds
from worker.patience import Patience
from worker.pause import PauseFile
from worker.places import Places
from worker.poller import Poller
from worker.pool_terms import broken_terms
from worker.reference_cache import ReferenceCache
from worker.seats import Seats
from worker.settings import WorkerSettings
from worker.spawner import Spawner
from worker.status import StatusFile
from worker.teller import Teller
from worker.watchdog import LIMIT_SECONDS, Watchdog
from worker.work import Finished, Unscored, Work

LAST_DELETES_SECONDS = 10.0  # at the end; one that is given up then is harmless, and a restart waits for it

log = logs.get(__name__)


class Worker:
    """poller → fetcher → seats → committer, with bounded hand-offs between them."""

    def __init__(self, told: WorkerSettings, shipping: LogShipping) -> None:
        """Raises BadSettings with every error: of the engine, where it is not its pool's, and of AWS's own settings.

        Whoever makes the shipping stops it, last of all.
        """
        self._told = told
        self._shipping = shipping
        self._opened = False
        self._closing = threading.Event()
        self._polled = threading.Event()
        self._hurried = threading.Event()
        self._opening = threading.Thread(target=self._open, name="opening")
        in_hand = told.seats + told.prefetch
        threads = in_hand * len(Role) + told.seats * 2 + BEATING_THREADS + 4  # a job's files are fetched at once
        self._engine, aws = _engine_and_clients(told, threads)
        self._logs = aws.logs
        self._patience = Patience()
        self._watchdog = Watchdog(watchdog_seconds() or LIMIT_SECONDS)
        table = JobTable(aws.dynamodb, told.table, self._patience)
        clock = aws.clock
        claims = Claims(table, told.host, clock, told.lives)
        urls = {lane: told.queue_urls[lane_queue(told.pool, lane)] for lane in Lane}
        self._messages = Messages(
            aws.sqs, aws.polling, urls, told.queue_urls[MALFORMED_QUEUE], self._patience, self._watchdog
        )
        self._places = Places(in_hand)
        self._inbox: Handoff[Work] = Handoff(in_hand)
        self._ready: Handoff[Work] = Handoff(in_hand, rank=lambda work: work.message.lane is Lane.BULK)
        outbox: Handoff[Finished] = Handoff(in_hand)
        self._outbox = outbox
        self._references = ReferenceCache(told.work_directory / "references", told.cache_bytes)
        disk = Disk(told.work_directory, told.disk_floor_bytes, self._references.evict)
        self._files = JobFiles(
            s3=aws.s3,
            bucket=told.bucket,
            root=told.work_directory,
            patience=self._patience,
            references=self._references,
            disk=disk,
            most_at_once=in_hand,
        )
        self._spawner = Spawner()
        self._measuring = Measuring(self._spawner, self._references, disk)
        beats = Claims(JobTable(aws.dynamodb, told.table), told.host, clock, told.lives)
        self._keeper = Keeper(beats, self._messages, self._watchdog)
        self._breaker = Breaker((mode.name for mode in self._engine.modes), told.hold_seconds)
        self._accounts = Accounts(
            source=Source(told.pool, told.host, told.metrics_namespace),
            seats=told.seats,
            readings=lambda: self._condition.readings(),
            totals=self._totals,
        )
        fetcher = Fetcher(
            claims=claims,
            messages=self._messages,
            breaker=self._breaker,
            files=self._files,
            measuring=self._measuring,
            keeper=self._keeper,
            places=self._places,
            accounts=self._accounts,
            clock=clock,
            ready=self._ready,
            outbox=outbox,
        )
        self._fetchers = Crew("fetcher", in_hand, self._inbox, fetcher.fetch, about=Work.in_log)
        self._seats = Seats(
            engine=told.engine,
            description=self._engine,
            pool=told.own_pool,
            count=told.seats,
            environment={"NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR") or str(told.state_directory / "numba")},
            spawner=self._spawner,
            disk=disk,
            breaker=self._breaker,
            claims=claims,
            places=self._places,
            accounts=self._accounts,
            ready=self._ready,
            outbox=outbox,
        )
        self._condition = Condition(
            told=told,
            engine=self._engine,
            pause=PauseFile(told.state_directory),
            clock=clock,
            disk=disk,
            breaker=self._breaker,
            seats=self._seats,
            measuring=self._measuring,
            accounts=self._accounts,
        )
        self._poller = Poller(
            messages=self._messages,
            places=self._places,
            keeper=self._keeper,
            inbox=self._inbox,
            watchdog=self._watchdog,
            accounts=self._accounts,
            closed=self._condition.closed,
            poll_seconds=told.poll_seconds,
        )
        committer = Committer(
            claims=claims,
            messages=self._messages,
            breaker=self._breaker,
            files=self._files,
            keeper=self._keeper,
            accounts=self._accounts,
            clock=clock,
            s3=aws.s3,
            bucket=told.bucket,
            engine=self._engine,
            patience=self._patience,
        )
        self._committers = Crew(
            "committer", told.seats, outbox, committer.finish, about=lambda finished: finished[0].in_log()
        )
        self._teller = Teller(
            hosts=Hosts(JobTable(aws.dynamodb, told.table), clock),
            status=StatusFile(told.state_directory),
            watchdog=self._watchdog,
            describe=self._condition.host,
            line=self._condition.line,
        )

    def start(self) -> None:
        """Start everything; returns at once. Messages are received once the seats are warm."""
        self._files.start()  # first, for it makes sure that no other worker has the directory
        self._shipping.start(self._logs)
        self._accounts.start()
        for part in (self._references, self._spawner, self._measuring, self._keeper, self._teller, self._seats):
            part.start()
        self._watchdog.start()
        self._messages.start()
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
        self._files.hurry()
        self._measuring.stop()
        self._patience.end()

    def stop(self) -> None:
        """Drain: nothing new is taken, what has not begun goes back, what runs may end within the deadline."""
        notify(STOPPING, status("draining"), more_time(self._told.stop_seconds))
        log.info("draining", busy=self._accounts.busy)
        self._closing.set()
        self._opening.join()
        self._condition.stage = HostState.DRAINING
        self._teller.tell_now()
        if not self._opened:
            self._seats.hurry()  # nothing was received yet, and seats that still warm up are of no use
        late = self._poller.stop()
        self._polled.set()
        deadline = threading.Timer(0 if self._hurried.is_set() else self._told.drain_seconds, self._hurry_now)
        deadline.start()
        self._seats.take_no_more()
        for work in (*late, *self._inbox.clear()):
            self._give_back(work)
        self._fetchers.stop()
        for work in self._ready.clear():
            self._outbox.put((work, Unscored.RETURNED))
        self._seats.stop()
        self._committers.stop()
        deadline.cancel()
        last = threading.Timer(LAST_DELETES_SECONDS, self._patience.end)
        last.start()
        self._messages.stop()
        last.cancel()
        self._accounts.stop()
        for part in (self._keeper, self._teller, self._measuring, self._references, self._spawner):
            part.stop()
        self._watchdog.stop()
        log.info("drained")

    def _give_back(self, work: Work) -> None:
        self._keeper.let_go(work)
        self._messages.show_in(work.message, 0)
        self._accounts.unclaimed()
        work.cancelled.close()

    def _open(self) -> None:
        """Receive once every seat and the measuring process have come up, unless the worker is to end before that."""
        for warm in range(self._told.seats):
            notify(status(f"warming seats {warm}/{self._told.seats}"))
            log.info("warming_seats", warm=warm, seats=self._told.seats)
            while not self._seats.wait_warm(0.2):
                if self._closing.is_set():
                    return
        while not self._measuring.wait_up(0.2):
            if self._closing.is_set():
                return
        self._opened = True
        self._condition.stage = HostState.READY
        self._teller.tell_now()
        self._poller.start()
        notify(READY)
        log.info("worker_ready", engine=self._engine.name, version=self._seats.version, seats=self._told.seats)

    def _totals(self) -> dict[str, int]:
        """What the accounts tell the growth of."""
        return {
            "reference_cache_hits": self._references.hits,
            "reference_cache_misses": self._references.misses,
            "logs_dropped": self._shipping.dropped,
        }


def _engine_and_clients(told: WorkerSettings, threads: int) -> tuple[Description, clients.Clients]:
    """Raises BadSettings with every error of both."""
    errors: list[str] = []
    try:
        engine = engines.load(told.engine).describe()
        errors += broken_terms(told.own_pool, engine)
    except EngineError as error:
        errors.append(str(error))
    try:
        aws = clients.make(threads)
    except BadSettings as bad:
        errors += bad.errors
    if errors:
        raise BadSettings(errors)
    return engine, aws
