"""`POST /v1/jobs/{id}/start`: both files there, headers hold, queued, one message; twice is the same as once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api import service as service_module
from api import waiting
from api.service import Service
from shared import envelope
from shared.audio_rules import AudioFault
from shared.claims import Claims
from shared.job import Role
from shared.states import ENDS, State
from shared.wav import WavFault
from tests import wavs
from tests.unit.api.steps import (
    BAD_INPUT,
    GLOBEX,
    GOOD,
    all_messages,
    bring,
    create,
    document,
    get,
    item,
    messages,
    serving_only,
    start,
    stored,
    upload,
    uploaded,
)


def test_a_job_with_both_files_is_queued_with_one_message(parts: Service) -> None:
    job = uploaded(parts)
    answer = start(job.id)
    assert answer.status == 202
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert document(answer).state is State.QUEUED
    [message] = messages(parts)
    assert envelope.unpack(message.body).job == job.id
    assert message.group == "acme"
    assert all_messages(parts) == []
    assert document(get(job.id)).state is State.QUEUED


def test_both_etags_are_recorded(parts: Service) -> None:
    job = create({"start": "manual"})
    etags = {role: upload(parts, job.id, role, wavs.wav(0.5 + 0.1 * len(role))) for role in Role}
    start(job.id)
    found = parts.jobs.get(job.id)
    assert {role: found.file(role).etag for role in Role} == etags
    assert len(set(etags.values())) == 2


def test_a_message_goes_to_the_lane_of_its_pool_in_the_group_of_its_tenant(parts: Service) -> None:
    job = create({"engine": "polqa", "mode": "wb", "start": "manual"}, key_id=GLOBEX)
    for role in Role:
        upload(parts, job.id, role)
    assert start(job.id, key_id=GLOBEX).status == 202
    [message] = messages(parts, "polqa-3-interactive")
    assert (envelope.unpack(message.body).job, message.group) == (job.id, "globex")
    assert all_messages(parts) == []


def test_a_start_of_what_has_succeeded_says_so_and_bids_nobody_wait(parts: Service) -> None:
    job = uploaded(parts)
    bring(parts, job.id, State.SUCCEEDED)
    answer = start(job.id)
    assert (answer.status, answer.body["state"]) == (200, "succeeded")
    assert "Retry-After" not in answer.headers


def test_twice_is_the_same_as_once(parts: Service) -> None:
    job = uploaded(parts)
    first = start(job.id)
    before = item(parts, job.id)
    again = start(job.id)
    assert again.status == 202
    assert item(parts, job.id) == before
    assert again.body | {"eta_seconds": None} == first.body | {"eta_seconds": None}
    assert len(messages(parts)) == 1


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.SUCCEEDED])
def test_a_job_on_its_way_is_answered_as_it_stands_also_without_its_files(state: State, parts: Service) -> None:
    job = create()
    bring(parts, job.id, state)
    before = item(parts, job.id)
    answer = start(job.id)
    assert (answer.status, document(answer).state) == (200 if state is State.SUCCEEDED else 202, state)
    assert item(parts, job.id) == before
    assert all_messages(parts) == []


@pytest.mark.parametrize("state", sorted(ENDS - {State.SUCCEEDED}))
def test_a_job_that_ended_without_a_score_does_not_start(state: State, parts: Service) -> None:
    job = create()
    bring(parts, job.id, state)
    answer = start(job.id)
    assert answer.status == 409
    assert answer.body["type"] == "urn:mosaic:problem:wrong_state"
    assert (answer.body["job"], answer.body["state"]) == (job.id, state)
    assert all_messages(parts) == []


def test_a_job_that_its_worker_found_bad_is_answered_with_that_rule(parts: Service) -> None:
    job = uploaded(parts)
    Claims(parts.table, "host-a").fail(bring(parts, job.id, State.RUNNING), BAD_INPUT)
    answer = start(job.id)
    assert (answer.status, answer.body["rule"], answer.body["file"]) == (422, "silent", "degraded")


@pytest.mark.parametrize("there", [[], [Role.REFERENCE], [Role.DEGRADED]])
def test_a_missing_file_is_named_and_the_job_waits_on(there: list[Role], parts: Service) -> None:
    job = create({"start": "manual"})
    for role in there:
        upload(parts, job.id, role)
    before = item(parts, job.id)
    answer = start(job.id)
    missing = [role for role in Role if role not in there]
    assert answer.status == 409
    assert answer.body["type"] == "urn:mosaic:problem:missing_upload"
    assert answer.body["missing"] == missing
    assert answer.body["job"] == job.id
    assert all(role in str(answer.body["detail"]) for role in missing)
    assert not any(role in str(answer.body["detail"]) for role in there)
    assert item(parts, job.id) == before
    assert all_messages(parts) == []
    for role in missing:
        upload(parts, job.id, role)
    assert start(job.id).status == 202


def test_a_job_of_a_pool_that_is_served_no_more_is_409_and_waits_on(
    parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = uploaded(parts)
    before = item(parts, job.id)
    monkeypatch.setattr(service_module, "_made", [serving_only(parts, "polqa-3")])
    answer = start(job.id)
    assert (answer.status, answer.body["type"]) == (409, "urn:mosaic:problem:pool_not_served")
    assert (answer.body["job"], answer.body["pool"]) == (job.id, "visqol-3")
    assert item(parts, job.id) == before


def test_a_job_of_a_mode_that_is_served_no_more_is_409(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = create({"engine": "polqa", "mode": "wb", "start": "manual"})
    for role in Role:
        upload(parts, job.id, role)
    pools = [pool.model_copy(update={"modes": pool.modes[:1]}) for pool in parts.settings.pools]
    left = replace(parts, settings=parts.settings.model_copy(update={"pools": pools}))
    monkeypatch.setattr(service_module, "_made", [left])
    assert start(job.id).body["type"] == "urn:mosaic:problem:pool_not_served"


def test_a_queued_job_whose_pool_is_served_no_more_is_409_where_its_message_is_due(
    parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create()
    parts.jobs.check_in(bring(parts, job.id, State.QUEUED), 0)
    monkeypatch.setattr(service_module, "_made", [serving_only(parts, "polqa-3")])
    assert start(job.id).body["type"] == "urn:mosaic:problem:pool_not_served"


BAD_FILES: dict[str, bytes] = {
    WavFault.EMPTY_FILE: b"",
    WavFault.NOT_WAV: b"fLaC" + bytes(1000),
    WavFault.TRUNCATED: GOOD[:-100],
    WavFault.UNFINALISED_HEADER: wavs.riff(wavs.fmt(), wavs.chunk(b"data", bytes(1000), size=0xFFFFFFFF)),
    WavFault.HEADER_TOO_LONG: wavs.wav(0.5, before=[wavs.chunk(b"LIST", bytes(1024 * 1024))]),
    WavFault.MALFORMED_HEADER: wavs.riff(wavs.chunk(b"data", bytes(1000))),
    AudioFault.ENCODING: wavs.wav(0.5, format_tag=wavs.MULAW, bits=8),
    AudioFault.BITS_PER_SAMPLE: wavs.wav(0.5, bits=24),
    AudioFault.STEREO: wavs.wav(0.5, channels=2),
    AudioFault.TOO_MANY_CHANNELS: wavs.wav(0.5, channels=6),
    AudioFault.SAMPLE_RATE: wavs.wav(0.5, 8000),
    AudioFault.TOO_SHORT: wavs.wav(0.4),
    AudioFault.TOO_LONG: wavs.wav(4.1),
}
BAD_PREPARES: dict[str, dict[str, object]] = {
    AudioFault.CHANNEL_OF_MONO: {"channel": "left"},
    AudioFault.RESAMPLE_RATE: {"resample": 8000},
    AudioFault.RATE_MISMATCH: {"resample": 48000},
}


def test_every_rule_is_tried_here() -> None:
    assert {*BAD_FILES, *BAD_PREPARES} == {*WavFault, *AudioFault}


def refused(parts: Service, job_id: str, rule: str, role: Role) -> None:
    """The start fails the job for that rule, says so, and says the same again."""
    answer = start(job_id)
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == "urn:mosaic:problem:bad_audio"
    assert (answer.body["rule"], answer.body["file"], answer.body["job"]) == (rule, role, job_id)
    before = item(parts, job_id)
    assert start(job_id) == answer
    assert item(parts, job_id) == before
    found = get(job_id)
    assert found.status == 200
    ended = document(found)
    assert (ended.state, ended.result) == (State.FAILED, None)
    assert ended.error is not None
    assert (ended.error.category, ended.error.code, ended.error.file) == ("bad_input", rule, role)
    assert ended.error.message == answer.body["detail"]
    assert ended.expires_at is not None
    assert all_messages(parts) == []


@pytest.mark.parametrize(
    ("role", "rule"),
    [(Role.DEGRADED, rule) for rule in BAD_FILES]
    + [(Role.REFERENCE, rule) for rule in (WavFault.EMPTY_FILE, WavFault.NOT_WAV, AudioFault.STEREO)],
)
def test_bad_audio_fails_the_job_and_names_file_and_rule(role: Role, rule: str, parts: Service) -> None:
    job = uploaded(parts, reference=GOOD, degraded=GOOD)
    upload(parts, job.id, role, BAD_FILES[rule])
    refused(parts, job.id, rule, role)


@pytest.mark.parametrize("rule", BAD_PREPARES)
def test_a_prepare_that_does_not_fit_its_file_fails_the_job(rule: str, parts: Service) -> None:
    job = uploaded(parts, {"start": "manual", "prepare": {"degraded": BAD_PREPARES[rule]}})
    refused(parts, job.id, rule, Role.DEGRADED)


@pytest.mark.parametrize(
    ("content", "prepare"),
    [
        (wavs.wav(0.5, channels=2), {"channel": "left"}),
        (wavs.wav(0.5, bits=24), {"decode": True}),
        (wavs.wav(0.5, format_tag=wavs.ALAW, bits=8), {"decode": True}),
        (wavs.wav(0.5, 8000), {"resample": 16000}),
    ],
)
def test_what_a_prepare_field_mends_starts(content: bytes, prepare: object, parts: Service) -> None:
    job = uploaded(parts, {"start": "manual", "prepare": {"degraded": prepare}}, degraded=content)
    assert start(job.id).status == 202


def test_retry_after_of_a_start_is_a_quarter_of_the_eta(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "eta_seconds", lambda *_: 41.0)
    answer = start(uploaded(parts).id)
    assert (answer.headers["Retry-After"], answer.body["eta_seconds"]) == ("11", 41.0)


def test_starting_deletes_no_file(parts: Service) -> None:
    job = uploaded(parts, degraded=b"no wav")
    start(job.id)
    assert stored(parts, job.id) == set(Role)
