"""`GET /v1/jobs/{id}`: how a job stands, when to ask again, and what happens to those who do not wait."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from api import polling, remembered, waiting
from api import service as service_module
from api.service import Service
from shared.claims import Claims
from shared.hosts import Host, Hosts, HostState
from shared.job import Job
from shared.object_keys import result_key
from shared.states import ENDS, State
from tests.clock import SettableClock
from tests.jobs_for_tests import new_job, result
from tests.unit.api.steps import BUCKET, bring, calls, create, document, get, guard_item, item, serving_only

ON_THE_WAY = sorted(set(State) - ENDS)


def host(
    name: str, *, seats: int = 2, mean: float | None = 8.0, state: HostState = HostState.READY, ago: float = 0
) -> Host:
    return Host(
        host=name,
        pool="visqol-3",
        engine="visqol",
        version="3.8.0",
        seats=seats,
        busy=seats,
        mean_seconds=mean,
        state=state,
        seen_at=time.time() - ago,
    )


def fill(parts: Service, count: int, queue: str = "visqol-3-interactive") -> None:
    for _ in range(count):
        parts.sqs.send_message(QueueUrl=parts.settings.queue_urls[queue], MessageBody="x", MessageGroupId="acme")


@pytest.mark.parametrize("state", State)
def test_a_job_is_200_once_it_has_ended_and_202_before(state: State, parts: Service) -> None:
    job = create()
    bring(parts, job.id, state)
    answer = get(job.id)
    assert answer.status == (200 if state in ENDS else 202)
    assert ("Retry-After" in answer.headers) == (state not in ENDS)
    assert answer.headers["Content-Type"] == "application/json"
    found = document(answer)
    assert found.state is state
    assert state in found.times
    assert (found.result is not None) == (state is State.SUCCEEDED)
    assert (found.error is not None) == (state in ENDS - {State.SUCCEEDED})
    assert (found.expires_at is not None) == (state in ENDS)


@pytest.mark.parametrize("state", sorted(ENDS))
def test_an_ended_job_is_never_429(state: State, parts: Service) -> None:
    job = create()
    for _ in range(2):
        get(job.id)
    bring(parts, job.id, state)
    assert {get(job.id).status for _ in range(10)} == {200}


def test_a_score_comes_with_a_link_to_its_document_for_15_minutes(parts: Service) -> None:
    job = create()
    bring(parts, job.id, State.SUCCEEDED)
    found = document(get(job.id))
    assert found.result is not None
    assert found.result.mos_lqo == 3.31
    link = urlsplit(found.result.details)
    query = parse_qs(link.query)
    assert (link.netloc, link.path) == (f"{BUCKET}.s3.eu-central-1.amazonaws.com", "/" + result_key(job.id, 1))
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


@pytest.mark.parametrize("state", sorted(set(State) - {State.SUCCEEDED}))
def test_nothing_else_is_linked_to(state: State, parts: Service) -> None:
    job = create()
    bring(parts, job.id, state)
    assert "X-Amz-" not in str(get(job.id).body)


def test_a_job_that_awaits_its_upload_has_no_eta_and_may_be_asked_each_second(parts: Service) -> None:
    answer = get(create().id)
    assert (answer.headers["Retry-After"], answer.body["eta_seconds"]) == ("1", None)


def test_the_eta_is_the_lanes_depth_over_live_seats_times_the_mean(parts: Service, hosts: Hosts) -> None:
    hosts.tell(host("a", seats=2, mean=6.0))
    hosts.tell(host("b", seats=3, mean=10.0))
    fill(parts, 10)
    job = create()
    bring(parts, job.id, State.QUEUED)
    answer = get(job.id)
    assert answer.body["eta_seconds"] == (10 / 5 + 1) * 8
    assert answer.headers["Retry-After"] == "6"


@pytest.mark.parametrize(
    ("state", "mean", "ago"),
    [(HostState.READY, 900.0, 61.0), (HostState.DRAINING, 8.0, 0.0), (HostState.STARTING, None, 0.0)],
)
def test_seats_that_take_nothing_new_do_not_count(
    state: HostState, mean: float | None, ago: float, parts: Service, hosts: Hosts
) -> None:
    hosts.tell(host("ready"))
    hosts.tell(host("other", seats=90, mean=mean, state=state, ago=ago))
    fill(parts, 4)
    job = create()
    bring(parts, job.id, State.QUEUED)
    assert get(job.id).body["eta_seconds"] == (4 / 2 + 1) * 8


def test_the_other_lane_and_other_pools_do_not_count(parts: Service, hosts: Hosts) -> None:
    hosts.tell(host("a"))
    fill(parts, 3, "visqol-3-bulk")
    fill(parts, 3, "polqa-3-interactive")
    job = create()
    bring(parts, job.id, State.QUEUED)
    assert get(job.id).body["eta_seconds"] == 8


def test_before_a_host_has_told_of_a_job_the_eta_is_a_guess(parts: Service, hosts: Hosts) -> None:
    hosts.tell(host("a", mean=None))
    job = create()
    bring(parts, job.id, State.QUEUED)
    assert get(job.id).body["eta_seconds"] == waiting.ASSUMED_SECONDS


@pytest.mark.parametrize("state", [None, *sorted(set(HostState) - {HostState.READY})])
def test_where_nobody_works_there_is_no_eta_and_no_sense_in_asking_sooner_than_hosts_tell(
    state: HostState | None, parts: Service, hosts: Hosts
) -> None:
    if state:
        hosts.tell(host("a", state=state))
    job = create()
    bring(parts, job.id, State.QUEUED)
    answer = get(job.id)
    assert (answer.status, answer.body["eta_seconds"], answer.headers["Retry-After"]) == (202, None, "15")


def test_what_a_paused_host_still_runs_has_an_eta(parts: Service, hosts: Hosts) -> None:
    hosts.tell(host("a", mean=100.0, state=HostState.PAUSED))
    job = create()
    bring(parts, job.id, State.RUNNING)
    assert document(get(job.id)).eta_seconds == pytest.approx(100, abs=30)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_a_job_of_a_pool_that_is_served_no_more_is_shown_without_an_eta(
    state: State, parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create()
    bring(parts, job.id, state)
    monkeypatch.setattr(service_module, "_made", [serving_only(parts, "polqa-3")])
    answer = get(job.id)
    assert (answer.status, answer.body["eta_seconds"], answer.headers["Retry-After"]) == (202, None, "15")


AWAITING, QUEUED = (new_job().model_copy(update={"state": state}) for state in (State.AWAITING_UPLOAD, State.QUEUED))


def test_a_running_jobs_eta_is_what_is_left_of_the_mean(parts: Service, hosts: Hosts) -> None:
    hosts.tell(host("a", mean=100.0))
    fill(parts, 8)
    job = create()
    bring(parts, job.id, State.RUNNING)
    assert document(get(job.id)).eta_seconds == pytest.approx(100, abs=30)


def test_a_job_that_runs_longer_than_the_mean_is_always_about_to_end(parts: Service, hosts: Hosts) -> None:
    hosts.tell(host("a", mean=0.001))
    job = create()
    bring(parts, job.id, State.RUNNING)
    assert get(job.id).body["eta_seconds"] == 1.0


def test_a_lanes_load_is_asked_for_once_in_five_seconds(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SettableClock(1000)
    monkeypatch.setattr(remembered, "time", SimpleNamespace(monotonic=clock))
    job = create()
    bring(parts, job.id, State.QUEUED)
    with calls(parts.sqs, "GetQueueAttributes") as asked:
        get(job.id)
        clock.move(4.9)
        get(job.id)
        assert len(asked) == 1
        clock.move(0.2)
        get(job.id)
        assert len(asked) == 2


@pytest.mark.parametrize(("eta", "seconds"), [(0.1, "1"), (4, "1"), (4.1, "2"), (100, "25"), (239, "60"), (1e9, "60")])
def test_retry_after_is_a_quarter_of_the_eta_from_1_to_60(
    eta: float, seconds: str, parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "eta_seconds", lambda *_: eta)
    assert get(create().id).headers["Retry-After"] == seconds


@given(st.sampled_from([AWAITING, QUEUED]), st.none() | st.floats(min_value=0, allow_infinity=True))
def test_retry_after_is_clamp_of_eta_over_4_in_whole_seconds_never_too_early(job: Job, eta: float | None) -> None:
    seconds = polling.retry_after(job, eta)
    assert isinstance(seconds, int)
    assert 1 <= seconds <= 60
    if eta is not None and 4 <= eta <= 240:
        assert eta / 4 <= seconds < eta / 4 + 1


@given(st.floats(min_value=0), st.floats(min_value=0))
def test_retry_after_never_falls_as_the_eta_grows(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert polling.retry_after(QUEUED, low) <= polling.retry_after(QUEUED, high)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SettableClock:
    clock = SettableClock(time.time())
    monkeypatch.setattr(polling, "time", SimpleNamespace(time=clock))
    return clock


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job takes 40 seconds: Retry-After is 10."""
    monkeypatch.setattr(waiting, "eta_seconds", lambda *_: 40.0)


