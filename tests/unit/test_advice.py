"""When advice is given on a pair of files, and when it is not."""

from dataclasses import replace

import pytest

from worker.audio.advice import LIMITS, Limits, advise, is_silent
from worker.audio.measures import Measures
from worker.audio.unscorable import UnscorableAudio

REFERENCE = Measures(
    sha256="a" * 64,
    sample_rate_hz=48000,
    seconds=8,
    active_level_dbov=-26,
    long_term_level_dbov=-28,
    activity=0.7,
    active_seconds=5.6,
    clipping_ratio=0,
    dc_offset=0,
    noise_floor_dbov=-80,
    leading_silence_seconds=0.5,
    trailing_silence_seconds=0.5,
    bandwidth_hz=15000,
)
DEGRADED = replace(REFERENCE, sha256="d" * 64)


def codes(reference: Measures = REFERENCE, degraded: Measures = DEGRADED, mode: str = "swb") -> list[str]:
    return [advice.code for advice in advise(reference, degraded, mode)]


def changed(measures: Measures, **values: float | None) -> Measures:
    return replace(measures, **values)  # type: ignore[arg-type]  # names and values of any one field


def test_a_good_pair_gets_no_advice() -> None:
    assert codes() == []


@pytest.mark.parametrize(
    ("field", "well", "badly", "code"),
    [
        ("active_seconds", 3.0, 2.9, "short_speech"),
        ("active_seconds", 30.0, 30.1, "long_sample"),
        ("active_level_dbov", -30.0, -30.1, "reference_level"),
        ("active_level_dbov", -22.0, -21.9, "reference_level"),
        ("noise_floor_dbov", -70.0, -69.9, "noise_floor"),
        ("noise_floor_dbov", None, -40.0, "noise_floor"),
        ("clipping_ratio", 0.00009, 0.0001, "clipping"),
        ("dc_offset", 0.0099, 0.01, "dc_offset"),
        ("dc_offset", -0.0099, -0.01, "dc_offset"),
        ("leading_silence_seconds", 0.3, 0.29, "leading_silence"),
        ("leading_silence_seconds", 3.0, 3.1, "leading_silence"),
        ("trailing_silence_seconds", 0.3, 0.29, "trailing_silence"),
        ("trailing_silence_seconds", 3.0, 3.1, "trailing_silence"),
    ],
)
def test_advice_on_the_reference_begins_at_its_limit(field: str, well: float | None, badly: float, code: str) -> None:
    assert codes(reference=changed(REFERENCE, **{field: well})) == []
    assert codes(reference=changed(REFERENCE, **{field: badly})) == [code]


@pytest.mark.parametrize(
    ("field", "well", "badly", "code"),
    [
        ("active_level_dbov", -46.0, -46.1, "degraded_level"),
        ("active_level_dbov", -16.0, -15.9, "degraded_level"),
        ("clipping_ratio", 0.0, 0.5, "clipping"),
        ("dc_offset", 0.0, 0.5, "dc_offset"),
        ("leading_silence_seconds", 0.3, 0.0, "leading_silence"),
        ("trailing_silence_seconds", 0.3, 0.0, "trailing_silence"),
    ],
)
def test_advice_on_the_degraded_file_begins_at_its_limit(field: str, well: float, badly: float, code: str) -> None:
    assert codes(degraded=changed(DEGRADED, **{field: well})) == []
    assert codes(degraded=changed(DEGRADED, **{field: badly})) == [code]


@pytest.mark.parametrize(
    ("field", "value"), [("noise_floor_dbov", -30.0), ("bandwidth_hz", 3400.0), ("active_seconds", 1.0)]
)
def test_what_the_system_under_test_may_do_to_speech_is_left_to_the_score(field: str, value: float) -> None:
    assert codes(degraded=changed(DEGRADED, **{field: value})) == []


@pytest.mark.parametrize(
    ("mode", "enough_hz", "narrow_hz"),
    [("nb", 3400, 2500), ("wb", 7000, 4000), ("swb", 14000, 8000), ("fb", 14000, 8000)],
)
def test_a_reference_without_the_content_of_the_mode_is_narrow(mode: str, enough_hz: int, narrow_hz: int) -> None:
    assert codes(reference=changed(REFERENCE, bandwidth_hz=enough_hz), mode=mode) == []
    assert codes(reference=changed(REFERENCE, bandwidth_hz=narrow_hz), mode=mode) == ["narrow_content"]


def test_a_mode_that_is_not_known_is_not_judged_by_its_bandwidth() -> None:
    assert codes(reference=changed(REFERENCE, bandwidth_hz=100), mode="music") == []


