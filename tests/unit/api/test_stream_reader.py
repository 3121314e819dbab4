"""The stream reader: what follows from an end and from a removal, each once, however often and late it is told."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from api import references, self_score
from api.service import Service
from shared import batch_counts, items, quotas
from shared.batches import Batch, BatchState
from shared.job import Role
from shared.job_table import job_key
from shared.limits import Quota
from shared.object_keys import batch_results_key, result_key, upload_key
from shared.once import ONCE
from shared.resources import BATCHES_QUEUE, DAY
from shared.states import ENDS, State
from tests.clock import SettableClock
from tests.requests import request
from tests.unit.api.changes import Item, changed, tell
from tests.unit.api.steps import BUCKET, bring, calls, create, stored, take_all, upload

END = sorted(ENDS)


def in_flight(parts: Service) -> int:
    return quotas.used(parts.table, "acme")[Quota.IN_FLIGHT]


def item_of(parts: Service, job_id: str) -> Item:
    item = parts.table.read(job_key(job_id))
    assert item
    return item


def ended(parts: Service, state: State = State.SUCCEEDED) -> tuple[Item, Item]:
    """A job's item before its end and after it."""
    job_id = create().id
    before = item_of(parts, job_id)
    bring(parts, job_id, state)
    return before, item_of(parts, job_id)


def removed(parts: Service, item: Item) -> Item:
    parts.dynamodb.delete_item(TableName=parts.table.name, Key=items.pack({"pk": item["pk"], "sk": item["sk"]}))
    return item


def put(parts: Service, *keys: str) -> None:
    for key in keys:
        parts.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")


def objects(parts: Service, name: str) -> set[str]:
    listed = parts.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {found["Key"] for found in listed if name in found["Key"]}


def id_of(item: Item) -> str:
    return str(item["pk"]).rpartition("#")[2]


@contextmanager
def s3_unreachable_for(parts: Service, name: str) -> Iterator[None]:
    """No listing of keys with that name succeeds."""

    def refuse(request: object, **_: object) -> None:
        if name in str(getattr(request, "url", "")):
            raise ConnectionError("no route")

    parts.s3.meta.events.register("before-send.s3.ListObjectsV2", refuse)
    try:
        yield
    finally:
        parts.s3.meta.events.unregister("before-send.s3.ListObjectsV2", refuse)


@pytest.mark.parametrize("state", END)
def test_a_job_that_ended_is_in_flight_no_more_however_often_that_is_told(state: State, parts: Service) -> None:
    before = in_flight(parts)
    change = changed(*ended(parts, state))
    assert in_flight(parts) == before + 1
    for _ in range(3):
        assert tell(change, change) == []
    assert in_flight(parts) == before


def test_the_removal_of_an_ended_job_releases_nothing_even_when_its_end_is_long_forgotten(parts: Service) -> None:
    before, after = ended(parts)
    tell(changed(before, after))
    released = in_flight(parts)
    removed(parts, {"pk": after["pk"], "sk": "RELEASED"})  # as the time to live does after a week
    assert tell(changed(removed(parts, after), None)) == []
    assert in_flight(parts) == released


def test_a_job_deleted_before_its_end_was_told_is_released_once(parts: Service) -> None:
    before, after = ended(parts)
    removed(parts, after)
    had = in_flight(parts)
    assert tell(changed(before, after), changed(after, None)) == []
    assert in_flight(parts) == had - 1


def test_a_job_that_was_removed_without_any_end_is_in_flight_no_more(parts: Service) -> None:
    job = item_of(parts, create().id)
    had = in_flight(parts)
    for _ in range(2):
        assert tell(changed(removed(parts, job), None)) == []
    assert in_flight(parts) == had - 1


def test_what_is_no_end_changes_nothing(parts: Service) -> None:
    job_id = create().id
    upload(parts, job_id, Role.DEGRADED)
    awaiting = item_of(parts, job_id)
    bring(parts, job_id, State.RUNNING)
    had = in_flight(parts)
    assert tell(changed(None, awaiting), changed(awaiting, item_of(parts, job_id))) == []
    assert (in_flight(parts), stored(parts, job_id)) == (had, {Role.DEGRADED})