@pytest.mark.usefixtures("slow")
def test_the_third_early_poll_within_one_interval_is_429_with_the_rest_of_it(clock: SettableClock) -> None:
    job = create()
    assert get(job.id).headers["Retry-After"] == "10"
    clock.move(2.5)
    answers = [get(job.id) for _ in range(4)]
    assert [answer.status for answer in answers] == [202, 202, 429, 429]
    assert {answer.headers["Retry-After"] for answer in answers} == {"8"}
    refusal = answers[-1]
    assert refusal.headers["Content-Type"] == "application/problem+json"
    assert refusal.body["type"] == "urn:mosaic:problem:polling_too_fast"
    assert refusal.body["status"] == 429


@pytest.mark.usefixtures("slow")
def test_who_waited_is_answered_and_has_a_fresh_interval(clock: SettableClock) -> None:
    job = create()
    for _ in range(4):
        get(job.id)
    clock.move(9.9)
    assert get(job.id).status == 429
    clock.move(0.1)
    assert [get(job.id).status for _ in range(4)] == [202, 202, 202, 429]


@pytest.mark.usefixtures("slow")
def test_who_does_as_told_is_never_refused(clock: SettableClock) -> None:
    job = create()
    for _ in range(20):
        answer = get(job.id)
        assert answer.status == 202
        clock.move(int(answer.headers["Retry-After"]))


