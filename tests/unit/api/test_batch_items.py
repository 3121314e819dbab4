"""Items of one call go into the table together, and are answered and counted as if each had come alone."""

from __future__ import annotations

from api.service import Service
from shared import items, quotas
from shared.batches import batch_key
from shared.job import Role
from shared.limits import Quota
from shared.object_keys import upload_key
from shared.states import State
from tests.unit.api.steps import calls
from tests.unit.api.test_batches import add, drain, new_batch, show, start, upload_both
from tests.unit.api.test_intake import deliver, told


def test_a_hundred_items_are_few_writes_and_each_is_counted_once(parts: Service) -> None:
    batch, before = new_batch(), quotas.used(parts.table, "acme")
    with calls(parts.dynamodb, "TransactWriteItems") as writes:
        answers = add(batch, *({"custom_id": str(number)} for number in range(100)))
    assert len(writes) == 4
    assert [one["status"] for one in answers] == [201] * 100
    assert [one["custom_id"] for one in answers] == [str(number) for number in range(100)]
    assert [parts.jobs.get(one["job"]["id"]).custom_id for one in answers] == [one["custom_id"] for one in answers]
    assert (show(batch)["jobs"], show(batch)["counts"]["awaiting_upload"]) == (100, 100)
    used = quotas.used(parts.table, "acme")
    assert {used[quota] - before[quota] for quota in (Quota.JOBS_PER_DAY, Quota.IN_FLIGHT)} == {100}


def test_items_beside_one_that_was_added_before_are_added_and_counted_once(parts: Service) -> None:
    batch = new_batch()
    (first,) = add(batch, {"custom_id": "b"})
    answers = add(batch, *({"custom_id": name} for name in "abc"))
    assert [one["status"] for one in answers] == [201] * 3
    assert [one["job"]["id"] == first["job"]["id"] for one in answers] == [False, True, False]
    assert (show(batch)["jobs"], show(batch)["counts"]["awaiting_upload"]) == (3, 3)


def test_items_of_one_custom_id_in_a_call_are_one_job(parts: Service) -> None:
    batch = new_batch()
    one, same, other = add(batch, {"custom_id": "a"}, {"custom_id": "a"}, {"custom_id": "a", "label": "x"})
    assert (one["status"], same["status"], other["status"]) == (201, 201, 422)
    assert same["job"]["id"] == one["job"]["id"]
    assert (show(batch)["jobs"], show(batch)["counts"]["awaiting_upload"]) == (1, 1)


def test_items_with_all_that_may_be_said_of_them_are_added_together(parts: Service) -> None:
    longest = "\U0001d11e" * 512
    said = {"label": longest[:200], "metadata": {f"{n:02}{longest[:62]}": longest for n in range(16)}}
    batch = new_batch()
    with calls(parts.dynamodb, "TransactWriteItems") as writes:
        answers = add(batch, *({"custom_id": f"{n:02}{longest[:126]}", **said} for n in range(25)))
    assert (len(writes), [one["status"] for one in answers]) == (1, [201] * 25)


def test_uploads_that_are_told_of_together_have_their_batch_looked_at_once(parts: Service) -> None:
    batch = new_batch()
    jobs = [one["job"]["id"] for one in add(batch, {"custom_id": "a"}, {"custom_id": "b"})]
    for job_id in jobs:
        upload_both(parts, job_id)
    news = [told(upload_key(job_id, role)) for job_id in jobs for role in Role]
    with calls(parts.dynamodb, "GetItem") as reads:
        assert deliver(*news) == []
    assert [read["Key"] for read in reads].count(items.pack(batch_key(batch))) == 1
    assert {parts.jobs.get(job_id).state for job_id in jobs} == {State.AWAITING_UPLOAD}
    start(batch)
    drain(parts)
    assert deliver(*news) == []
    assert {parts.jobs.get(job_id).state for job_id in jobs} == {State.QUEUED}
