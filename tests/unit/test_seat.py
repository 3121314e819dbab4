"""Seats, with a stand-in engine in real child processes."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import JsonValue

from shared.job import Role
from tests.stand_ins import engine as stand_in
from tests.stand_ins.seat_runs import PATIENCE, Processes, Run, begun_processes, score
from worker.cancellation import Cancellation
from worker.engines.engine import EngineError, FailureClass, Score
from worker.seat import Seat, SeatDied, SeatStopped, SeatTimedOut
from worker.spawner import Spawner


@pytest.fixture(scope="module")
def spawner() -> Iterator[Spawner]:
    spawner = Spawner()
    spawner.start()
    yield spawner
    spawner.stop()


@pytest.fixture(scope="module")
def shared_seat(spawner: Spawner) -> Iterator[Seat]:
    seat = Seat(stand_in.NAME, 0, {"FOR_THE_CHILD": "yes"}, spawner)
    yield seat
    seat.stop()


@pytest.fixture
def seat(shared_seat: Seat) -> Seat:
    """A ready seat; tests before may have killed its child, so this one may have a new one."""
    if not shared_seat.is_alive():
        shared_seat.start()
        shared_seat.wait_ready(PATIENCE)
    return shared_seat


def test_an_engine_scores_in_a_process_of_its_own(seat: Seat, tmp_path: Path) -> None:
    with Run(seat, tmp_path) as run:
        assert run.processes.pids != [os.getpid()]
        (tmp_path / "go").write_text("")
        assert run.outcome.result(PATIENCE) == Score(3.0)


@pytest.mark.parametrize("failure_class", FailureClass)
def test_an_engines_error_arrives_with_its_class_and_the_seat_goes_on(
    seat: Seat, tmp_path: Path, failure_class: FailureClass
) -> None:
    with pytest.raises(EngineError) as caught:
        score(seat, tmp_path, do="fail", failure_class=failure_class)
    assert caught.value.failure_class is failure_class
    assert (caught.value.code, caught.value.message) == ("told_to", "This is a stand-in, told to fail.")
    assert seat.is_alive()


@pytest.mark.parametrize("file", [None, *Role])
def test_an_engines_error_says_which_file_it_is_about(seat: Seat, tmp_path: Path, file: Role | None) -> None:
    with pytest.raises(EngineError) as caught:
        score(seat, tmp_path, do="fail", failure_class="bad_input", file=file)
    assert caught.value.file is file


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"do": "score", "mos": float("nan")}, "unusable_score"),
        ({"do": "score", "mos": float("inf")}, "unusable_score"),
        ({"do": "score", "mos": -0.0}, "unusable_score"),
        ({"do": "score", "mos": 4.51}, "unusable_score"),
        ({"do": "score_not_json"}, "unusable_score"),
        ({"do": "break"}, "engine_fault"),
    ],
    ids=str,
)
def test_what_an_engine_must_never_do_is_transient_and_the_seat_goes_on(
    seat: Seat, tmp_path: Path, order: dict[str, JsonValue], code: str
) -> None:
    with pytest.raises(EngineError) as caught:
        score(seat, tmp_path, **order)
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.TRANSIENT, code)
    assert seat.is_alive()


def test_what_an_engine_must_never_raise_is_in_the_log_and_not_in_the_error(
    seat: Seat, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seat.start()  # anew, for a child keeps the standard error that it was started with
    seat.wait_ready(PATIENCE)
    with pytest.raises(EngineError) as caught:
        score(seat, tmp_path, do="break")
    assert "stand-in" not in caught.value.message
    [line] = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "engine_fault" in line]
    assert (line["component"], line["directory"]) == ("seat", str(tmp_path))
    assert "ZeroDivisionError" in str(line["exception"])
    assert "_break" in str(line["exception"])


def test_a_mode_that_the_engine_does_not_have_is_a_matter_of_configuration(seat: Seat, tmp_path: Path) -> None:
    reference = stand_in.write_order(tmp_path, do="score")
    with Cancellation() as never, pytest.raises(EngineError, match="no mode 'swb', only any") as caught:
        seat.score(reference, reference, "swb", tmp_path, PATIENCE, never)
    assert caught.value.failure_class is FailureClass.CONFIG


def test_what_an_engine_prints_does_not_get_between_the_logs(
    seat: Seat, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seat.start()  # anew, for a child keeps the standard output that it was started with
    seat.wait_ready(PATIENCE)
    assert score(seat, tmp_path, do="print") == Score(3.0)
    printed = capfd.readouterr()
    assert "this is a stand-in" in printed.err
    assert not printed.out


def test_an_engine_sees_what_it_was_given_and_no_credentials(seat: Seat, tmp_path: Path) -> None:
    assert "AWS_SECRET_ACCESS_KEY" in os.environ
    environment = score(seat, tmp_path, do="show_environment").details["environment"]
    assert isinstance(environment, dict)
    assert environment["FOR_THE_CHILD"] == "yes"
    assert not [name for name in environment if name.startswith("AWS_")]


@pytest.mark.parametrize(
    ("order", "return_code", "words"),
    [
        ({"do": "kill_itself", "number": int(signal.SIGSEGV)}, -signal.SIGSEGV, "signal 11"),
        ({"do": "exit", "code": 7}, 7, "exit code 7"),
    ],
    ids=["crash", "exit"],
)
def test_a_child_that_ends_by_itself_costs_one_score_and_a_new_one_takes_its_place(
    seat: Seat, tmp_path: Path, order: dict[str, JsonValue], return_code: int, words: str
) -> None:
    with pytest.raises(SeatDied, match=words) as caught:
        score(seat, tmp_path, **order)
    assert caught.value.return_code == return_code
    assert not seat.is_alive()
    seat.start()
    seat.wait_ready(PATIENCE)
    again = tmp_path / "again"
    again.mkdir()
    assert score(seat, again, do="score") == Score(3.0)


def test_when_a_child_is_killed_while_it_scores_its_own_children_go_with_it(seat: Seat, tmp_path: Path) -> None:
    with Run(seat, tmp_path, grandchild="unbound") as run:
        os.kill(run.processes.pids[0], signal.SIGKILL)
        with pytest.raises(SeatDied, match="signal 9"):
            run.outcome.result(PATIENCE)
        assert run.processes.all_end()


def test_a_child_that_dies_between_tasks_is_seen_before_the_next_is_begun(seat: Seat, tmp_path: Path) -> None:
    with Run(seat, tmp_path) as run:
        (tmp_path / "go").write_text("")
        run.outcome.result(PATIENCE)
        assert seat.is_alive()
        os.kill(run.processes.pids[0], signal.SIGKILL)
        assert run.processes.all_end()
    assert not seat.is_alive()
    again = tmp_path / "again"
    again.mkdir()
    with pytest.raises(SeatDied, match="signal 9"):
        score(seat, again, do="score")


def test_a_child_that_hangs_is_killed_when_its_time_is_over(seat: Seat, tmp_path: Path) -> None:
    with Run(seat, tmp_path, limit_seconds=0.5, grandchild="unbound") as run:
        with pytest.raises(SeatTimedOut, match=r"within 0\.5 s"):
            run.outcome.result(PATIENCE)
        assert run.processes.all_end()


def test_cancelling_wakes_the_waiting_thread_at_once_and_kills_every_process(seat: Seat, tmp_path: Path) -> None:
    waits = []
    for turn in range(3):  # the quickest of three, for the machine may be busy
        scratch = tmp_path / str(turn)
        scratch.mkdir()
        with Run(seat, scratch, grandchild="unbound") as run:
            begun = time.monotonic()
            run.cancelled.set()
            assert isinstance(run.outcome.exception(PATIENCE), SeatStopped)
            waits.append(time.monotonic() - begun)
            assert run.processes.all_end()
        assert not seat.is_alive()
        seat.start()
        seat.wait_ready(PATIENCE)
    assert min(waits) < 0.2


def test_stopping_a_seat_that_scores_ends_every_process_before_it_returns(seat: Seat, tmp_path: Path) -> None:
    with Run(seat, tmp_path) as run:
        seat.stop()
        assert run.processes.all_ended()
        assert not Path(f"/proc/{run.processes.pids[0]}").exists(), "left as a zombie"
        assert isinstance(run.outcome.exception(PATIENCE), SeatStopped)


def test_a_stopped_seat_refuses_to_score(seat: Seat, tmp_path: Path) -> None:
    seat.stop()
    seat.stop()
    with pytest.raises(SeatStopped, match="start it"):
        score(seat, tmp_path, do="score")


def test_a_child_outlives_the_thread_that_asked_for_it(spawner: Spawner, tmp_path: Path) -> None:
    def start(seat: Seat) -> None:
        seat.start()
        seat.wait_ready(PATIENCE)

    seat = Seat(stand_in.NAME, 1, {}, spawner)
    with ThreadPoolExecutor(1) as passing_thread:
        passing_thread.submit(start, seat).result(PATIENCE)
    try:
        assert score(seat, tmp_path, do="score") == Score(3.0)
    finally:
        seat.stop()


def test_starting_and_stopping_leaves_no_file_open(spawner: Spawner) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    seat = Seat(stand_in.NAME, 1, {}, spawner)
    seat.start()
    before = open_files()
    for _ in range(3):
        seat.start()
    assert open_files() == before
    seat.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_child_leaves_stop_signals_to_its_parent(seat: Seat, tmp_path: Path, number: signal.Signals) -> None:
    with Run(seat, tmp_path) as run:
        os.killpg(run.processes.pids[0], number)
        (tmp_path / "go").write_text("")
        assert run.outcome.result(PATIENCE) == Score(3.0)


def test_when_memory_runs_out_the_child_goes_before_its_parent(seat: Seat, tmp_path: Path) -> None:
    def oom_score(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score").read_text())

    with Run(seat, tmp_path) as run:
        assert oom_score(run.processes.pids[0]) > oom_score(os.getpid())


def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    stand_in.write_order(tmp_path, do="wait", grandchild="bound")
    with ExitStack() as cleanup:
        parent = cleanup.enter_context(
            subprocess.Popen([sys.executable, "-m", "tests.stand_ins.seat_parent", str(tmp_path)])
        )
        cleanup.callback(parent.kill)
        processes = Processes(begun_processes(tmp_path))
        cleanup.callback(processes.close)
        assert len(processes.pids) == 2
        parent.kill()
        assert processes.all_end()


@pytest.mark.parametrize(
    ("engine", "self_test", "failure_class", "code"),
    [
        (stand_in.NAME, {"do": "fail", "failure_class": "licence"}, FailureClass.LICENCE, "told_to"),
        (stand_in.NAME, {"do": "break"}, FailureClass.CONFIG, "self_test_failed"),
        ("pesq", {}, FailureClass.CONFIG, "unknown_engine"),
        ("nowhere.to.be:found", {}, FailureClass.CONFIG, "engine_not_installed"),
    ],
    ids=["no licence", "broken", "unknown", "not installed"],
)
def test_a_seat_is_not_ready_when_its_engine_is_not_fit(
    spawner: Spawner, engine: str, self_test: dict[str, str], failure_class: FailureClass, code: str
) -> None:
    seat = Seat(engine, 1, {stand_in.SELF_TEST: json.dumps(self_test)}, spawner)
    seat.start()
    with pytest.raises(EngineError) as caught:
        seat.wait_ready(PATIENCE)
    assert (caught.value.failure_class, caught.value.code) == (failure_class, code)
    assert not seat.is_alive()


def test_a_seat_whose_engine_crashes_in_its_self_test_has_died(spawner: Spawner) -> None:
    seat = Seat(stand_in.NAME, 1, {stand_in.SELF_TEST: '{"do": "exit", "code": 3}'}, spawner)
    seat.start()
    with pytest.raises(SeatDied, match="exit code 3"):
        seat.wait_ready(PATIENCE)


@pytest.mark.parametrize("message", ["", "[]", "ready", '{"version": null}'])
def test_a_seat_that_says_neither_that_it_is_ready_nor_why_not_is_gone(spawner: Spawner, message: str) -> None:
    seat = Seat(stand_in.NAME, 1, {stand_in.SELF_TEST: json.dumps({"do": "say", "message": message})}, spawner)
    seat.start()
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        seat.wait_ready(PATIENCE)
    assert not seat.is_alive()


def test_a_seat_that_is_ready_tells_the_version_of_its_engine(spawner: Spawner) -> None:
    seat = Seat(stand_in.NAME, 1, {}, spawner)
    seat.start()
    assert seat.wait_ready(PATIENCE) == "1.0"
    seat.stop()


@pytest.mark.parametrize("message", ["[]", '{"score": {"mos_lqo": 3, "details": {"a": NaN}, "warnings": []}}'])
def test_an_answer_that_is_none_costs_that_attempt_and_the_child_is_not_believed_again(
    seat: Seat, tmp_path: Path, message: str
) -> None:
    with pytest.raises(EngineError) as caught:
        score(seat, tmp_path, do="say", message=message)
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.TRANSIENT, "unusable_score")
    deadline = time.monotonic() + PATIENCE
    while seat.is_alive():  # until its own answer comes, to which there is no question any more
        assert time.monotonic() < deadline


def test_an_engines_error_survives_pickling() -> None:
    error = EngineError(FailureClass.THROTTLED, "slow_down", "Wait.", Role.REFERENCE)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - what we wrote ourselves
    assert (copy.failure_class, copy.code, copy.message) == (FailureClass.THROTTLED, "slow_down", "Wait.")
    assert copy.file is Role.REFERENCE
