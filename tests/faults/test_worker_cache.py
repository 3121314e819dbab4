"""References that many jobs share, and a disk without room: nothing is fetched twice, and no job is lost or blamed."""

from __future__ import annotations

import hashlib
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from api import starting
from shared.hosts import Hosts, HostState
from shared.job import Job, Prepare, Role
from shared.job_table import JobTable
from shared.pools import Lane
from shared.resources import lane_queue
from shared.states import State
from tests import gets
from tests.cloud import POOL, Resources
from tests.small_disk import worker_on_small_disk
from tests.stand_ins.ordered_engine import Meeting, ordered_wav
from tests.worker_process import LOOK_SECONDS, GivenJobs, WorkerProcess, worker
from worker.pause import Pause, PauseFile

QUEUE = lane_queue(POOL.name, Lane.INTERACTIVE)
QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}
PATIENCE = 40  # seconds; a worker tells of itself every 15
MB = 1024 * 1024
JOB_BYTES = len(ordered_wav(QUICK)) * 2


def sha256_of(order: dict[str, JsonValue]) -> str:
    return hashlib.sha256(ordered_wav(order)).hexdigest()


def wait_until(what: str, happened: Callable[[], object]) -> None:
    """Nobody tells of it, so it is looked for again and again."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(LOOK_SECONDS)


def wait_for_log(process: WorkerProcess, event: str) -> None:
    wait_until(f"logged {event}", lambda: f'"{event}"' in process.log.read_text())


def wait_put_off(jobs: GivenJobs, job: Job) -> Job:
    """The job once it was claimed and has gone back."""

    def went_back() -> bool:
        now = jobs.now(job)
        return now.state is State.QUEUED and now.attempt > 0

    wait_until("put off", went_back)
    return jobs.now(job)


def test_ten_jobs_with_one_reference_fetch_it_once_and_leave_no_file(
    jobs: GivenJobs, resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gets.note_to(tmp_path / "gets", monkeypatch)
    started = [jobs.start(QUICK, sha256_of(QUICK)) for _ in range(10)]
    with worker(resources, tmp_path / "worker", seats="2", prefetch="8") as process:
        ended = jobs.wait_all(started, State.SUCCEEDED)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    got = Counter(Path(key).stem for key in gets.noted(tmp_path / "gets"))
    assert got == {Role.REFERENCE: 1, Role.DEGRADED: 10}
    assert {(job.attempt, job.failures) for job in ended} == {(1, 0)}
    measured = [job.result.audio[Role.REFERENCE] for job in ended if job.result]
    assert measured == [measured[0]] * 10
    assert measured[0]["sha256"] == sha256_of(QUICK)
    assert process.left_files() == []


def test_with_no_cache_every_job_fetches_its_own(
    jobs: GivenJobs, resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gets.note_to(tmp_path / "gets", monkeypatch)
    started = [jobs.start(QUICK, sha256_of(QUICK)) for _ in range(3)]
    with worker(resources, tmp_path / "worker", cache_bytes="0"):
        jobs.wait_all(started, State.SUCCEEDED)
    assert Counter(gets.noted(tmp_path / "gets")) == {job.file(role).key: 1 for job in started for role in Role}


def test_a_job_gets_the_reference_that_it_declared_whatever_became_of_the_object(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    sha256 = sha256_of(meeting.order)
    with worker(resources, tmp_path / "worker", prefetch="0"):  # so it fetches nothing while it scores
        jobs.start(meeting.order, sha256)
        meeting.wait_begun()
        replaced, removed = jobs.start(meeting.order, sha256), jobs.start(meeting.order, sha256)
        jobs.upload(replaced, Role.REFERENCE, {**QUICK, "another": "one"})
        jobs.service.s3.delete_object(Bucket=resources.bucket, Key=removed.reference.key)
        meeting.let_go()
        meeting.open()
        ended = jobs.wait_all([replaced, removed], State.SUCCEEDED)
    assert [job.result.audio[Role.REFERENCE]["sha256"] for job in ended if job.result] == [sha256, sha256]


def test_below_the_floor_a_host_says_so_and_receives_nothing(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    job = jobs.start(QUICK)
    with worker(resources, tmp_path / "worker", disk_floor_bytes=str(2**62)) as process:
        hosts = Hosts(JobTable(resources.clients.dynamodb, resources.table))
        wait_until("told", lambda: [host.state for host in hosts.alive(POOL.name)] == [HostState.DISK_FULL])
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert process.log.read_text().count('"disk_low"') == 1
    assert (jobs.now(job).state, jobs.now(job).attempt) == (State.QUEUED, 0)
    assert jobs.counts(QUEUE) == (1, 0)


def test_a_host_works_again_by_itself_once_there_is_room(jobs: GivenJobs, resources: Resources, tmp_path: Path) -> None:
    state = tmp_path / "worker" / "state"
    state.mkdir(parents=True)
    paused = PauseFile(state)
    paused.set(Pause(reason="so that no receive is under way while the disk fills"))
    with worker_on_small_disk(resources, tmp_path / "worker", "work", 8 * MB, disk_floor_bytes=str(4 * MB)) as disk:
        disk.fill(leave_bytes=3 * MB)
        job = jobs.start(QUICK)
        paused.clear()
        wait_for_log(disk.process, "disk_low")
        assert jobs.counts(QUEUE) == (1, 0)
        disk.clear()
        done = jobs.wait_for(job, State.SUCCEEDED)
    assert (done.attempt, done.failures) == (1, 0)
    log = disk.process.log.read_text()
    assert (log.count('"disk_low"'), log.count('"disk_well"')) == (1, 1)


@pytest.mark.parametrize(
    ("room", "prepare"),
    [(0, None), (JOB_BYTES + 16 * 1024, Prepare.model_validate({"level": -30}))],
    ids=["to fetch", "to prepare"],
)
def test_a_job_that_finds_no_room_goes_back_at_no_cost_and_is_scored_once_there_is_some(
    room: int, prepare: Prepare | None, jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    with worker_on_small_disk(
        resources, tmp_path / "worker", "work", MB, disk_floor_bytes="0", hold_seconds="0.2"
    ) as disk:
        disk.fill(leave_bytes=room)
        job = starting.start(jobs.service, jobs.create(QUICK, prepare=prepare))
        now = wait_put_off(jobs, job)
        assert (now.failures, now.lost_claims, now.begun_attempt) == (0, 0, 0)
        disk.clear()
        done = jobs.wait_for(job, State.SUCCEEDED)
        wait_until("clean", lambda: disk.files() == ["lock"])
    assert (done.failures, done.lost_claims) == (0, 0)


def test_what_was_half_fetched_is_gone_and_so_is_every_kept_reference(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    with worker_on_small_disk(
        resources, tmp_path / "worker", "work", MB, disk_floor_bytes="0", hold_seconds="3600"
    ) as disk:
        jobs.wait_for(jobs.start(QUICK, sha256_of(QUICK)), State.SUCCEEDED)
        wait_until("clean", lambda: disk.files() == ["lock", "references", "references/0.wav"])
        disk.fill(leave_bytes=JOB_BYTES // 4)
        wait_put_off(jobs, jobs.start(QUICK))
        wait_for_log(disk.process, "disk_low")
        disk.clear()
        wait_until("clean", lambda: disk.files() == ["lock", "references"])


def test_a_full_state_directory_costs_no_job_and_not_the_worker(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    with worker_on_small_disk(resources, tmp_path / "worker", "state", MB) as disk:
        disk.fill()
        jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)
        disk.process.signal(signal.SIGTERM)
        assert disk.process.wait() == 0
    assert "No space left" in disk.process.log.read_text()