@pytest.mark.usefixtures("slow")
def test_one_jobs_polls_are_no_others(clock: SettableClock) -> None:
    one, other = create(), create()
    for _ in range(4):
        get(one.id)
    assert get(one.id).status == 429
    assert get(other.id).status == 202


@pytest.mark.parametrize("state", ON_THE_WAY)
def test_the_guard_never_writes_the_jobs_own_item(state: State, parts: Service, clock: SettableClock) -> None:
    job = create()
    bring(parts, job.id, state)
    before = item(parts, job.id)
    assert [get(job.id).status for _ in range(4)] == [202, 202, 202, 429]
    assert item(parts, job.id) == before
    guard = guard_item(parts, job.id) or {}
    assert clock.now < float(str(guard["expires_at"])) <= clock.now + 3600


@pytest.mark.parametrize("state", sorted(ENDS))
def test_an_ended_job_has_no_guard(state: State, parts: Service) -> None:
    job = create()
    bring(parts, job.id, state)
    get(job.id)
    assert guard_item(parts, job.id) is None


def test_an_unknown_job_has_no_guard(parts: Service) -> None:
    for _ in range(4):
        assert get("0" * 32).status == 404
    assert guard_item(parts, "0" * 32) is None


def test_a_wait_is_never_told_as_nothing(clock: SettableClock) -> None:
    job = create()
    get(job.id)
    clock.move(math.nextafter(1, 0))
    assert int(get(job.id).headers["Retry-After"]) >= 1


def test_a_score_comes_with_all_its_figures(parts: Service) -> None:
    job = create()
    running = bring(parts, job.id, State.RUNNING)
    audio: dict[str, dict[str, JsonValue]] = {
        "reference": {"active_level_dbov": -26.1, "sample_rate_hz": 48000, "clipped": False},
        "degraded": {"active_level_dbov": None},
    }
    scored = result().model_copy(update={"audio": audio, "timings_ms": {"queued": 41, "scored": 301}})
    Claims(parts.table, "host-a").commit(running, scored, result_key(job.id, 1))
    answer = get(job.id)
    assert answer.status == 200
    assert isinstance(answer.body["result"], dict)
    members = dict(answer.body["result"])
    assert members.pop("details")
    assert members == {
        "mos_lqo": 3.31,
        "mode": "wb",
        "engine": {"name": "visqol", "version": "3.8.0", "settings": {}},
        "warnings": [],
        "prepared": [],
        "audio": audio,
        "timings_ms": {"queued": 41, "scored": 301},
    }
