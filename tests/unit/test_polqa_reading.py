"""Reading scores: whatever a tool writes or prints, it is a score on the mode's scale or an error of ours."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.pools import Mode
from worker.engines.command import Excerpt, decoded
from worker.engines.engine import EngineError, FailureClass, Score
from worker.engines.preset import Preset, read_preset
from worker.engines.score_reading import read_score

TABLE, PRINTED, SQUAD = (read_preset(name) for name in ("opticom-table", "opticom-stdout", "swissqual-squad"))
SWB = next(scale for scale in TABLE.scales() if scale.name == "swb")
UTF8 = TABLE.model_copy(update={"encoding": "utf-8"})
LONG_AGO = 0
KEPT = 200  # bytes of each end

NUMBERS = ["3.25", "-0.0", "nan", "inf", "1e400", "3,25", "0x1p1", "4.76", "1", "٣.٢", "3_2", "", "+2.5", "3.25abc"]
WORDS = [
    *NUMBERS,
    *(
        "PolqaScore",
        "\t",
        "\n",
        "\r\n",
        "* comment",
        "MOS-LQO:",
        "MOS",
        "ASLR=",
        "AVG  Delay:",
        " ",
        "POLQA WARNING loud",
    ),
]
ANYTHING = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(WORDS), max_size=30).map(lambda words: "".join(words).encode()),
    st.lists(st.sampled_from(WORDS), max_size=30).map(lambda words: " ".join(words).encode()),
)
WITHIN = st.floats(1, SWB.ceiling).map(lambda score: f"{score:.4f}")


@pytest.fixture(scope="module")
def table() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory, "table")


def read(preset: Preset, table: Path, content: bytes, mode: Mode = SWB) -> Score:
    """What is read where both the table and standard output hold this."""
    table.write_bytes(content)
    return read_score(preset, mode, decoded(content, preset.encoding), table, LONG_AGO)


@settings(max_examples=300, deadline=None)
@given(content=ANYTHING, preset=st.sampled_from([TABLE, UTF8, PRINTED, SQUAD]), mode=st.sampled_from(TABLE.scales()))
def test_any_output_is_a_score_on_the_scale_or_a_transient_error(
    table: Path, content: bytes, preset: Preset, mode: Mode
) -> None:
    try:
        score = read(preset, table, content, mode)
    except EngineError as error:
        refused: EngineError | None = error
    else:
        refused = None
        assert 1 <= score.mos_lqo <= mode.ceiling
        assert math.isfinite(score.mos_lqo)
        json.dumps(score.details, allow_nan=False)
    assert refused is None or refused.failure_class is FailureClass.TRANSIENT


@settings(max_examples=100, deadline=None)
@given(score=WITHIN, ends=st.sampled_from(["\n", "\r\n", "\n\n"]), mark=st.sampled_from(["", "\ufeff"]))
def test_a_score_on_the_scale_is_read_as_it_stands(table: Path, score: str, ends: str, mark: str) -> None:
    lines = ["* a comment", "Name\tPolqaScore\t\tDelay", f"für.wav\t{score}\t\t40.5", ""]
    found = read(UTF8, table, (mark + ends.join(lines)).encode())
    assert found == Score(float(score), {"columns": {"Delay": 40.5}})
    printed = ends.join(["Überschrift", f"MOS-LQO: {score}", "AVG  Delay: -40.5", ""])
    assert read(PRINTED, table, printed.encode("latin-1")) == Score(float(score), {"delay_ms": -40.5})
    assert read(SQUAD, table, f"MOS = {score} ASLR= -26.12{ends}".encode()) == Score(
        float(score), {"reference_speech_level_db": -26.12}
    )


@settings(max_examples=100, deadline=None)
@given(score=WITHIN, cut=st.integers(0, 60))
def test_a_table_cut_short_gives_its_score_or_none(table: Path, score: str, cut: int) -> None:
    whole = f"* comment\nName\tPolqaScore\tDelay\na.wav\t{score}\t40.5\n".encode()
    try:
        found = read(TABLE, table, whole[: len(whole) - cut])
    except EngineError:
        return
    assert found.mos_lqo == float(score)


@pytest.mark.parametrize("number", [number for number in NUMBERS if number not in ("3.25", "1", "+2.5")])
@pytest.mark.parametrize("preset", [TABLE, PRINTED, SQUAD], ids=lambda preset: str(preset.name))
def test_what_is_no_plain_number_on_the_scale_is_no_score(table: Path, preset: Preset, number: str) -> None:
    content = f"* c\nName\tPolqaScore\nMOS-LQO: {number} MOS = {number}\t{number}\n"
    with pytest.raises(EngineError) as caught:
        read(preset, table, content.encode())
    assert caught.value.failure_class is FailureClass.TRANSIENT


@pytest.mark.parametrize(
    "header", ["Name\t\t\tPolqaScore\tDelay", "Name \t PolqaScore \t Delay", "\tName\tPolqaScore\tDelay\t"]
)
def test_columns_may_be_lined_up(table: Path, header: str) -> None:
    assert read(TABLE, table, f"{header}\nreference.wav\t3.2\t40\n".encode()) == Score(3.2, {"columns": {"Delay": 40}})


def test_ends_of_lines_are_known_to_patterns(table: Path) -> None:
    printed = PRINTED.model_dump(by_alias=True) | {"score": {"form": "printed", "pattern": r"^score (\S+)$"}}
    content = b"no score 1.1\r\nscore 3.2\r\nscore 4.1 times\r\n"
    assert read(Preset.model_validate(printed), table, content).mos_lqo == 3.2


def test_two_scores_are_none(table: Path) -> None:
    with pytest.raises(EngineError, match="several scores"):
        read(PRINTED, table, b"MOS-LQO: 3.2\nMOS-LQO: 3.3\n")
    assert read(PRINTED, table, b"MOS-LQO: 3.2\nMOS-LQO: 3.2\n").mos_lqo == 3.2


def test_a_table_that_was_written_before_the_run_began_is_stale(table: Path) -> None:
    content = b"PolqaScore\n3.2\n"
    assert read(TABLE, table, content).mos_lqo == 3.2
    written_ns = table.stat().st_mtime_ns
    assert read_score(TABLE, SWB, "", table, written_ns).mos_lqo == 3.2
    with pytest.raises(EngineError) as caught:
        read_score(TABLE, SWB, "", table, written_ns + 1)
    assert caught.value.code == "stale_output"


def test_a_table_that_is_no_file_or_far_too_long_is_not_read(tmp_path: Path) -> None:
    fifo, link, long = tmp_path / "fifo", tmp_path / "link", tmp_path / "long"
    os.mkfifo(fifo)
    (tmp_path / "old").write_text("PolqaScore\n3.2\n")
    link.symlink_to(tmp_path / "old")
    long.write_bytes(b"PolqaScore\n3.2\n" + bytes(2_000_000))
    for path in (fifo, link, long, tmp_path / "missing", tmp_path):
        with pytest.raises(EngineError) as caught:
            read_score(TABLE, SWB, "", path, LONG_AGO)
        assert caught.value.code == "no_output"


def test_warnings_are_kept_each_once_and_bounded(table: Path) -> None:
    printed = "".join(
        f"POLQA WARNING {words}\r\n" for words in ["too loud", "too loud", "x" * 5000, *map(str, range(99))]
    )
    warnings = read(PRINTED, table, f"{printed}MOS-LQO: 3.2\r\n".encode()).warnings
    assert warnings[0] == "too loud"
    assert len(warnings) == len(set(warnings)) == 20
    assert len("".join(warnings)) < 3000


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.text("abc é", max_size=30), max_size=90, min_size=30), chunk=st.integers(1, 500))
def test_of_a_flood_only_whole_lines_of_both_ends_are_kept(lines: list[str], chunk: int) -> None:
    printed = "".join(f"{line}\n" for line in lines).encode()
    excerpt = Excerpt()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.engines.command.KEPT_BYTES", KEPT)
        for start in range(0, len(printed), chunk):
            excerpt.add(printed[start : start + chunk])
    text = excerpt.text("utf-8")
    if len(printed) <= 2 * KEPT:
        assert text == printed.decode()
        return
    beginning, end = text.split("\n[...]\n")
    assert len(text.encode()) <= 2 * KEPT + 10
    assert printed.decode().startswith(beginning)
    assert printed.decode().endswith(end)
    assert {*beginning.split("\n"), *end.split("\n")} <= {*lines, ""}
