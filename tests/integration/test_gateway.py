"""The gateway makes of each request the event that API Gateway would, and of each answer the response."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from sandbox import ports
from sandbox.function import Context, Event, Function, Handler
from sandbox.gateway import KEY_HEADER, MAX_BODY_BYTES, MAX_EVENT_BYTES, Gateway
from sandbox.keys import ApiKey, KeyRing

MEETING_SECONDS = 1.0  # for two events to be handled at once, if they could


class Recorder:
    """A stand-in handler: keeps the last event, and answers what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.answer: object = {"statusCode": 200, "body": "{}"}

    def __call__(self, event: Event, context: Context) -> object:
        self.events.append(event)
        return self.answer


class Served:
    """A gateway that serves a handler, and a client that holds its key."""

    def __init__(self, url: str, key: ApiKey, keys: KeyRing) -> None:
        self.key = key
        self.keys = keys
        self.http = httpx.Client(base_url=url, headers={KEY_HEADER: key.value}, timeout=30, trust_env=False)


@contextmanager
def serving(handler: Handler, keys_file: Path) -> Iterator[Served]:
    loop, port, keys = asyncio.new_event_loop(), ports.any_free(), KeyRing(keys_file)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    function = Function("stand-in", handler)
    gateway = Gateway(function, keys, port)
    asyncio.run_coroutine_threadsafe(gateway.start(), loop).result(10)
    served = Served(f"http://127.0.0.1:{port}", keys.add(), keys)
    try:
        yield served
    finally:
        served.http.close()
        asyncio.run_coroutine_threadsafe(gateway.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        function.stop()


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def module_served(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(recorder, tmp_path_factory.mktemp("gateway") / "keys.json") as served:
        yield served


@pytest.fixture
def served(module_served: Served, recorder: Recorder) -> Served:
    recorder.events.clear()
    recorder.answer = {"statusCode": 200, "body": "{}"}
    return module_served


def test_an_event_tells_method_path_query_and_headers_once_and_many_times(served: Served, recorder: Recorder) -> None:
    served.http.post("/v1/jobs?a=1&b=x%20y&a=2", headers=[("X-Two", "one"), ("X-Two", "two")], json={})
    event = recorder.events[-1]
    assert (event["httpMethod"], event["path"], event["resource"]) == ("POST", "/v1/jobs", "/{proxy+}")
    assert event["pathParameters"] == {"proxy": "v1/jobs"}
    assert event["queryStringParameters"] == {"a": "2", "b": "x y"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["x y"]}
    assert member(event, "headers")["X-Two"] == "two"
    assert member(event, "multiValueHeaders")["X-Two"] == ["one", "two"]


def test_what_is_absent_is_null(served: Served, recorder: Recorder) -> None:
    served.http.get("/v1/jobs")
    event = recorder.events[-1]
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None
    assert (event["body"], event["isBase64Encoded"]) == (None, False)


def test_the_context_tells_who_asks_but_by_the_key_s_id(served: Served, recorder: Recorder) -> None:
    served.http.get("/v1/jobs/0123", headers={"User-Agent": "a test"})
    context = member(recorder.events[-1], "requestContext")
    identity = member(context, "identity")
    assert identity["apiKeyId"] == served.key.id != served.key.value
    assert (identity["sourceIp"], identity["userAgent"]) == ("127.0.0.1", "a test")
    assert (context["stage"], context["path"], context["httpMethod"]) == ("sandbox", "/v1/jobs/0123", "GET")
    assert abs(number(context["requestTimeEpoch"]) / 1000 - time.time()) < 60


def test_each_request_has_an_id_of_its_own(served: Served, recorder: Recorder) -> None:
    served.http.get("/v1/jobs")
    served.http.get("/v1/jobs")
    first, second = (member(event, "requestContext")["requestId"] for event in recorder.events)
    assert first != second


def test_an_encoded_path_reaches_the_function_as_it_was_sent(served: Served, recorder: Recorder) -> None:
    served.http.get("/v1/jobs/a%2Fb%20c")
    assert recorder.events[-1]["path"] == "/v1/jobs/a%2Fb%20c"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1).filter(lambda p: "\x00" not in str(p)))
