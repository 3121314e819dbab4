"""Every measure against files whose values are known by construction."""

import hashlib
import json
import math
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tests.unit.signals import CORPUS, FULL_SCALE, needs_corpus, noise, save, silence, sine
from worker.audio.measures import Measures, measure
from worker.audio.unscorable import UnscorableAudio

RATE = 16000
TOP, BOTTOM = FULL_SCALE - 1, -FULL_SCALE

same_directory_each_time = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def measures_of(tmp_path: Path, samples: NDArray[np.float64] | NDArray[np.int16], rate_hz: int = RATE) -> Measures:
    return measure(save(tmp_path / "file.wav", samples, rate_hz))


def int16(*values: int) -> NDArray[np.int16]:
    return np.array(values, dtype=np.int16)


def test_a_file_is_named_by_its_bytes_its_rate_and_its_duration(tmp_path: Path) -> None:
    path = save(tmp_path / "file.wav", sine(1.5, RATE), RATE)
    measures = measure(path)
    assert measures.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (measures.sample_rate_hz, measures.seconds) == (RATE, 1.5)


def test_the_speech_level_is_that_of_the_tone_and_not_of_the_pauses(tmp_path: Path) -> None:
    measures = measures_of(tmp_path, np.concatenate([sine(5, RATE, amplitude=0.1), silence(5, RATE)]))
    assert measures.active_level_dbov == pytest.approx(-23.01 - 0.25, abs=0.05)
    assert measures.long_term_level_dbov == pytest.approx(-26.02, abs=0.01)
    assert measures.active_seconds == pytest.approx(5.3, abs=0.05)


@pytest.mark.parametrize(
    ("samples", "clipped"),
    [
        (int16(0, TOP, TOP, TOP, 0, 0, 0, 0, 0, 0), 3),
        (int16(0, TOP, TOP, 0, TOP, 0, BOTTOM, BOTTOM, 0, 0), 0),
        (int16(BOTTOM, BOTTOM, BOTTOM, BOTTOM, 0, 0, TOP, TOP, TOP, TOP), 8),
        (int16(TOP, TOP, BOTTOM, BOTTOM, TOP, TOP, 0, 0, 0, 0), 0),
        (int16(-TOP, -TOP, -TOP, 0, 0, 0, 0, 0, 0, 0), 3),
        (int16(-TOP, BOTTOM, -TOP, 0, 0, 0, 0, 0, 0, 0), 0),
        (int16(TOP - 1, TOP - 1, TOP - 1, TOP - 1, 0, 0, 0, 0, 0, 0), 0),
        (int16(*[TOP] * 10), 10),
    ],
)
def test_three_or_more_equal_samples_at_full_scale_are_clipped(
    tmp_path: Path, samples: NDArray[np.int16], clipped: int
) -> None:
    assert measures_of(tmp_path, samples).clipping_ratio == clipped / 10


@same_directory_each_time
@given(arrays(np.int16, st.integers(1, 60), elements=st.sampled_from([0, TOP, -TOP, BOTTOM, TOP - 1])))
def test_clipping_counts_what_grouping_the_samples_counts(tmp_path: Path, samples: NDArray[np.int16]) -> None:
    runs = [(int(value), len(list(run))) for value, run in groupby(samples)]
    clipped = sum(length for value, length in runs if abs(value) >= TOP and length >= 3)
    assert measures_of(tmp_path, samples).clipping_ratio == clipped / samples.size


@pytest.mark.parametrize("offset", [328, -3277, 0, 1])
def test_the_dc_offset_is_exactly_the_mean(tmp_path: Path, offset: int) -> None:
    samples = np.tile(int16(1000, -1000), 4000) + np.int16(offset)
    assert measures_of(tmp_path, samples).dc_offset == offset / FULL_SCALE


def test_the_noise_floor_is_the_level_of_the_pauses(tmp_path: Path) -> None:
    speech = np.concatenate([sine(2, RATE, amplitude=0.1), silence(1, RATE), sine(2, RATE, amplitude=0.1)])
    measures = measures_of(tmp_path, speech + noise(5, RATE, dbov=-60))
    assert measures.noise_floor_dbov == pytest.approx(-60, abs=1)


def test_digital_silence_at_the_ends_does_not_hide_the_noise_within(tmp_path: Path) -> None:
    pad = silence(2, RATE)
    measures = measures_of(tmp_path, np.concatenate([pad, noise(4, RATE, dbov=-50), pad]))
    assert measures.noise_floor_dbov == pytest.approx(-50, abs=1)


def test_pauses_of_digital_silence_have_no_noise_floor(tmp_path: Path) -> None:
    tone = sine(1, RATE, amplitude=0.1)
    assert measures_of(tmp_path, np.concatenate([tone, silence(1, RATE), tone])).noise_floor_dbov is None


def test_an_offset_in_the_speech_is_no_noise_in_the_pauses(tmp_path: Path) -> None:
    speech = sine(1, RATE, amplitude=0.1) + 0.002
    assert measures_of(tmp_path, np.concatenate([speech, silence(1, RATE), speech])).noise_floor_dbov is None


@pytest.mark.parametrize(("leading", "trailing"), [(0.0, 0.0), (0.5, 1.0), (0.123, 2.345), (3.0, 0.3)])
def test_silence_is_told_to_a_frame_before_and_after_speech(tmp_path: Path, leading: float, trailing: float) -> None:
    speech = [silence(leading, RATE), noise(1, RATE), silence(1, RATE), noise(1, RATE), silence(trailing, RATE)]
    quiet_noise = noise(leading + 3 + trailing, RATE, dbov=-65, seed=2)
    measures = measures_of(tmp_path, np.concatenate(speech) + quiet_noise)
    assert measures.leading_silence_seconds == pytest.approx(leading, abs=0.021)
    assert measures.trailing_silence_seconds == pytest.approx(trailing, abs=0.021)


