"""The upload of a stored reference: there once it is verified, else deleted and its owner told; counted once."""

from __future__ import annotations

import io
import secrets
import time

import pytest

from api.service import Service
from shared import quotas
from shared.limits import Quota
from shared.object_keys import ReferenceName, reference_key
from shared.references import Asked
from tests.requests import request
from tests.unit.api.reference_steps import (
    DAY,
    NEVER,
    ask,
    delete,
    document,
    fresh,
    item,
    keep,
    lies_there,
    limit,
    put,
    sha_of,
    show,
    stamp,
)
from tests.unit.api.steps import GLOBEX, calls
from tests.unit.api.test_intake import deliver, told
from tests.wavs import wav


@pytest.mark.parametrize("checked", [True, False], ids=["S3 took the hash", "S3 did not"])
def test_it_is_there_once_its_upload_is_verified_and_not_before(checked: bool, parts: Service) -> None:
    content = fresh(0.7)
    sha256 = sha_of(content)
    answer = ask(sha256, label="clean speech ✓")
    assert answer.headers["Location"] == f"/v1/references/{sha256}"
    assert (show(sha256).status, show(sha256).body["state"]) == (404, "awaiting_upload")
    key = put(parts, content, checked=checked)
    assert (show(sha256).status, show(sha256).body["state"]) == (404, "verifying")
    with calls(parts.s3, "GetObject") as read:
        assert deliver(told(key)) == []
    assert len(read) == (1 if checked else 2)  # its header, and all of it where there is no hash to trust
    found = document(show(sha256))
    assert (found.sha256, found.bytes, found.label) == (sha256, len(content), "clean speech ✓")
    assert (found.sample_rate_hz, found.seconds) == (16000, 0.7)
    assert stamp(found.created) == pytest.approx(time.time(), abs=30)
    assert stamp(found.expires_at) - stamp(found.created) == pytest.approx(30 * DAY, abs=2)
    assert found.self_score is None


@pytest.mark.parametrize("uploaded", [True, False])
def test_one_that_is_not_verified_yet_is_neither_used_nor_deleted_and_says_how_far_it_is(
    uploaded: bool, parts: Service
) -> None:
    content = fresh()
    sha256 = sha_of(content)
    ask(sha256)
    key = put(parts, content) if uploaded else ""
    scored = request(
        "POST", "/v1/score", audio=content, headers={"content-type": "audio/wav"}, query={"reference": sha256}
    )
    state = "verifying" if uploaded else "awaiting_upload"
    for answer in (show(sha256), delete(sha256), scored):
        assert (answer.status, answer.body["state"]) == (404, state)
        assert answer.body["type"] == "urn:mosaic:problem:reference_not_ready"
    assert "state" not in show(sha256, key_id=GLOBEX).body
    if uploaded:
        assert deliver(told(key)) == []
        assert document(show(sha256)).sha256 == sha256


def test_one_that_is_stored_between_two_looks_is_found(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    content = fresh()
    sha256 = sha_of(content)
    ask(sha256)
    key = put(parts, content)
    asked = parts.references.asked

    def stored_meanwhile(name: ReferenceName) -> Asked | None:
        monkeypatch.setattr(parts.references, "asked", asked)
        assert deliver(told(key)) == []
        return asked(name)

    monkeypatch.setattr(parts.references, "asked", stored_meanwhile)
    assert document(show(sha256)).sha256 == sha256


@pytest.mark.parametrize("checked", [True, False])
def test_other_bytes_than_declared_are_deleted_and_their_owner_told(
    checked: bool, parts: Service, logged: io.StringIO
) -> None:
    declared, sent = fresh(), fresh()
    sha256 = sha_of(declared)
    ask(sha256)
    assert deliver(told(put(parts, sent, sha256=sha256, checked=checked))) == []
    assert not lies_there(parts, sha256)
    answer = show(sha256)
    assert (answer.status, answer.body["rule"]) == (404, "sha256_mismatch")
    assert "Hash what you upload" in str(answer.body["detail"])
    assert item(parts, sha256) is None
    assert any("reference_refused" in line for line in logged.getvalue().splitlines())


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"no wav at all", "not_wav"),
        (b"", "empty_file"),
        (wav(1, channels=2), "stereo"),
        (wav(1, 44100), "sample_rate"),
        (wav(0.2), "too_short"),
        (wav(1, bits=24), "bits_per_sample"),
    ],
)
def test_what_no_mode_takes_is_deleted_and_its_owner_told(content: bytes, rule: str, parts: Service) -> None:
    sha256 = sha_of(content)
    ask(sha256)
    assert deliver(told(put(parts, content))) == []
    assert not lies_there(parts, sha256)
    answer = show(sha256)
    assert (answer.status, answer.body["rule"]) == (404, rule)
    assert "taken as it is" in str(answer.body["detail"])
    assert show(sha256, key_id=GLOBEX).body.keys() == show(NEVER).body.keys()


