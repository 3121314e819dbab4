"""Commands: bounded in what is kept of them and in time, with nothing left of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stand_ins.polqa_tools import install, pair
from tests.stand_ins.seat_runs import PATIENCE, Processes
from worker.engines.command import KEPT_BYTES, Ended, run

# A wrapper around a tool: it starts a child that holds its output, tells both pids, and waits.
WRAPPER = """
import json, os, subprocess, sys, signal
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(json.dumps([os.getpid(), child.pid]))
{then}
"""


def run_python(program: str, *arguments: str, limit: float = PATIENCE) -> Ended:
    words = [sys.executable, "-c", program, *arguments]
    return run(words, directory=Path("/"), environment={}, encoding="utf-8", limit=limit)


@pytest.fixture
def silent_standard_input() -> Iterator[None]:
    """Standard input as in a terminal where nobody types: whoever reads it waits for ever."""
    kept = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    yield
    os.dup2(kept, 0)
    for file in kept, reading, writing:
        os.close(file)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "begun")
    return tmp_path / "begun"


def test_what_it_prints_and_how_it_ends_is_told() -> None:
    ended = run_python("import sys; print('out\\r'); print('err', file=sys.stderr); sys.exit(3)")
    assert ended == Ended(3, "out\n", "err\n")


def test_a_command_that_ended_by_a_signal_tells_it() -> None:
    assert run_python("import os; os.kill(os.getpid(), 11)").return_code == -signal.SIGSEGV


def test_its_words_reach_it_as_they_are_and_no_shell_reads_them() -> None:
    words = ["$(id)", "a b", "*", ";", "'"]
    assert run_python("import json, sys; print(json.dumps(sys.argv[1:]))", *words).output == json.dumps(words) + "\n"


def test_it_has_nothing_to_read_and_exactly_the_environment_it_is_given(silent_standard_input: None) -> None:
    program = "import os, sys; print(repr(sys.stdin.read()), os.environ.get('AWS_SECRET_ACCESS_KEY'), os.environ['A'])"
    ended = run(
        [sys.executable, "-c", program], directory=Path("/"), environment={"A": "1"}, encoding="utf-8", limit=PATIENCE
    )
    assert ended.output == "'' None 1\n"


def test_of_gigabytes_that_it_prints_only_the_ends_are_kept() -> None:
    flood = (
        "import os\nprint('first', flush=True)\nfor _ in range(200): os.write(1, b'x' * 999999 + b'\\n')\nprint('last')"
    )
    ended = run_python(flood)
    assert len(ended.output) < 3 * KEPT_BYTES
    assert ended.output.startswith("first\n")
    assert ended.output.endswith("\nlast\n")


def test_a_command_without_end_is_killed_with_what_it_started(fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = PassingTime(monkeypatch)
    wrapper = WRAPPER.format(then="signal.pause()")
    with ThreadPoolExecutor(1) as thread, ExitStack() as cleanup:
        outcome = thread.submit(run_python, wrapper, str(fifo), limit=1000)
        processes = Processes(json.loads(fifo.read_text()))
        cleanup.callback(processes.close)
        clock.pass_by(1001)
        assert isinstance(outcome.exception(PATIENCE), subprocess.TimeoutExpired)
        assert processes.all_end()


def test_a_command_that_closes_its_output_and_goes_on_is_limited_too() -> None:
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        run_python("import os, time; os.close(1); os.close(2); time.sleep(600)", limit=0.5)
    assert time.monotonic() - began < PATIENCE / 2


def test_a_command_that_ends_is_not_waited_for_because_a_child_holds_its_output(fifo: Path) -> None:
    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(run_python, WRAPPER.format(then="print('done')"), str(fifo))
        _, child = json.loads(fifo.read_text())
        try:
            assert outcome.result(PATIENCE) == Ended(0, "done\n", "")
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_tool_dies_with_the_process_that_runs_it(fifo: Path, tmp_path: Path) -> None:
    engine = install(tmp_path, "opticom-stdout", f"hang:{fifo}")
    reference, degraded = pair(tmp_path)
    program = (
        "import sys; from pathlib import Path; from worker import engines; a = list(map(Path, sys.argv[2:]));"
        "engines.load(sys.argv[1]).score(a[0], a[1], 'swb', a[2])"
    )
    with ExitStack() as cleanup:
        words = [sys.executable, "-c", program, engine, str(reference), str(degraded), str(tmp_path)]
        parent = cleanup.enter_context(subprocess.Popen(words))
        cleanup.callback(parent.kill)
        tool, child = json.loads(fifo.read_text())
        cleanup.callback(os.kill, child, signal.SIGKILL)  # the kernel binds the tool to its parent, and not its child
        processes = Processes([tool])
        cleanup.callback(processes.close)
        parent.kill()
        assert processes.all_end()


def test_what_cannot_be_started_is_an_os_error(tmp_path: Path) -> None:
    for words, directory in (["/nowhere/tool"], Path("/")), ([sys.executable], tmp_path / "missing"):
        with pytest.raises(OSError, match="No such file"):
            run(words, directory=directory, environment={}, encoding="utf-8", limit=1)


class PassingTime:
    """The module's clock, to be moved by a test: so that a limit passes after something was seen to happen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        self._real = time.monotonic
        monkeypatch.setattr("worker.engines.command.time.monotonic", self._now)

    def pass_by(self, seconds: float) -> None:
        self._ahead += seconds

    def _now(self) -> float:
        return self._real() + self._ahead