def test_a_second_change_of_an_ended_job_is_no_second_end(parts: Service) -> None:
    before, after = ended(parts)
    tell(changed(before, after))
    removed(parts, {"pk": after["pk"], "sk": "RELEASED"})
    had = in_flight(parts)
    assert tell(changed(after, {**after, "expires_at": 1})) == []
    assert in_flight(parts) == had


def test_with_a_job_all_its_objects_go_and_no_others(parts: Service) -> None:
    _, gone = ended(parts)
    job_id, other = id_of(gone), secrets.token_hex(16)
    keys = [upload_key(job_id, Role.REFERENCE), upload_key(job_id, Role.DEGRADED)]
    results = [result_key(job_id, 1), result_key(job_id, 2)]
    reference = f"references/acme/{job_id}.wav"
    put(parts, *keys, *results, reference, upload_key(other, Role.DEGRADED), result_key(other, 1))
    for _ in range(2):
        assert tell(changed(removed(parts, gone), None)) == []
        assert objects(parts, job_id) == {reference}
        assert len(objects(parts, other)) == 2


def test_an_end_alone_removes_nothing(parts: Service) -> None:
    before, after = ended(parts)
    put(parts, upload_key(id_of(after), Role.DEGRADED), result_key(id_of(after), 1))
    tell(changed(before, after))
    assert len(objects(parts, id_of(after))) == 2


def test_the_first_that_fails_is_told_and_what_follows_it_is_left(parts: Service) -> None:
    gone = [removed(parts, ended(parts)[1]) for _ in range(3)]
    put(parts, *(result_key(id_of(job), 1) for job in gone))
    records = [changed(job, None, str(number)) for number, job in enumerate(gone, 101)]
    with s3_unreachable_for(parts, id_of(gone[1])):
        assert tell(*records) == ["102"]
    assert [len(objects(parts, id_of(job))) for job in gone] == [0, 1, 1]
    assert tell(*records[1:]) == []
    assert [len(objects(parts, id_of(job))) for job in gone] == [0, 0, 0]


def test_an_item_that_is_no_job_stands_in_nobodys_way(parts: Service) -> None:
    before, after = ended(parts)
    had = in_flight(parts)
    strange: Item = {**after, "pk": f"JOB#{secrets.token_hex(16)}", "state": "dissolved"}
    put(parts, result_key(id_of(strange), 1))
    records = [changed({**strange, "state": "queued"}, strange), changed(strange, None), changed(before, after)]
    assert tell(*records) == []
    assert in_flight(parts) == had - 1
    assert objects(parts, id_of(strange)) == set()


def test_removals_of_what_is_no_job_and_no_batch_are_passed_over(parts: Service) -> None:
    job_id = create().id
    upload(parts, job_id, Role.DEGRADED)
    with calls(parts.s3, "DeleteObjects") as deletions:
        for sort_key in ("POLL", "RELEASED", "META", "ONCE"):
            assert tell(changed({"pk": f"JOB#{job_id}", "sk": sort_key}, None)) == []
    assert deletions == []
    assert stored(parts, job_id) == {Role.DEGRADED}


# Batches


def new_batch(parts: Service, count: int) -> tuple[Batch, list[str]]:
    batch_id = str(request("POST", "/v1/batches", {}).body["id"])
    given = [{"custom_id": f"call-{number}"} for number in range(count)]
    answers = cast(list[Item], request("POST", f"/v1/batches/{batch_id}/jobs", {"jobs": given}).body["jobs"])
    return parts.batches.get(batch_id), [str(cast(Item, one["job"])["id"]) for one in answers]


def end_job(parts: Service, job_id: str, state: State) -> Item:
    """Bring it to that end; its item after it, which was `awaiting_upload` before."""
    bring(parts, job_id, state)
    return item_of(parts, job_id)


def errands(parts: Service) -> int:
    """Take the starter's messages; how many there were."""
    return len(take_all(parts, parts.settings.queue_urls[BATCHES_QUEUE]))


def test_the_last_end_of_a_started_batch_ends_it_once(parts: Service) -> None:
    batch, jobs = new_batch(parts, 3)
    parts.batches.start(batch)
    awaiting = [item_of(parts, job_id) for job_id in jobs]
    first = changed(awaiting[0], end_job(parts, jobs[0], State.SUCCEEDED))
    second = changed(awaiting[1], end_job(parts, jobs[1], State.FAILED))
    assert tell(first, second) == []
    assert parts.batches.get(batch.id).state is BatchState.STARTED
    last = changed(awaiting[2], end_job(parts, jobs[2], State.CANCELLED))
    for _ in range(2):
        assert tell(last) == []
        assert parts.batches.get(batch.id).state is BatchState.ENDED
    assert errands(parts) == 1


