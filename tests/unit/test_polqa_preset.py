"""Presets: what is shipped holds, and what is wrong is told whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stand_ins.polqa_tools import PRESETS
from worker import engines
from worker.engines.engine import EngineError, FailureClass
from worker.engines.preset import SHIPPED, Preset, read_preset

MODE = """
reference_rates_hz = [8000]
degraded_rates_hz = [8000]
same_rate = true
ceiling = 4.5
"""
OWN = f"""
name = "own"
directory = "/opt/tool"
version = "1.0"
default_mode = "nb"
command = ["tool", "{{reference}}", "{{degraded}}"]

[modes.nb]
{MODE}
[score]
form = "printed"
pattern = 'score (.*)'
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own.toml"


def read(path: Path, text: str) -> Preset:
    path.write_text(text)
    return read_preset(str(path))


def errors(path: Path, text: str) -> list[str]:
    """The lines of the error, which name what to mend."""
    with pytest.raises(EngineError) as caught:
        read(path, text)
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.CONFIG, "bad_preset")
    headline, *lines = caught.value.message.splitlines()
    assert str(path) in headline
    return [line.strip() for line in lines]


@pytest.mark.parametrize("name", PRESETS)
def test_a_shipped_preset_scores_on_the_scales_of_p863(name: str) -> None:
    preset = read_preset(name)
    assert preset.name == name
    assert {scale.name: scale.ceiling for scale in preset.scales()} == {"nb": 4.5, "swb": 4.75}
    assert preset.default_mode == "swb"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("opticom-table", "PolqaOem64 -t -q -Overwrite -LC SWB -Ref /r.wav -Test /d.wav -Out /out"),
        ("opticom-stdout", "PolqaOem64 -q -LC SWB -Ref /r.wav -Test /d.wav"),
        ("swissqual-squad", "SQuadAnalyzer.exe /r.wav /d.wav 1 1"),
    ],
)
def test_a_shipped_preset_calls_its_tool_as_public_scripts_do(name: str, words: str) -> None:
    line = read_preset(name).command_line("swb", Path("/r.wav"), Path("/d.wav"), Path("/out"))
    assert line == words.split()


@pytest.mark.parametrize("name", ["opticom-table", "opticom-stdout"])
def test_the_codes_of_the_newer_opticom_library_are_known_with_what_they_call_for(name: str) -> None:
    classes = {code: failure.failure_class for code, failure in read_preset(name).exit_codes.items()}
    by_class = {each: {code for code in classes if classes[code] is each} for each in FailureClass}
    assert by_class == {
        FailureClass.LICENCE: {2, 5, 13},
        FailureClass.THROTTLED: {12},
        FailureClass.CONFIG: {3, 11, 14},
        FailureClass.TRANSIENT: {1, 4, 9, 10, 15, 16, 17},
        FailureClass.BAD_INPUT: {6, 7, 8, 18, 19, 20},
    }


@pytest.mark.parametrize(
    ("tools_own", "seen", "failure_class", "code"),
    [
        (-80, 176, FailureClass.LICENCE, "no_licence"),
        (-2, 254, FailureClass.BAD_INPUT, "not_mono"),
        (-3, 253, FailureClass.BAD_INPUT, "bits_per_sample"),
        (-10, 246, FailureClass.BAD_INPUT, "degraded_level"),
        (-18, 238, FailureClass.BAD_INPUT, "sample_rate"),
        (-30, 226, FailureClass.BAD_INPUT, "short_speech"),
        (-33, 223, FailureClass.BAD_INPUT, "too_long"),
        (-99, 157, FailureClass.TRANSIENT, "too_slow"),
    ],
)
def test_negative_codes_are_known_by_what_a_parent_sees_of_them(
    tools_own: int, seen: int, failure_class: FailureClass, code: str
) -> None:
    assert f"\n{tools_own} = {{" in (SHIPPED / "swissqual-squad.toml").read_text()
    failure = read_preset("swissqual-squad").exit_codes[seen]
    assert (failure.failure_class, failure.code) == (failure_class, code)


def test_every_message_for_a_client_says_what_to_do() -> None:
    for name in PRESETS:
        for failure in read_preset(name).exit_codes.values():
            if failure.failure_class is FailureClass.BAD_INPUT and not failure.code.endswith("level"):
                assert re.search(r"Set `|Upload|Split|Check", failure.message), failure.message


def test_ones_own_preset_is_read_from_its_path_and_has_defaults(own: Path) -> None:
    preset = read(own, OWN)
    assert preset.scales()[0].max_seconds == 600
    assert preset.command_line("nb", Path("/r"), Path("/d"), Path("/o")) == ["tool", "/r", "/d"]


def test_the_alias_fb_of_the_2018_edition_is_a_mode_of_its_own_name(own: Path) -> None:
    text = OWN.replace("[modes.nb]", "[modes.fb]").replace('default_mode = "nb"', 'default_mode = "fb"')
    assert [scale.name for scale in read(own, text).scales()] == ["fb"]


