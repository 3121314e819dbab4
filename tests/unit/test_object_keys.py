"""Where things lie in the bucket: keys are made and read in one place, and only ours are taken for ours."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from shared.job import Role
from shared.lives import DAY, LONGEST_BATCH_SECONDS, MOST_AUDIO_SECONDS, MOST_RESULTS_SECONDS, UPLOAD_SECONDS
from shared.object_keys import (
    ReferenceName,
    Upload,
    parse_reference_key,
    parse_upload_key,
    reference_key,
    result_key,
    upload_key,
)
from shared.resources import BUCKET

job_ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
tenants = st.text(min_size=1).filter(lambda tenant: "/" not in tenant)
roles = st.sampled_from(Role)


@given(job_ids, roles)
def test_an_uploads_key_is_read_back(job_id: str, role: Role) -> None:
    assert parse_upload_key(upload_key(job_id, role)) == Upload(job_id, role)


@given(st.text(), st.text(), st.text())
@example("jobs/", "0" * 32, "/reference.wav ")
@example("\n" + "jobs/", "0" * 32, "/reference.wav")
@example("jobs/", "A" * 32, "/reference.wav")
@example("jobs/", "\u0660" * 32, "/reference.wav")
@example("jobs/", "0" * 33, "/reference.wav")
@example("/jobs/", "0" * 32, "/reference.wav")
@example("jobs/", "0" * 32, "/reference.WAV")
@example("jobs/", "0" * 32, "/referenceXwav")
@example("jobs/", "0" * 32, "/other.wav")
def test_any_text_is_read_as_the_one_upload_that_it_names_or_as_none(before: str, middle: str, after: str) -> None:
    key = before + middle + after
    upload = parse_upload_key(key)
    assert upload is None or upload_key(upload.job_id, upload.role) == key


def test_a_newline_at_the_end_makes_it_another_key() -> None:
    assert parse_upload_key(upload_key("0" * 32, Role.REFERENCE) + "\n") is None


@given(job_ids, job_ids, roles, roles, st.integers(1, 100), st.integers(1, 100))
def test_no_two_things_share_a_key(
    one: str, other: str, role: Role, other_role: Role, attempt: int, other_attempt: int
) -> None:
    assert (upload_key(one, role) == upload_key(other, other_role)) == ((one, role) == (other, other_role))
    assert (result_key(one, attempt) == result_key(other, other_attempt)) == ((one, attempt) == (other, other_attempt))


@given(job_ids, st.integers(1, 100))
def test_a_result_is_never_taken_for_an_upload(job_id: str, attempt: int) -> None:
    assert parse_upload_key(result_key(job_id, attempt)) is None


@given(tenants, hashes)
@example("a b+c\n", "0" * 64)
def test_a_stored_references_key_is_read_back_and_is_no_jobs(tenant: str, sha256: str) -> None:
    key = reference_key(tenant, sha256)
    assert parse_reference_key(key) == ReferenceName(tenant, sha256)
    assert parse_upload_key(key) is None


@given(st.text(), st.text(), st.text())
@example("references/", "acme/" + "0" * 64, ".wav\n")
@example("references/", "acme/" + "A" * 64, ".wav")
@example("references/", "acme/" + "0" * 63, ".wav")
@example("references/", "acme/x/" + "0" * 64, ".wav")
@example("references/", "/" + "0" * 64, ".wav")
@example("references/", "0" * 64, ".wav")
def test_any_text_is_read_as_the_one_reference_that_it_names_or_as_none(before: str, middle: str, after: str) -> None:
    key = before + middle + after
    name = parse_reference_key(key)
    assert name is None or reference_key(*name) == key


def test_every_upload_lies_where_its_arrival_is_told() -> None:
    job_id = "0" * 32
    uploads = [*(upload_key(job_id, role) for role in Role), reference_key("acme", "0" * 64)]
    assert all(key.startswith(BUCKET.event_prefixes) for key in uploads)
    assert not result_key(job_id, 1).startswith(BUCKET.event_prefixes)


def test_no_object_of_a_job_goes_by_the_buckets_own_rules_while_it_is_to_live() -> None:
    """Of a batch that took as long as one may, with the longest lives that can be set; S3 rounds days up."""
    days = {expiry.prefix: expiry.days for expiry in BUCKET.expiries}
    before_its_start, later_than_told = UPLOAD_SECONDS, 2 * DAY
    assert days["jobs/"] * DAY >= before_its_start + LONGEST_BATCH_SECONDS + MOST_AUDIO_SECONDS
    assert days["results/"] * DAY >= LONGEST_BATCH_SECONDS + MOST_RESULTS_SECONDS + later_than_told
