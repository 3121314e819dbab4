"""Replay: a failed job's audio as a new job, once, wherever it is broken off; and nothing where it cannot be."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import pytest

from infra.ops import replay as replay_module
from infra.ops.place import Place
from infra.ops.replay import Outcome, Replay
from shared import batch_counts, items
from shared.claims import Claims
from shared.job import AudioFile, ErrorCategory, Job, JobError, Prepare, Role, Start
from shared.job_table import JobTable, job_key
from shared.jobs import Jobs
from shared.lives import DAY
from shared.object_keys import ReferenceName, reference_key, result_key, upload_key
from shared.pools import Lane
from shared.references import LIFE_SECONDS, Reference, References
from shared.states import State
from tests.clock import SettableClock
from tests.jobs_for_tests import new_job, result
from tests.killed import At, killed
from tests.lost_responses import lost_once

BAD_INPUT = JobError(category=ErrorCategory.BAD_INPUT, code="silent", message="No speech.", file=Role.DEGRADED)
SHA = "5" * 64


@pytest.fixture
def replay(place: Place) -> Replay:
    return Replay(place.table, place.s3, place.bucket, place.pools)


def stored(place: Place, key: str) -> bytes | None:
    """What lies there."""
    found = place.s3.list_objects_v2(Bucket=place.bucket, Prefix=key).get("Contents", [])
    return place.s3.get_object(Bucket=place.bucket, Key=key)["Body"].read() if found else None


def queued(place: Place, job: Job) -> Job:
    """The job with its files stored, each of which says whose it is, and started."""
    jobs = Jobs(place.table)
    job = jobs.create(job)
    etags = {
        role: place.s3.put_object(Bucket=place.bucket, Key=job.file(role).key, Body=f"{role} of {job.id}")["ETag"]
        for role in Role
    }
    return jobs.queue(job, etags)


def failed(place: Place, job: Job | None = None) -> Job:
    """A job that failed for the service's reasons, whose audio is kept."""
    return Jobs(place.table).stuck(queued(place, job or fresh()))


def fresh(tenant: str = "acme") -> Job:
    return new_job(tenant, time.time())


def replays(place: Place, old: Job) -> list[Job]:
    """Every job in the table that replays that one."""
    everything = [items.unpack(item) for item in place.table.client.scan(TableName=place.table.name)["Items"]]
    return [Job.model_validate(item) for item in everything if item.get("replay_of") == old.id]


def test_the_new_job_asks_for_the_same_of_the_same_audio(replay: Replay, place: Place) -> None:
    wanted = fresh().model_copy(
        update={"label": "codec=amr", "metadata": {"call": "17"}, "lane": Lane.BULK, "start": Start.MANUAL}
    )
    prepared = wanted.degraded.model_copy(update={"sha256": SHA, "bytes": 43, "prepare": Prepare(channel="left")})
    old = failed(place, wanted.model_copy(update={"degraded": prepared}))
    replayed = replay.replay(old.id)
    assert replayed.outcome is Outcome.REPLAYED
    [new] = replays(place, old)
    assert replayed.by == new
    asked = ("tenant", "pool", "engine", "mode", "lane", "label", "metadata")
    assert new.model_dump(include={*asked}) == old.model_dump(include={*asked})
    assert (new.id != old.id, new.state, new.start) == (True, State.AWAITING_UPLOAD, Start.AUTO)
    assert new.degraded == prepared.model_copy(update={"key": upload_key(new.id, Role.DEGRADED)})
    for role in Role:
        assert new.file(role).key == upload_key(new.id, role)
        assert stored(place, new.file(role).key) == f"{role} of {old.id}".encode()
        assert stored(place, old.file(role).key) == f"{role} of {old.id}".encode()


def test_the_replay_of_a_batchs_job_is_in_no_batch(replay: Replay, place: Place) -> None:
    batch = secrets.token_hex(16)
    old = failed(place, fresh().model_copy(update={"batch": batch, "custom_id": "17"}))
    before = batch_counts.read(place.table, batch)
    new = replay.replay(old.id).by
    assert new is not None
    assert (new.batch, new.custom_id) == (None, None)
    assert batch_counts.read(place.table, batch) == before
    assert before.states[State.FAILED] == 1


def test_the_old_job_stays_as_it_is(replay: Replay, place: Place, jobs: Jobs) -> None:
    old = failed(place)
    replay.replay(old.id)
    assert jobs.get(old.id) == old