def test_ends_of_a_batch_that_is_still_open_end_nothing(parts: Service) -> None:
    batch, (job_id,) = new_batch(parts, 1)
    awaiting = item_of(parts, job_id)
    assert tell(changed(awaiting, end_job(parts, job_id, State.EXPIRED))) == []
    assert parts.batches.get(batch.id).state is BatchState.OPEN
    assert errands(parts) == 0


def test_an_end_whose_batch_is_gone_is_no_failure(parts: Service) -> None:
    batch, (job_id,) = new_batch(parts, 1)
    had, awaiting = in_flight(parts), item_of(parts, job_id)
    removed(parts, {"pk": f"BATCH#{batch.id}", "sk": "META"})
    assert tell(changed(awaiting, end_job(parts, job_id, State.CANCELLED))) == []
    assert in_flight(parts) == had - 1


def test_with_a_batch_its_results_and_counts_go_and_no_others(parts: Service) -> None:
    (gone, _), (other, _) = new_batch(parts, 2), new_batch(parts, 2)
    put(parts, *(batch_results_key(batch.id, form) for batch in (gone, other) for form in ("jsonl", "csv")))
    item = parts.table.read({"pk": f"BATCH#{gone.id}", "sk": "META"})
    assert item
    for _ in range(2):
        assert tell(changed(removed(parts, item), None)) == []
        assert (objects(parts, gone.id), batch_counts.read(parts.table, gone.id).jobs) == (set(), 0)
    assert (len(objects(parts, other.id)), batch_counts.read(parts.table, other.id).jobs) == (2, 2)


# Stored references


def test_what_a_reference_scored_against_itself_is_noted(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[str] = []
    monkeypatch.setattr(self_score, "note", lambda _, job: noted.append(job.id))
    before, after = ended(parts)
    tell(changed(before, after), changed(removed(parts, after), None))
    assert noted == [id_of(after)]


def test_with_a_reference_its_object_goes(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[Item] = []
    monkeypatch.setattr(references, "removed", lambda _, image: gone.append(image))
    reference: Item = {"pk": "REF#acme", "sk": f"REF#{secrets.token_hex(32)}", "tenant": "acme"}
    asked: Item = {**reference, "sk": "ASKED#1"}
    assert tell(changed(reference, {**reference, "label": "x"}), changed(asked, None), changed(reference, None)) == []
    assert gone == [reference]


# Keys


def test_a_jobs_idempotency_key_goes_with_it_but_not_within_a_day(parts: Service, clock: SettableClock) -> None:
    key = secrets.token_hex(8)
    job = create(idempotency_key=key)
    clock.move(3600)
    gone = removed(parts, end_job(parts, job.id, State.CANCELLED))
    assert tell(changed(gone, None)) == []
    clock.move(3600)
    again = request("POST", "/v1/jobs", {}, headers={"Idempotency-Key": key})
    assert (again.status, again.body["type"]) == (422, "urn:mosaic:problem:idempotency_key_reused")
    clock.move(DAY)
    anew = create(idempotency_key=key)
    assert anew.id != job.id
    assert tell(changed(gone, None)) == []  # late news of the first job
    assert create(idempotency_key=key).id == anew.id


def test_an_old_jobs_key_goes_at_once(parts: Service, clock: SettableClock) -> None:
    job = create(idempotency_key=secrets.token_hex(8))
    clock.move(9 * DAY)
    item = end_job(parts, job.id, State.CANCELLED)
    tell(changed(removed(parts, item), None))
    held = parts.table.read({"pk": str(item["once"]), "sk": ONCE})
    assert held
    assert held["expires_at"] == int(clock.now)


def test_a_custom_id_goes_with_its_job(parts: Service, clock: SettableClock) -> None:
    batch, (job_id,) = new_batch(parts, 1)
    item = end_job(parts, job_id, State.CANCELLED)
    assert str(item["once"]).startswith(f"BATCH#{batch.id}#")
    clock.move(2 * DAY)
    tell(changed(removed(parts, item), None))
    held = parts.table.read({"pk": str(item["once"]), "sk": ONCE})
    assert held
    assert held["expires_at"] == int(clock.now)