def test_files_of_very_different_length_are_doubted() -> None:
    assert "length_mismatch" in codes(degraded=changed(DEGRADED, seconds=REFERENCE.seconds * 1.3))
    assert "length_mismatch" in codes(degraded=changed(DEGRADED, seconds=REFERENCE.seconds * 0.7))
    assert "length_mismatch" not in codes(degraded=changed(DEGRADED, seconds=REFERENCE.seconds * 1.2))


def test_the_same_bytes_twice_are_identical() -> None:
    assert codes(degraded=REFERENCE) == ["identical"]


@pytest.mark.parametrize(
    ("mode", "original_rates_hz", "expected"),
    [
        ("wb", (8000,), ["narrowband_on_wideband_scale"]),
        ("wb", (48000, 8000), ["narrowband_on_wideband_scale"]),
        ("wb", (12000,), ["narrowband_on_wideband_scale"]),
        ("wb", (14000,), []),  # what is sampled so holds all of the 7 kHz that wideband is judged by
        ("wb", (16000,), []),
        ("wb", (48000,), []),
        ("wb", (), []),
        ("nb", (8000,), []),
        ("swb", (8000,), []),
    ],
)
def test_only_narrowband_files_on_the_wideband_scale_are_told_so(
    mode: str, original_rates_hz: tuple[int, ...], expected: list[str]
) -> None:
    assert [advice.code for advice in advise(REFERENCE, DEGRADED, mode, original_rates_hz)] == expected


@pytest.mark.parametrize(("level", "activity"), [(None, 0.0), (-60.1, 0.7), (-26.0, 0.009)])
def test_a_silent_reference_is_refused(level: float | None, activity: float) -> None:
    silent = changed(REFERENCE, active_level_dbov=level, activity=activity)
    with pytest.raises(UnscorableAudio, match="Upload the clean speech") as refusal:
        advise(silent, DEGRADED, "swb")
    assert refusal.value.code == "silent_reference"


@pytest.mark.parametrize(("level", "activity"), [(None, 0.0), (-60.1, 0.7), (-26.0, 0.009)])
def test_a_silent_degraded_file_is_a_finding_and_makes_all_other_advice_on_it_idle(
    level: float | None, activity: float
) -> None:
    silent = changed(DEGRADED, active_level_dbov=level, activity=activity, dc_offset=0.5, leading_silence_seconds=8)
    assert codes(degraded=silent) == ["no_signal"]


def test_silence_begins_below_60_dbov_and_1_percent() -> None:
    assert not is_silent(-60, 0.01)
    assert is_silent(-60.01, 0.01)
    assert is_silent(-60, 0.0099)


def test_limits_are_the_deployers_to_set() -> None:
    strict = Limits(short_speech_seconds=6)
    assert [advice.code for advice in advise(REFERENCE, DEGRADED, "swb", limits=strict)] == ["short_speech"]
    assert LIMITS.short_speech_seconds == 3


@pytest.mark.parametrize(
    ("reference", "degraded", "told"),
    [
        (changed(REFERENCE, active_seconds=2.14), DEGRADED, ["2.1 s", "3 s", "Use two sentences"]),
        (REFERENCE, changed(DEGRADED, active_level_dbov=-51.26), ["degraded", "-51.3 dBov", "-46 to -16", "-26"]),
        (changed(REFERENCE, clipping_ratio=0.0123), DEGRADED, ["reference", "1.230%", "0.01%", "less gain"]),
        (REFERENCE, changed(DEGRADED, dc_offset=-0.031), ["degraded", "-3.1%", "1%", "high-pass"]),
        (changed(REFERENCE, noise_floor_dbov=-50.72), DEGRADED, ["-50.7 dBov", "-70 dBov", "cleaner"]),
        (changed(REFERENCE, bandwidth_hz=3850), DEGRADED, ["3.85 kHz", "14 kHz", "swb"]),
        (REFERENCE, changed(DEGRADED, leading_silence_seconds=0.08), ["degraded", "0.08 s", "0.3 to 3 s", "Add"]),
        (REFERENCE, changed(DEGRADED, trailing_silence_seconds=4.5), ["4.50 s", "trailing", "Cut it shorter"]),
        (REFERENCE, changed(DEGRADED, active_level_dbov=None, activity=0), ["degraded", "silent", "Check"]),
    ],
)
def test_advice_says_what_was_found_what_is_advised_and_what_to_do(
    reference: Measures, degraded: Measures, told: list[str]
) -> None:
    (advice,) = advise(reference, degraded, "swb")
    for words in told:
        assert words.lower() in advice.message.lower()