def test_again_makes_no_second_job(replay: Replay, place: Place, jobs: Jobs) -> None:
    old = failed(place)
    first = replay.replay(old.id)
    assert replay.replay(old.id) == first
    assert first.by is not None
    jobs.cancel(first.by)
    again = replay.replay(old.id)
    assert (again.outcome, again.by) == (Outcome.BEFORE, jobs.get(first.by.id))
    assert len(replays(place, old)) == 1


@pytest.mark.parametrize("at", At)
@pytest.mark.parametrize("operation", ["TransactWriteItems", "CopyObject"])
def test_what_was_broken_off_is_finished_by_the_next(operation: str, at: At, replay: Replay, place: Place) -> None:
    old = failed(place)
    with killed(place.s3 if operation == "CopyObject" else place.table.client, operation, at) as reached:
        replay.replay(old.id)
    assert reached
    assert replay.replay(old.id).outcome is Outcome.REPLAYED
    [new] = replays(place, old)
    assert [stored(place, new.file(role).key) for role in Role] == [f"{role} of {old.id}".encode() for role in Role]


def test_an_answer_that_was_lost_makes_no_second_job(replay: Replay, place: Place) -> None:
    old = failed(place)
    with lost_once(place.table.client, "TransactWriteItems") as sent:
        replay.replay(old.id)
    assert len(sent) == 2
    assert len(replays(place, old)) == 1


def test_a_replay_that_expired_before_its_audio_was_there_does_not_count(
    replay: Replay, place: Place, jobs: Jobs
) -> None:
    old = failed(place)
    with killed(place.s3, "CopyObject", At.BEFORE):
        replay.replay(old.id)
    [expired] = replays(place, old)
    jobs.expire(expired)
    second = replay.replay(old.id)
    assert (second.outcome, replay.replay(old.id)) == (Outcome.REPLAYED, second)
    assert {job.id for job in replays(place, old)} == {expired.id, second.by.id if second.by else None}


def test_a_replay_that_failed_too_is_replayed_by_itself(replay: Replay, place: Place, jobs: Jobs) -> None:
    old = failed(place)
    by = replay.replay(old.id).by
    assert by is not None
    etags = {role: str(old.file(role).etag) for role in Role}
    again = jobs.stuck(jobs.queue(by, etags))
    assert replay.replay(old.id).by == again
    assert replay.replay(again.id).outcome is Outcome.REPLAYED
    [new] = replays(place, again)
    assert stored(place, new.degraded.key) == f"degraded of {old.id}".encode()


def test_what_was_replayed_and_forgotten_is_not_replayed_again(replay: Replay, place: Place, jobs: Jobs) -> None:
    old = failed(place)
    by = replay.replay(old.id).by
    assert by is not None
    jobs.delete(jobs.cancel(by))
    assert "life of that job is over" in replay.replay(old.id).why
    assert replays(place, old) == []


def _unknown(place: Place) -> str:
    return secrets.token_hex(16)


def _waiting(place: Place) -> str:
    return queued(place, fresh()).id


def _scored(place: Place) -> str:
    claims = Claims(place.table, "host-a")
    running = claims.begin(claims.claim(queued(place, fresh()).id))
    return claims.commit(running, result(), result_key(running.id, 1)).id


def _cancelled(place: Place) -> str:
    return Jobs(place.table).cancel(queued(place, fresh())).id


def _bad(place: Place) -> str:
    claims = Claims(place.table, "host-a")
    return claims.fail(claims.claim(queued(place, fresh()).id), BAD_INPUT).id


def _of_another_pool(place: Place) -> str:
    return failed(place, fresh().model_copy(update={"pool": "polqa-2"})).id


def _without_audio(place: Place) -> str:
    job = failed(place)
    place.s3.delete_object(Bucket=place.bucket, Key=job.reference.key)
    return job.id


def _with_other_audio(place: Place) -> str:
    job = failed(place)
    place.s3.put_object(Bucket=place.bucket, Key=job.degraded.key, Body=b"something else")
    return job.id


def _of_a_reference_against_itself(place: Place) -> str:
    file = AudioFile(key=f"references/acme/{SHA}.wav", sha256=SHA)
    return failed(place, fresh().model_copy(update={"reference": file, "degraded": file})).id


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_unknown, "no such job"),
        (_waiting, "it is queued"),
        (_scored, "it is succeeded"),
        (_cancelled, "it is cancelled"),
        (_bad, "failed for its own reasons, silent,"),
        (_of_another_pool, "its pool, polqa-2, is not served any more"),
        (_without_audio, "audio is not kept"),
        (_with_other_audio, "is not what it was"),
        (_of_a_reference_against_itself, "against itself"),
    ],
)
def test_what_cannot_be_replayed_is_told_and_nothing_is_made(
    make: Callable[[Place], str], why: str, replay: Replay, place: Place
) -> None:
    job_id = make(place)
    before = place.table.client.scan(TableName=place.table.name)["Items"]
    refused = replay.replay(job_id)
    assert (refused.outcome, refused.by) == (Outcome.REFUSED, None)
    assert why in refused.why
    assert place.table.client.scan(TableName=place.table.name)["Items"] == before


