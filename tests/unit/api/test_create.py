"""`POST /v1/jobs`: what it answers, what it keeps, and that a bad request costs nothing."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import cast

import pytest

from api.service import Service
from shared.job import Role
from shared.states import State
from tests.requests import request
from tests.unit.api.steps import all_messages, count_items, create, document, get, item, stored

SHA = "0123456789abcdef" * 4


def test_a_job_is_created_and_found_where_location_says() -> None:
    answer = request("POST", "/v1/jobs", {})
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Location"] == f"/v1/jobs/{answer.body['id']}"
    again = request("GET", answer.headers["Location"])
    assert again.body == {name: value for name, value in answer.body.items() if name != "uploads"}


def test_every_member_of_the_contract_is_there() -> None:
    answer = request("POST", "/v1/jobs", {})
    job_id = answer.body["id"]
    assert answer.body == {
        "id": job_id,
        "state": "awaiting_upload",
        "engine": "visqol",
        "mode": "wb",
        "start": "auto",
        "reference": {"sha256": None, "bytes": None},
        "degraded": {"sha256": None, "bytes": None},
        "prepare": {"reference": None, "degraded": None},
        "label": None,
        "batch": None,
        "custom_id": None,
        "replay_of": None,
        "metadata": {},
        "times": answer.body["times"],
        "upload_deadline": answer.body["upload_deadline"],
        "waits_for": None,
        "attempts": 0,
        "eta_seconds": None,
        "expires_at": None,
        "result": None,
        "error": None,
        "links": {
            "self": f"/v1/jobs/{job_id}",
            "start": f"/v1/jobs/{job_id}/start",
            "uploads": f"/v1/jobs/{job_id}/uploads",
        },
        "uploads": answer.body["uploads"],
    }


def test_what_was_asked_for_comes_back() -> None:
    asked = {
        "engine": "polqa",
        "mode": "wb",
        "reference": {"sha256": SHA, "bytes": 263334},
        "degraded": {"sha256": SHA[::-1], "bytes": 262932},
        "start": "manual",
        "label": "codec=amr,build=812 ✓",
        "metadata": {"call": "17", "a/b~c.d": ""},
        "prepare": {
            "reference": {"channel": "right", "decode": False, "resample": None, "level": None},
            "degraded": {"channel": "left", "decode": True, "resample": 16000, "level": -26.5},
        },
    }
    created = request("POST", "/v1/jobs", asked)
    found = get(str(created.body["id"]))
    assert {name: found.body[name] for name in asked} == asked


def test_an_omitted_engine_is_the_first_pools_and_an_omitted_mode_its_default(parts: Service) -> None:
    assert (create().engine, create().mode) == ("visqol", "wb")
    assert create({"engine": "polqa"}).mode == "nb"
    job = create({"engine": "polqa", "mode": "wb"})
    assert (job.engine, job.mode, parts.jobs.get(job.id).pool) == ("polqa", "wb", "polqa-3")


def test_times_are_rfc_3339_in_utc() -> None:
    told = create().times[State.AWAITING_UPLOAD]
    assert told.endswith("Z")
    assert abs(datetime.fromisoformat(told).timestamp() - time.time()) < 30


def test_the_job_belongs_to_the_keys_tenant(parts: Service) -> None:
    assert parts.jobs.get(create().id).tenant == "acme"


def test_creating_starts_nothing(parts: Service) -> None:
    job = create()
    assert document(get(job.id)).state is State.AWAITING_UPLOAD
    assert all_messages(parts) == []
    assert stored(parts, job.id) == set()


def test_a_job_is_listed_as_pending_and_is_looked_at_before_its_upload_deadline(parts: Service) -> None:
    found = item(parts, create().id) or {}
    assert str(found["pending"]).startswith("P#")
    assert time.time() < float(str(found["check_at"])) < float(str(found["upload_deadline"]))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"engine": "pesq"}, "/engine"),
        ({"mode": "swb"}, "/mode"),
        ({"engine": "visqol", "mode": "nb"}, "/mode"),
        ({"engine": 3}, "/engine"),
        ({"mode": ["wb"]}, "/mode"),
        ({"start": "now"}, "/start"),
        ({"start": None}, "/start"),
        ({"label": "x" * 201}, "/label"),
        ({"label": 5}, "/label"),
        ({"metadata": {str(number): "" for number in range(17)}}, "/metadata"),
        ({"metadata": {"call": 17}}, "/metadata/call"),
        ({"metadata": {"call": None}}, "/metadata/call"),
        ({"metadata": {"call": "x" * 513}}, "/metadata/call"),
        ({"metadata": {"x" * 65: ""}}, "/metadata/" + "x" * 65),
        ({"metadata": {"": "empty"}}, "/metadata/"),
        ({"metadata": {"a/b~c": 1}}, "/metadata/a~1b~0c"),
        ({"metadata": ["call"]}, "/metadata"),
        ({"reference": None}, "/reference"),
        ({"reference": "x.wav"}, "/reference"),
        ({"reference": {"sha256": SHA.upper()}}, "/reference/sha256"),
        ({"reference": {"sha256": SHA[1:]}}, "/reference/sha256"),
        ({"reference": {"sha256": SHA + "\n"}}, "/reference/sha256"),
        ({"reference": {"key": "jobs/x"}}, "/reference/key"),
        ({"degraded": {"bytes": 0}}, "/degraded/bytes"),
        ({"degraded": {"bytes": -1}}, "/degraded/bytes"),
        ({"degraded": {"bytes": 64 * 1024 * 1024 + 1}}, "/degraded/bytes"),
        ({"degraded": {"bytes": 10**40}}, "/degraded/bytes"),
        ({"degraded": {"bytes": 1.5}}, "/degraded/bytes"),
        ({"degraded": {"bytes": "263334"}}, "/degraded/bytes"),
        ({"degraded": {"bytes": True}}, "/degraded/bytes"),
        ({"degraded": {"bytes": float("nan")}}, "/degraded/bytes"),
        ({"prepare": {"both": {}}}, "/prepare/both"),
        ({"prepare": {"degraded": {"channel": "middle"}}}, "/prepare/degraded/channel"),
        ({"prepare": {"degraded": {"resample": 44100}}}, "/prepare/degraded/resample"),
        ({"prepare": {"degraded": {"level": -15.9}}}, "/prepare/degraded/level"),
        ({"prepare": {"degraded": {"level": -46.1}}}, "/prepare/degraded/level"),
        ({"prepare": {"degraded": {"level": float("nan")}}}, "/prepare/degraded/level"),
        ({"prepare": {"degraded": {"level": float("-inf")}}}, "/prepare/degraded/level"),
        ({"prepare": {"degraded": {"normalise": True}}}, "/prepare/degraded/normalise"),
        ({"prepare": {"reference": [1]}}, "/prepare/reference"),
        ({"tenant": "globex"}, "/tenant"),
        ({"x/y~z": 1}, "/x~1y~0z"),
        ({"id": "0" * 32}, "/id"),
    ],
)
def test_a_field_that_breaks_the_schema_is_pointed_at_and_nothing_is_written(
    body: object, pointer: str, parts: Service
) -> None:
    before = count_items(parts)
    answer = request("POST", "/v1/jobs", body)
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.body["type"], answer.body["status"]) == ("urn:mosaic:problem:invalid_request", 422)
    errors = answer.body["errors"]
    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [pointer]
    assert all(error["detail"] for error in errors)
    assert count_items(parts) == before


def test_every_broken_field_is_told_at_once() -> None:
    body = {"label": 1, "degraded": {"bytes": 0, "sha256": ""}, "nonsense": {}}
    errors = request("POST", "/v1/jobs", body).body["errors"]
    assert isinstance(errors, list)
    pointers = {error["pointer"] for error in errors}
    assert pointers == {"/label", "/degraded/bytes", "/degraded/sha256", "/nonsense"}


@pytest.mark.parametrize("name", ["engine", "mode"])
def test_an_unknown_engine_or_mode_is_answered_with_those_there_are(name: str) -> None:
    answer = request("POST", "/v1/jobs", {name: "nonsense"})
    known = {"engine": ("visqol", "polqa"), "mode": ("wb",)}[name]
    assert '"nonsense"' in str(answer.body["detail"])
    assert all(word in str(answer.body["detail"]) for word in known)


@pytest.mark.parametrize("name", ["\x00", "'", '"', "ü\t"])
def test_a_name_is_quoted_as_json_has_it(name: str) -> None:
    answer = request("POST", "/v1/jobs", {"engine": name})
    assert str(answer.body["detail"]).startswith(json.dumps(name, ensure_ascii=False) + " is not served here")


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/v1/jobs", {"lable": "x"}, "There is no such member here."),
        ("/v1/jobs", {"metadata": {str(n): "" for n in range(17)}}, "This may have 16 at most."),
        ("/v1/references", {}, "This is missing."),
        (f"/v1/batches/{'0' * 32}/jobs", {"jobs": []}, "This must have 1 at least."),
    ],
)
def test_what_is_wrong_is_said_in_words_of_the_api(path: str, body: dict[str, object], detail: str) -> None:
    (error,) = cast("list[dict[str, str]]", request("POST", path, body).body["errors"])
    assert error["detail"] == detail


def test_limits_themselves_are_allowed() -> None:
    body = {
        "label": "x" * 200,
        "metadata": {f"{number:064}": "y" * 512 for number in range(16)},
        "degraded": {"bytes": 64 * 1024 * 1024},
        "reference": {"bytes": 1},
        "prepare": {"reference": {"level": -46}, "degraded": {"level": -16}},
    }
    assert len(create(body).metadata) == 16


@pytest.mark.parametrize(
    "raw",
    [
        "{",
        "[1",
        "",
        "{'a': 1}",
        '{"label": "x"} trailing',
        "\x00",
        '{"label": "\n"}',
        '{"degraded": {"bytes": ' + "1" * 5000 + "}}",
    ],
)
def test_a_body_that_is_not_json_is_refused_as_that(raw: str, parts: Service) -> None:
    before = count_items(parts)
    answer = request("POST", "/v1/jobs", raw=raw)
    # Nothing at all is a missing body, not a malformed one.
    assert answer.status == (400 if raw else 422)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert count_items(parts) == before


@pytest.mark.parametrize("raw", ["[" * 100_000, '{"metadata":' * 100_000, '{"a":[' * 500 + "]}" * 500])
def test_deep_nesting_is_refused_and_breaks_nothing(raw: str) -> None:
    assert request("POST", "/v1/jobs", raw=raw).status in (400, 422)
    assert request("POST", "/v1/jobs", {}).status == 201


@pytest.mark.parametrize("raw", ["[]", "[{}]", '[{"label": "x"}]', '"{}"', "1", "true", "null"])
def test_json_that_is_no_object_is_refused(raw: str, parts: Service) -> None:
    before = count_items(parts)
    answer = request("POST", "/v1/jobs", raw=raw)
    assert answer.status == 422
    assert answer.body["errors"] == [{"pointer": "", "detail": "The body must be a JSON object."}]
    assert count_items(parts) == before


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "audio/wav",
        "application/xml",
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-URLencoded; charset=UTF-8",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
    ],
)
@pytest.mark.parametrize(
    "raw", ["{}", "label=x", '--x\r\nContent-Disposition: form-data; name="label"\r\n\r\ny\r\n--x--']
)
def test_a_body_of_another_type_is_415(content_type: str, raw: str, parts: Service) -> None:
    before = count_items(parts)
    answer = request("POST", "/v1/jobs", raw=raw, headers={"content-type": content_type})
    assert answer.status == 415
    assert answer.body["type"] == "urn:mosaic:problem:unsupported_media_type"
    assert "application/json" in str(answer.body["detail"])
    assert count_items(parts) == before


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_json_however_its_type_is_written(content_type: str) -> None:
    assert request("POST", "/v1/jobs", {}, headers={"content-type": content_type}).status == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/v2/jobs"),
        ("POST", "/v1/jobs/" + "0" * 32 + "/stop"),
    ],
)
def test_an_unknown_route_is_a_problem_that_names_it(method: str, path: str) -> None:
    answer = request(method, path)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body == {
        "type": "urn:mosaic:problem:unknown_route",
        "title": "Not Found",
        "status": 404,
        "detail": f"There is no {method} {path} here.",
    }


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/jobs", {"GET", "POST"}),
        ("HEAD", "/v1/jobs/" + "0" * 32, {"GET", "DELETE"}),
        ("GET", "/v1/jobs/" + "0" * 32 + "/start", {"POST"}),
    ],
)
def test_a_method_that_a_path_has_not_is_told_those_that_it_has(method: str, path: str, allowed: set[str]) -> None:
    answer = request(method, path)
    assert answer.status == 405
    assert answer.body["type"] == "urn:mosaic:problem:method_not_allowed"
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_both_files_get_a_policy() -> None:
    assert set(create().uploads) == set(Role)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    body = {"degraded": {"bytes": 2531.0}, "prepare": {"degraded": {"resample": 16000.0}}}
    job = create(body)
    assert (job.degraded.bytes, job.prepare.degraded and job.prepare.degraded.resample) == (2531, 16000)
    assert request("POST", "/v1/jobs", {"degraded": {"bytes": 2531.5}}).status == 422