@pytest.mark.parametrize(
    ("rate_hz", "edge_hz"),
    [(8000, 3400), (16000, 3400), (16000, 7000), (48000, 1000), (48000, 4000), (48000, 8000), (48000, 14000)],
)
def test_the_bandwidth_is_the_edge_of_band_limited_noise(tmp_path: Path, rate_hz: int, edge_hz: int) -> None:
    measures = measures_of(tmp_path, noise(3, rate_hz, up_to_hz=edge_hz), rate_hz)
    assert measures.bandwidth_hz == pytest.approx(edge_hz, abs=250)


def test_weak_content_40_db_down_is_content_and_rounding_noise_is_not(tmp_path: Path) -> None:
    strong, weak = noise(3, 48000, up_to_hz=1000), noise(3, 48000, dbov=-66, up_to_hz=14000)
    assert measures_of(tmp_path, strong + weak, 48000).bandwidth_hz == pytest.approx(14000, abs=250)
    assert measures_of(tmp_path, strong, 48000).bandwidth_hz == pytest.approx(1000, abs=250)


def test_content_counts_wherever_in_a_long_file_it_is(tmp_path: Path) -> None:
    narrow = noise(25, RATE, up_to_hz=3400)
    for sound in ([noise(1, RATE), narrow], [narrow, noise(1, RATE), narrow], [narrow, noise(1, RATE)]):
        assert measures_of(tmp_path, np.concatenate(sound)).bandwidth_hz == RATE / 2


def test_noise_of_full_bandwidth_reaches_half_the_sample_rate(tmp_path: Path) -> None:
    assert measures_of(tmp_path, noise(1, RATE)).bandwidth_hz == RATE / 2


@pytest.mark.parametrize("samples", [np.zeros(RATE, np.int16), int16(0), int16(TOP), np.full(RATE, 99, np.int16)])
def test_a_file_without_sound_has_no_level_and_is_silence_as_a_whole(
    tmp_path: Path, samples: NDArray[np.int16]
) -> None:
    measures = measures_of(tmp_path, samples)
    assert measures.active_level_dbov is None
    assert measures.long_term_level_dbov is None
    assert measures.noise_floor_dbov is None
    assert (measures.activity, measures.active_seconds, measures.bandwidth_hz) == (0, 0, 0)
    assert measures.leading_silence_seconds == measures.trailing_silence_seconds == samples.size / RATE


@same_directory_each_time
@given(
    arrays(np.int16, st.integers(1, 500), elements=st.integers(BOTTOM, TOP)),
    st.sampled_from([8000, 11025, 16000, 48000]),
)
def test_whatever_the_samples_every_measure_is_a_plain_finite_value(
    tmp_path: Path, samples: NDArray[np.int16], rate_hz: int
) -> None:
    values = asdict(measures_of(tmp_path, samples, rate_hz))
    assert {type(value) for value in values.values()} <= {str, int, float, type(None)}
    assert all(math.isfinite(value) for value in values.values() if isinstance(value, float))
    assert json.loads(json.dumps(values, allow_nan=False)) == values


@pytest.mark.parametrize(
    ("shape", "subtype", "code", "remedy"),
    [
        ((100, 2), "PCM_16", "stereo", "prepare.channel"),
        ((100, 4), "PCM_16", "too_many_channels", "mono"),
        ((100,), "PCM_24", "encoding", "prepare.decode"),
        ((100,), "ALAW", "encoding", "prepare.decode"),
        ((100,), "FLOAT", "encoding", "16-bit PCM"),
        ((0,), "PCM_16", "no_samples", "Upload"),
    ],
)
def test_what_is_not_mono_16_bit_pcm_is_refused_with_what_would_mend_it(
    tmp_path: Path, shape: tuple[int, ...], subtype: str, code: str, remedy: str
) -> None:
    path = tmp_path / "file.wav"
    soundfile.write(path, np.zeros(shape), RATE, subtype=subtype)
    with pytest.raises(UnscorableAudio, match=remedy) as refusal:
        measure(path)
    assert refusal.value.code == code


def test_a_file_that_is_not_there_is_no_fault_of_the_audio(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        measure(tmp_path / "missing.wav")


@needs_corpus
@pytest.mark.parametrize(
    ("name", "rate_hz", "bandwidth_hz"),
    [
        ("visqol/CA01_01.wav", 48000, (14000, 24000)),
        ("visqol/transcoded_CA01_01.wav", 48000, (3800, 5000)),  # a narrowband codec in between
        ("pesq/speech.wav", 16000, (7500, 8000)),
    ],
)
def test_recorded_speech_is_measured_plausibly(name: str, rate_hz: int, bandwidth_hz: tuple[float, float]) -> None:
    measures = measure(CORPUS / name)
    assert measures.sample_rate_hz == rate_hz
    assert measures.active_level_dbov is not None
    assert -36 < measures.active_level_dbov < -20
    assert measures.noise_floor_dbov is not None
    assert measures.noise_floor_dbov < measures.active_level_dbov - 20
    assert measures.clipping_ratio == 0
    assert bandwidth_hz[0] <= measures.bandwidth_hz <= bandwidth_hz[1]
    assert 0 <= measures.leading_silence_seconds < 0.5
    assert 0 <= measures.trailing_silence_seconds < 0.5
