"""The `mosaic` command: what it prints, where, and how it exits."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from mosaic import Mosaic, cli
from typer.testing import CliRunner, Result

from tests.unit.client.fake_service import KEY, LOST, RESULT, SIGNATURE, FakeService, Reply, problem
from tests.unit.client.idle_clock import IdleClock

Run = Callable[..., Result]


@pytest.fixture
def run(service: FakeService, idle: IdleClock, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(cli, "Mosaic", functools.partial(Mosaic, clock=idle))
    monkeypatch.setenv("MOSAIC_URL", service.url)
    monkeypatch.setenv("MOSAIC_API_KEY", KEY)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])

    return run


def test_a_score_is_printed_with_its_engine_mode_warnings_and_timings(
    run: Run, reference: Path, degraded: Path
) -> None:
    done = run("score", reference, degraded)
    assert done.exit_code == 0
    assert done.stderr == ""
    for words in ["MOS-LQO   3.31", "ViSQOL 3.8.0", "wb", "short_speech", "scored 301 ms"]:
        assert words in done.stdout
    assert "POLQA" not in done.stdout


def test_mode_and_label_reach_the_service(run: Run, service: FakeService, reference: Path, degraded: Path) -> None:
    assert run("score", reference, degraded, "--mode", "swb", "--label", "call 17").exit_code == 0
    body = service.asked("POST", "/v1/jobs")[0].document
    assert (body["mode"], body["label"]) == ("swb", "call 17")


def test_what_is_to_be_prepared_reaches_the_service(
    run: Run, service: FakeService, reference: Path, degraded: Path
) -> None:
    prepare = ["--prepare", "degraded.channel=left", "--prepare", "reference.resample=16000"]
    assert run("score", reference, degraded, *prepare).exit_code == 0
    body = service.asked("POST", "/v1/jobs")[0].document
    assert body["prepare"] == {"degraded": {"channel": "left"}, "reference": {"resample": 16000}}


def test_exit_2_with_the_form_where_what_is_to_be_prepared_is_not_of_it(
    run: Run, service: FakeService, reference: Path, degraded: Path
) -> None:
    done = run("score", reference, degraded, "--prepare", "channel=left")
    assert done.exit_code == 2
    assert "FILE.WHAT=VALUE" in done.stderr
    assert service.requests == []


def test_options_go_before_the_environment(
    run: Run, service: FakeService, reference: Path, degraded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOSAIC_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("MOSAIC_API_KEY", "another")
    assert run("score", reference, degraded, "--url", service.url, "--api-key", KEY).exit_code == 0


def test_json_is_the_job_document_and_nothing_else(
    run: Run, service: FakeService, reference: Path, degraded: Path
) -> None:
    done = run("score", reference, degraded, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == next(iter(service.jobs.values()))
    assert done.stdout.count("\n") == 1


def test_json_of_a_job_that_failed_is_its_document(
    run: Run, service: FakeService, reference: Path, degraded: Path
) -> None:
    service.states = ["failed"]
    done = run("score", reference, degraded, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "stereo"


def test_json_of_a_job_that_still_waits_for_its_files_holds_no_upload_policy(
    run: Run, service: FakeService, reference: Path, degraded: Path
) -> None:
    service.will("GET", *[problem(429, "Too early.", {"retry-after": "9"})] * 5)
    done = run("score", reference, degraded, "--json", "--timeout", 20)
    assert done.exit_code == 5
    assert json.loads(done.stdout)["state"] == "awaiting_upload"
    assert SIGNATURE not in done.stdout + done.stderr


def test_exit_1_where_the_job_failed(run: Run, service: FakeService, reference: Path, degraded: Path) -> None:
    service.states = ["failed"]
    done = run("score", reference, degraded)
    assert done.exit_code == 1
    assert "stereo" in done.stdout
    assert "prepare.degraded.channel" in done.stdout


def test_exit_1_where_there_is_no_signal_to_score(
    run: Run, service: FakeService, reference: Path, degraded: Path
) -> None:
    service.result = {**RESULT, "mos_lqo": None, "warnings": [{"code": "no_signal", "message": "Silence."}]}
    done = run("score", reference, degraded)
    assert done.exit_code == 1
    assert "no_signal" in done.stdout


@pytest.mark.parametrize("arguments", [["score"], ["score", "a", "b", "--nonsense"], ["nonsense"]])
def test_exit_2_where_it_is_used_wrongly(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_exit_2_where_a_file_cannot_be_uploaded(
    run: Run, service: FakeService, reference: Path, tmp_path: Path
) -> None:
    done = run("score", reference, tmp_path / "none.wav")
    assert done.exit_code == 2
    assert "none.wav does not exist" in done.stderr
    assert service.requests == []


def test_exit_2_without_a_url_or_with_a_wrong_one(
    run: Run, reference: Path, degraded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("score", reference, degraded, "--url", "localhost").exit_code == 2
    for name in ("MOSAIC_API_KEY", "MOSAIC_URL"):
        monkeypatch.delenv(name)
        done = run("score", reference, degraded)
        assert done.exit_code == 2
        assert f"{name} (or --" in done.stderr
        assert "`make sandbox`" in done.stderr


def test_exit_3_where_the_service_refuses(run: Run, service: FakeService, reference: Path, degraded: Path) -> None:
    service.will("POST /v1/jobs", problem(422, "There is no mode 'xb'.", errors=[{"pointer": "/mode", "detail": "wb"}]))
    done = run("score", reference, degraded, "--mode", "xb")
    assert done.exit_code == 3
    assert "There is no mode 'xb'." in done.stderr
    assert "/mode: wb" in done.stderr
    assert done.stdout == ""


def test_the_version_is_that_of_the_package(run: Run) -> None:
    done = run("--version")
    assert done.exit_code == 0
    assert done.stdout == f"mosaic {version('mosaic-polqa')}\n"


def test_exit_3_where_the_key_is_wrong_and_the_key_is_not_shown(run: Run, reference: Path, degraded: Path) -> None:
    done = run("score", reference, degraded, "--api-key", "wrong-key-secret")
    assert done.exit_code == 3
    assert "wrong-key-secret" not in done.stdout + done.stderr


def test_exit_4_where_nobody_listens(run: Run, reference: Path, degraded: Path) -> None:
    done = run("score", reference, degraded, "--url", "http://127.0.0.1:1", "--json")
    assert done.exit_code == 4
    assert done.stdout == ""
    assert "http://127.0.0.1:1 cannot be reached" in done.stderr


@pytest.mark.parametrize("reply", [problem(503, "Down."), LOST, Reply(200, text="<html>a router</html>")])
def test_exit_4_where_the_service_does_not_work(
    run: Run, service: FakeService, reference: Path, degraded: Path, reply: Reply
) -> None:
    service.will("POST /v1/jobs", *[reply] * 5)
    assert run("score", reference, degraded).exit_code == 4


def test_exit_5_where_time_is_up_and_the_way_on_is_told(
    run: Run, service: FakeService, reference: Path, degraded: Path
) -> None:
    service.states = ["running"]
    done = run("score", reference, degraded, "--timeout", 9)
    assert done.exit_code == 5
    assert "running" in done.stdout
    assert f"mosaic job {next(iter(service.jobs))}" in done.stderr


def test_exit_130_at_ctrl_c_and_the_way_on_is_told(service: FakeService, reference: Path, degraded: Path) -> None:
    service.states = ["queued"]
    service.retry_after = "60"
    command = [sys.executable, "-m", "mosaic", "score", str(reference), str(degraded), "--url", service.url]
    process = subprocess.Popen([*command, "--api-key", KEY], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert service.polled.wait(30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert f"mosaic job {next(iter(service.jobs))}" in err
    assert "Traceback" not in err


def test_a_job_is_shown_as_it_is_now(
    run: Run, service: FakeService, mosaic: Mosaic, reference: Path, degraded: Path
) -> None:
    created = mosaic.create(reference, degraded)
    service.states = ["queued", "succeeded"]
    assert run("job", created.id).exit_code == 5
    done = run("job", created.id)
    assert done.exit_code == 0
    assert "3.31" in done.stdout


def test_a_job_that_is_unknown_is_refused(run: Run) -> None:
    done = run("job", "0" * 32)
    assert done.exit_code == 3
    assert "There is no such job." in done.stderr


def test_nothing_is_drawn_where_nobody_looks(run: Run, reference: Path, degraded: Path) -> None:
    done = run("score", reference, degraded)
    assert "\x1b" not in done.stdout + done.stderr


def test_ctrl_c_while_uploading_tells_that_the_job_will_not_go_on(
    run: Run, service: FakeService, reference: Path, degraded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Mosaic, "upload", interrupt)
    done = run("score", reference, degraded)
    assert done.exit_code == 130
    assert "expires by itself" in done.stderr


@pytest.mark.parametrize("command", [[], ["score"], ["job"]])
def test_help_tells_every_exit_code(run: Run, command: list[str]) -> None:
    shown = run(*command, "--help").stdout
    for code in cli.ExitCode:
        assert f" {code.value}  " in shown