def test_any_query_survives(served: Served, recorder: Recorder, pairs: list[tuple[str, str]]) -> None:
    served.http.get("/v1/jobs", params=httpx.QueryParams(tuple(pairs)))
    many = member(recorder.events[-1], "multiValueQueryStringParameters")
    assert many == {name: [value for other, value in pairs if other == name] for name, _ in pairs}


def test_a_json_body_is_text(served: Served, recorder: Recorder) -> None:
    served.http.post("/v1/jobs", json={"label": "Grüße"})
    event = recorder.events[-1]
    assert event["isBase64Encoded"] is False
    assert json.loads(str(event["body"])) == {"label": "Grüße"}


@pytest.mark.parametrize("media_type", ["audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave", "Audio/WAV; x=1"])
def test_audio_is_base64(served: Served, recorder: Recorder, media_type: str) -> None:
    audio = bytes(range(256)) * 4
    served.http.post("/v1/score", content=audio, headers={"Content-Type": media_type})
    event = recorder.events[-1]
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(str(event["body"]), validate=True) == audio


def test_a_compressed_body_is_left_compressed(served: Served, recorder: Recorder) -> None:
    served.http.post("/v1/score", content=b"no gzip", headers={"Content-Type": "audio/wav", "Content-Encoding": "gzip"})
    assert base64.b64decode(str(recorder.events[-1]["body"])) == b"no gzip"


@pytest.mark.parametrize("value", [None, "", "wrong"])
def test_without_a_known_key_the_answer_is_403_and_the_function_is_not_asked(
    served: Served, recorder: Recorder, value: str | None
) -> None:
    headers = {} if value is None else {KEY_HEADER: value}
    answer = httpx.get(served.http.base_url.join("/v1/jobs"), headers=headers, trust_env=False)
    assert problem_of(answer)["type"] == "urn:mosaic:problem:forbidden"
    assert answer.status_code == 403
    assert recorder.events == []


def test_a_key_added_by_another_process_is_known_at_once(served: Served, recorder: Recorder) -> None:
    other = KeyRing(served.keys.path).add()
    served.http.get("/v1/jobs", headers={KEY_HEADER: other.value})
    identity = member(member(recorder.events[-1], "requestContext"), "identity")
    assert identity["apiKeyId"] == other.id != served.key.id


def test_only_its_owner_can_read_the_file_of_keys(served: Served) -> None:
    assert stat.S_IMODE(served.keys.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("surplus", [1, MAX_BODY_BYTES])
def test_a_body_whose_event_the_function_can_take_passes_and_one_byte_more_is_413(
    surplus: int, served: Served, recorder: Recorder
) -> None:
    """Text is as long in the event as it was sent; the rest of the event is the same for every body."""
    served.http.post("/v1/jobs", content=b"x")
    [small] = recorder.events
    room = MAX_EVENT_BYTES - len(json.dumps({**small, "body": ""}).encode())
    most = room - 100  # of the headers, the length alone differs
    assert served.http.post("/v1/jobs", content=b"x" * most).status_code == 200
    answer = served.http.post("/v1/jobs", content=b"x" * (room + surplus))
    assert answer.status_code == 413
    assert problem_of(answer)["type"] == "urn:mosaic:problem:payload_too_large"
    assert len(recorder.events) == 2


def test_four_mib_of_audio_pass_though_base64_makes_them_more(served: Served, recorder: Recorder) -> None:
    headers = {"Content-Type": "audio/wav"}
    assert served.http.post("/v1/score", content=bytes(4 * 1024 * 1024), headers=headers).status_code == 200
    assert served.http.post("/v1/score", content=bytes(5 * 1024 * 1024), headers=headers).status_code == 413
    assert len(recorder.events) == 1


@pytest.mark.parametrize("media_type", ["audio/mpeg", "application/octet-stream"])
def test_what_is_no_wav_by_its_type_is_text(served: Served, recorder: Recorder, media_type: str) -> None:
    served.http.post("/v1/score", content=b"ID3", headers={"Content-Type": media_type})
    assert (recorder.events[-1]["body"], recorder.events[-1]["isBase64Encoded"]) == ("ID3", False)


def test_a_crash_is_502_and_tells_nothing_of_itself(tmp_path: Path) -> None:
    def crash(event: Event, context: Context) -> object:
        raise RuntimeError("secret")

    with serving(crash, tmp_path / "keys.json") as served:
        answer = served.http.get("/v1/jobs")
    assert answer.status_code == 502
    assert problem_of(answer)["type"] == "urn:mosaic:problem:bad_gateway"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        "text",
        {},
        {"statusCode": "abc"},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "surplus": 1},
        {"statusCode": 200, "body": "no base64!", "isBase64Encoded": True},
        {"statusCode": 200, "multiValueHeaders": {"X-Two": "not a list"}},
        {"statusCode": 200, "body": {1, 2}},
    ],
)
def test_a_malformed_answer_is_502(served: Served, recorder: Recorder, malformed: object) -> None:
    recorder.answer = malformed
    answer = served.http.get("/v1/jobs")
    assert answer.status_code == 502
    assert problem_of(answer)["title"] == "Bad Gateway"


