"""Item and object of a stored reference go together, whatever else happens at the time."""

from __future__ import annotations

import time

import pytest

from api import janitor, references
from api.service import Service
from shared.job import Role
from shared.object_keys import ReferenceName, reference_key
from tests.unit.api.reference_steps import (
    age,
    delete,
    document,
    fresh,
    item,
    keep,
    lies_there,
    naming,
    put,
    sha_of,
    show,
)
from tests.unit.api.steps import BUCKET, count_items, create, upload
from tests.unit.api.test_intake import deliver, told


def test_a_deleted_one_is_gone_with_its_object(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    assert delete(sha256).status == 204
    assert show(sha256).status == delete(sha256).status == 404
    assert not lies_there(parts, sha256)


def test_it_can_be_stored_again(parts: Service) -> None:
    content = fresh()
    delete(keep(parts, content))
    keep(parts, content)
    assert lies_there(parts, sha_of(content))


def test_a_late_event_of_a_reference_that_was_deleted_brings_nothing_back(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    assert delete(sha256).status == 204
    before = count_items(parts)
    assert deliver(told(reference_key("acme", sha256))) == []
    assert (item(parts, sha256), count_items(parts)) == (None, before)


def test_an_object_that_is_deleted_while_it_is_taken_in_leaves_no_item(
    parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = fresh()
    key, store = put(parts, content), parts.references.store

    def delete_first(*told: object) -> object:
        parts.s3.delete_object(Bucket=BUCKET, Key=key)
        return store(*told)  # type: ignore[arg-type]

    monkeypatch.setattr(parts.references, "store", delete_first)
    assert deliver(told(key)) == []
    assert item(parts, sha_of(content)) is None


@pytest.mark.parametrize("checked", [True, False])
def test_an_object_that_is_replaced_while_it_is_taken_in_is_left_to_its_own_news(
    checked: bool, parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = fresh()
    key, head = put(parts, content, checked=checked), references._object

    def replace_after(*told: object) -> object:
        found = head(*told)  # type: ignore[arg-type]
        parts.s3.put_object(Bucket=BUCKET, Key=key, Body=fresh())
        return found

    monkeypatch.setattr(references, "_object", replace_after)
    assert deliver(told(key)) == []
    assert item(parts, sha_of(content)) is None
    assert lies_there(parts, sha_of(content))


def test_one_that_is_taken_in_while_it_is_deleted_is_gone_with_its_object(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    taken: list[list[str]] = []

    def take_first(**_: object) -> None:
        if not taken:
            taken.append(deliver(told(reference_key("acme", sha256))))
            assert item(parts, sha256)

    parts.s3.meta.events.register("before-send.s3.DeleteObject", take_first)
    try:
        assert delete(sha256).status == 204
    finally:
        parts.s3.meta.events.unregister("before-send.s3.DeleteObject", take_first)
    assert taken == [[]]
    assert (item(parts, sha256), lies_there(parts, sha256)) == (None, False)


def test_what_was_said_of_it_is_forgotten_once_it_is_stored(parts: Service) -> None:
    content = fresh()
    delete(keep(parts, content, label="once"))
    assert deliver(told(put(parts, content))) == []
    assert document(show(sha_of(content))).label is None


def test_its_object_goes_after_its_item_and_again_is_harmless(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    image = item(parts, sha256)
    assert image
    parts.references.remove(ReferenceName("acme", sha256))
    for _ in range(2):
        references.removed(parts, image)
        assert not lies_there(parts, sha256)


def test_an_object_that_was_uploaded_once_more_goes_too(parts: Service) -> None:
    content = fresh()
    sha256 = keep(parts, content)
    age(parts, sha256, stored_at=time.time() - 600)
    assert deliver(told(put(parts, content))) == []
    image = item(parts, sha256)
    assert image
    parts.references.remove(ReferenceName("acme", sha256))
    references.removed(parts, image)
    assert not lies_there(parts, sha256)


def test_the_late_news_of_its_removal_takes_nothing_that_was_stored_again(parts: Service) -> None:
    content = fresh()
    sha256 = keep(parts, content)
    image = item(parts, sha256)
    assert image
    delete(sha256)
    keep(parts, content)
    references.removed(parts, image)
    assert lies_there(parts, sha256)
    assert item(parts, sha256)


def test_the_late_news_of_its_removal_takes_no_upload_that_is_yet_to_be_verified(parts: Service) -> None:
    content = fresh()
    sha256 = keep(parts, content)
    image = item(parts, sha256)
    assert image
    delete(sha256)
    key = put(parts, content)
    references.removed(parts, {**image, "stored_at": float(str(image["stored_at"])) - 1})
    assert deliver(told(key)) == []
    assert show(sha256).status == 200


def test_a_janitor_of_jobs_leaves_it(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    job = create(naming(sha256))
    upload(parts, job.id, Role.DEGRADED)
    janitor.clear(parts, job.id)
    assert lies_there(parts, sha256)