def test_a_modes_words_take_the_place_of_mode_and_others_may_stand_within_a_word(own: Path) -> None:
    text = OWN.replace("[modes.nb]", '[modes.nb]\narguments = ["-LC", "NB"]')
    text = text.replace('"{degraded}"]', '"--to={degraded}", "{mode}", "-x"]')
    line = read(own, text).command_line("nb", Path("/a b"), Path("/$(d)"), Path("/o"))
    assert line == ["tool", "/a b", "--to=/$(d)", "-LC", "NB", "-x"]


def test_every_error_is_told_at_once_by_the_name_of_what_is_wrong(own: Path) -> None:
    text = (
        OWN.replace('directory = "/opt/tool"', 'directory = "tool"\ncolour = "red"')
        .replace("ceiling = 4.5", "ceiling = 6\nmin_seconds = 9\nmax_seconds = 3")
        .replace("'score (.*)'", "'score (.*'")
        .replace('default_mode = "nb"', 'default_mode = "nb"\ntimeout_seconds = 4000\nencoding = "klingon"')
        .replace('version = "1.0"', 'version = "1.0"\nneeds = ["beer"]')
    )
    text += '\n[exit_codes]\n1 = { class = "unlucky", code = "Bad Luck", message = "" }\n'
    told = errors(own, text)
    named = {line.partition(": ")[0] for line in told}
    assert named == {
        "directory",
        "colour",
        "modes.nb.ceiling",
        "modes.nb.max_seconds",
        "score.printed.pattern",
        "timeout_seconds",
        "needs.0",
        "encoding",
        "exit_codes.1.class",
        "exit_codes.1.code",
        "exit_codes.1.message",
    }


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('"{degraded}"', '"{degarded}"', "there is no placeholder {degarded}; {degraded} is missing"),
        ('["tool", ', '["{reference}", ', "the first word must be the program"),
        ('"{degraded}"]', '"{degraded}", "-LC={mode}"]', "{mode} must stand alone, not in '-LC={mode}'"),
        ("same_rate", 'arguments = ["NB"]\nsame_rate', "{mode} is missing"),
        ("[score]", f"[modes.swb]\n{MODE}[score]", "{mode} is missing"),
        ("form = \"printed\"\npattern = 'score (.*)'", 'form = "table"\ncolumn = "S"', "{output} is missing"),
        ("'score (.*)'", "'score .*'", "needs one group, around what is to be read, and has 0"),
        ("'score (.*)'", "'(score) (.*)'", "needs one group, around what is to be read, and has 2"),
        ('default_mode = "nb"', 'default_mode = "swb"', "'swb' is none of the modes: nb"),
        ("[modes.nb]", "[modes.wide]", "modes.wide"),
        ('version = "1.0"', 'version = { command = ["tool"] }', "version.asked.pattern: Field required"),
        ("[score]", "[score", "it cannot be read: "),
        ("[score]", '[exit_codes]\n0 = { class = "licence", code = "a", message = "a" }\n[score]', "[0]"),
        (
            "[score]",
            "[exit_codes]\n"
            '-80 = { class = "licence", code = "a", message = "a" }\n'
            '176 = { class = "licence", code = "a", message = "a" }\n'
            "[score]",
            "[-80, 176]",
        ),
    ],
)
def test_what_could_not_work_is_refused(own: Path, old: str, new: str, error: str) -> None:
    assert old in OWN
    assert error in " ".join(errors(own, OWN.replace(old, new)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("polqa:", "polqa:NAME"),
        ("polqa", "polqa:NAME"),
        ("polqa:pesq", "opticom-stdout, opticom-table, swissqual-squad"),
        ("polqa:../presets/opticom-table", "none of that name is shipped"),
        ("polqa:/nowhere/own.toml", "there is no such file"),
    ],
)
def test_an_engine_without_its_preset_is_refused_with_what_there_is(name: str, words: str) -> None:
    with pytest.raises(EngineError, match=re.escape(words)) as caught:
        engines.load(name)
    assert caught.value.failure_class is FailureClass.CONFIG


def test_the_digest_changes_with_what_a_score_depends_on_and_with_nothing_else(own: Path) -> None:
    digest = read(own, OWN).digest()
    assert read(own, f"# a remark\n{OWN}".replace("/opt/tool", "/opt/new")).digest() == digest
    assert read(own, OWN.replace('"{degraded}"]', '"{degraded}", "-HighAccuracy"]')).digest() != digest
    assert read(own, OWN.replace("'score (.*)'", "'better score (.*)'")).digest() != digest


SHIPPED_LINES = (SHIPPED / "opticom-stdout.toml").read_text().splitlines()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    line=st.integers(0, len(SHIPPED_LINES) - 1),
    instead=st.text(max_size=20) | st.sampled_from(["[score]", "x = nan", "1 = {}", "'", "modes = []", *SHIPPED_LINES]),
)
def test_a_spoilt_preset_is_read_or_refused_and_nothing_else(tmp_path: Path, line: int, instead: str) -> None:
    spoilt = [*SHIPPED_LINES[:line], instead, *SHIPPED_LINES[line + 1 :]]
    path = tmp_path / "spoilt.toml"
    path.write_text("\n".join(spoilt), encoding="utf-8", errors="replace")
    try:
        preset = read_preset(str(path))
    except EngineError as error:
        refused: EngineError | None = error
    else:
        refused = None
        assert str(path) in preset.command_line(preset.default_mode, path, path, path)
    assert refused is None or refused.code == "bad_preset"