def test_an_answer_s_status_headers_and_text_come_through(served: Served, recorder: Recorder) -> None:
    recorder.answer = {
        "statusCode": 202,
        "headers": {"Retry-After": 3, "X-Two": "lost", "Content-Type": "application/problem+json"},
        "multiValueHeaders": {"X-Two": ["one", "two"]},
        "body": "Grüße",
    }
    answer = served.http.get("/v1/jobs")
    assert (answer.status_code, answer.text) == (202, "Grüße")
    assert answer.headers["Retry-After"] == "3"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers.get_list("X-Two") == ["one", "two"]


def test_an_answer_in_base64_comes_as_bytes(served: Served, recorder: Recorder) -> None:
    audio = bytes(range(256))
    recorder.answer = {"statusCode": 200, "body": base64.b64encode(audio).decode(), "isBase64Encoded": True}
    assert served.http.get("/v1/jobs").content == audio


def test_a_header_that_is_no_utf8_is_a_bad_request(served: Served, recorder: Recorder) -> None:
    answer = served.http.post("/v1/jobs", headers=[(b"Idempotency-Key", b"\xff")])
    assert (answer.status_code, problem_of(answer)["type"]) == (400, "urn:mosaic:problem:bad_request")
    assert recorder.events == []


def test_an_answer_without_a_type_is_json(served: Served, recorder: Recorder) -> None:
    recorder.answer = {"statusCode": 204}
    answer = served.http.get("/v1/jobs")
    assert (answer.status_code, answer.headers["Content-Type"]) == (204, "application/json")


def test_a_function_gets_one_event_at_a_time(tmp_path: Path) -> None:
    another = threading.Barrier(2)
    met: list[int] = []

    def meeting(event: Event, context: Context) -> object:
        with suppress(threading.BrokenBarrierError):  # the first that waits in vain breaks it for all
            met.append(another.wait(MEETING_SECONDS))
        return {"statusCode": 200, "body": str(event["path"])}

    with serving(meeting, tmp_path / "keys.json") as served:
        answers = together(*(lambda n=n: served.http.get(f"/{n}").text for n in range(8)))
    assert answers == [f"/{n}" for n in range(8)]
    assert met == []


def together(*calls: Callable[[], str]) -> list[str]:
    answers: dict[int, str] = {}
    threads = [threading.Thread(target=lambda n=n, c=c: answers.update({n: c()})) for n, c in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return [answers[number] for number in range(len(calls))]


def member(document: Mapping[str, JsonValue], name: str) -> dict[str, JsonValue]:
    value = document[name]
    assert isinstance(value, dict)
    return value


def number(value: JsonValue) -> float:
    assert isinstance(value, int | float)
    return value


def problem_of(answer: httpx.Response) -> dict[str, JsonValue]:
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    document: dict[str, JsonValue] = answer.json()
    assert document["status"] == answer.status_code
    return document


def test_a_path_with_a_line_end_reaches_the_function_too(served: Served, recorder: Recorder) -> None:
    assert served.http.get("/v1/jobs/a%0Ab").status_code == 200
    assert recorder.events[-1]["path"] == "/v1/jobs/a%0Ab"
