"""What `python -m worker` says that it can do."""

from __future__ import annotations

import pytest

from worker import commands


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        commands.main(arguments)
    assert end.value.code == 0
    return capsys.readouterr().out


def test_one_help_names_every_command_and_what_none_does(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "--help")
    named = {line.split()[0] for line in text.splitlines() if line.startswith("    ")}
    assert {"pause", "resume", "status", "check", "unit"} <= named
    assert "runs until SIGTERM" in " ".join(text.split())


@pytest.mark.parametrize(
    ("command", "words"),
    [("pause", "--until"), ("status", "how the worker"), ("check", "--golden"), ("unit", "systemd")],
)
def test_a_commands_own_help_tells_more(capsys: pytest.CaptureFixture[str], command: str, words: str) -> None:
    text = told(capsys, command, "--help")
    assert f"python -m worker {command}" in text
    assert words in text


def test_a_word_too_many_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        commands.main(["unit", "twice"])
    assert end.value.code == commands.BAD_SETTINGS
    assert "unrecognized arguments: twice" in capsys.readouterr().err