def test_what_any_pools_mode_takes_is_stored(parts: Service) -> None:
    """The first engine takes nothing at 8 kHz, the second one does."""
    assert document(show(keep(parts, fresh(rate_hz=8000)))).sample_rate_hz == 8000


@pytest.mark.parametrize("call", [1, 2])
def test_its_owner_is_told_though_the_removal_of_what_was_refused_failed_at_first(
    call: int, parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"no wav at all" + secrets.token_bytes(4)
    ask(sha_of(content))
    news = told(put(parts, content))
    remove, calls_of = parts.references.remove, iter(range(1, 9))

    def failing_once(name: ReferenceName) -> bool:
        if next(calls_of) == call:
            raise ConnectionError("no route")
        return remove(name)

    monkeypatch.setattr(parts.references, "remove", failing_once)
    assert deliver(news) == ["0"]
    assert deliver(news) == []
    assert (show(sha_of(content)).body["rule"], lies_there(parts, sha_of(content))) == ("not_wav", False)


def test_asking_again_forgets_why_it_was_refused(parts: Service) -> None:
    content = fresh()
    ask(sha_of(content))
    deliver(told(put(parts, fresh(), sha256=sha_of(content))))
    ask(sha_of(content))
    assert "rule" not in show(sha_of(content)).body
    keep(parts, content)


@pytest.mark.parametrize("times", [1, 2])
def test_the_same_news_again_changes_nothing(times: int, parts: Service) -> None:
    sha256 = keep(parts, fresh())
    before, used = item(parts, sha256), quotas.used(parts.table, "acme")
    for _ in range(times):
        assert deliver(told(reference_key("acme", sha256))) == []
    assert item(parts, sha256) == before
    assert quotas.used(parts.table, "acme") == used


def test_keys_come_url_encoded(parts: Service) -> None:
    content = fresh()
    encoded = told(put(parts, content)).replace("references/acme/", "%72eferences%2Facm%65%2F")
    assert deliver(encoded) == []
    assert show(sha_of(content)).status == 200


def test_an_upload_that_nobody_asked_for_is_stored_all_the_same(parts: Service) -> None:
    """What was said of it is forgotten after a day, and an event may come later."""
    content = fresh()
    assert deliver(told(put(parts, content))) == []
    assert document(show(sha_of(content))).label is None


def test_a_call_that_fails_brings_the_news_back_and_the_next_delivery_goes_on(parts: Service) -> None:
    content = fresh()
    ask(sha_of(content), label="kept")
    news = told(put(parts, content))

    def refuse(**_: object) -> None:
        raise ConnectionError("no route")

    for event in ("before-send.s3.GetObject", "before-send.dynamodb.TransactWriteItems"):
        client = parts.s3 if "s3" in event else parts.dynamodb
        client.meta.events.register(event, refuse)
        try:
            assert deliver(news) == ["0"]
        finally:
            client.meta.events.unregister(event, refuse)
        assert show(sha_of(content)).status == 404
    assert deliver(news) == []
    assert document(show(sha_of(content))).label == "kept"


def test_its_bytes_are_counted_once_and_past_the_quota_it_is_refused(
    parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = fresh()
    before = quotas.used(parts.table, "acme")[Quota.BYTES_PER_DAY]
    keep(parts, content)
    assert quotas.used(parts.table, "acme")[Quota.BYTES_PER_DAY] == before + len(content)
    limit(monkeypatch, bytes_per_day=before + len(content))
    more = fresh()
    assert deliver(told(put(parts, more))) == []
    answer = show(sha_of(more))
    assert (answer.status, answer.body["rule"]) == (404, "bytes_per_day")
    assert not lies_there(parts, sha_of(more))