def test_where_the_pools_are_not_known_any_will_do(place: Place) -> None:
    job_id = _of_another_pool(place)
    assert Replay(place.table, place.s3, place.bucket).replay(job_id).outcome is Outcome.REPLAYED


@pytest.fixture
def of_stored(place: Place) -> tuple[Job, ReferenceName]:
    """A failed job that named a stored reference, and that."""
    name = ReferenceName(f"t-{secrets.token_hex(4)}", SHA)
    key = reference_key(*name)
    References(place.table, SettableClock()).store(
        Reference(
            tenant=name.tenant,
            sha256=name.sha256,
            bytes=40,
            sample_rate_hz=16000,
            seconds=1,
            created=0,
            stored_at=0,
            expires_at=1,
        )
    )
    job = fresh(name.tenant).model_copy(update={"reference": AudioFile(key=key, sha256=SHA)})
    return failed(place, job), name


def test_a_stored_reference_is_named_again_and_lives_on_and_is_not_copied(
    of_stored: tuple[Job, ReferenceName], replay: Replay, place: Place
) -> None:
    old, name = of_stored
    new = replay.replay(old.id).by
    assert new is not None
    assert new.reference == old.reference.model_copy(update={"etag": None})
    assert stored(place, upload_key(new.id, Role.REFERENCE)) is None
    assert stored(place, upload_key(new.id, Role.DEGRADED)) == f"degraded of {old.id}".encode()
    reference = References(place.table).find(name)
    assert reference is not None
    assert reference.expires_at > time.time() + LIFE_SECONDS - DAY


def test_what_named_a_reference_that_was_deleted_is_not_replayed(
    of_stored: tuple[Job, ReferenceName], replay: Replay, place: Place
) -> None:
    old, name = of_stored
    References(place.table).remove(name)
    assert replay.replay(old.id).why == "its stored reference was deleted"
    assert replays(place, old) == []


@pytest.fixture
def history(place: Place) -> tuple[str, JobTable, SettableClock]:
    """A tenant of this test alone, and a clock to make its past with."""
    return f"t-{secrets.token_hex(4)}", place.table, SettableClock(time.time() - 10 * DAY)


def test_all_that_failed_since_are_found_whoevers_they_are_the_first_one_first(
    replay: Replay, history: tuple[str, JobTable, SettableClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "READ_AT_ONCE", 2)
    tenant, table, clock = history
    jobs, failures = Jobs(table, clock), []
    for owner in (tenant, tenant, "another", tenant):
        clock.move(DAY)
        job = jobs.create(new_job(owner, clock()))
        failures.append(jobs.stuck(jobs.queue(job, dict.fromkeys(Role, '"e"'))))
    since = failures[1].times[State.FAILED]
    everybodys = replay.failed_since(since)
    assert [job_id for job_id in everybodys if job_id in {job.id for job in failures}] == [
        job.id for job in failures[1:]
    ]
    assert replay.failed_since(since, tenant) == [failures[1].id, failures[3].id]


def test_what_ended_otherwise_or_has_no_audio_any_more_is_not_among_them(
    replay: Replay, history: tuple[str, JobTable, SettableClock]
) -> None:
    tenant, table, clock = history
    jobs, claims = Jobs(table, clock), Claims(table, "host-a", clock)
    etags = dict.fromkeys(Role, '"e"')
    waiting, cleared, cancelled, bad, scored, kept = (
        jobs.queue(jobs.create(new_job(tenant, clock())), etags) for _ in range(6)
    )
    jobs.settled(jobs.stuck(cleared), int(clock()) + 3600)
    jobs.cancel(cancelled)
    claims.fail(claims.claim(bad.id), BAD_INPUT)
    claims.commit(claims.begin(claims.claim(scored.id)), result(), result_key(scored.id, 1))
    jobs.stuck(kept)
    assert replay.failed_since(0, tenant) == [kept.id]
    assert jobs.get(waiting.id).state is State.QUEUED
    assert table.read(job_key(cleared.id)) is not None
