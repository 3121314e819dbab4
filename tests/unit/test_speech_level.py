"""The active speech level against signals known by construction, and against P.56 written out sample by sample."""

import math

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.unit.signals import CORPUS, Signal, needs_corpus, noise, silence, sine
from worker.audio.speech_level import active_speech_level, dbov

RATE = 8000
SINE_DBOV = -3.0103  # a sine at full scale


def p56_by_the_letter(samples: Signal, rate_hz: int) -> float:
    """Method B as clause 8 of P.56 tells it: one sample, one threshold at a time, counters and all."""
    samples = samples - samples.mean()
    g, hangover = math.exp(-1 / (rate_hz * 0.03)), round(0.2 * rate_hz)
    thresholds = [2.0**-n for n in range(15, 0, -1)]
    active, waited = [0] * 15, [hangover] * 15
    p = q = energy = 0.0
    for sample in samples:
        energy += sample * sample
        p = g * p + (1 - g) * abs(sample)
        q = g * q + (1 - g) * p
        for j, threshold in enumerate(thresholds):
            if q >= threshold:
                active[j] += 1
                waited[j] = 0
            elif waited[j] < hangover:
                active[j] += 1
                waited[j] += 1
    levels = [10 * math.log10(energy / count) for count in active if count]
    margins = [level - 20 * math.log10(threshold) for level, threshold in zip(levels, thresholds, strict=False)]
    upper = next((j for j, margin in enumerate(margins) if margin <= 15.9), None)
    if upper == 0:
        return -math.inf
    if upper is None:
        return levels[-1] if levels else -math.inf
    return float(np.interp(15.9, [margins[upper], margins[upper - 1]], [levels[upper], levels[upper - 1]]))


@st.composite
def utterances(draw: st.DrawFn) -> Signal:
    """Bursts of noise, as loud as speech and up to 10 dB apart, with pauses between them."""
    seed = draw(st.integers(0, 2**32 - 1))
    parts = []
    for burst in range(draw(st.integers(1, 3))):
        dbov_of_burst = draw(st.floats(-30, -20))
        parts.append(noise(draw(st.floats(0.5, 2)), RATE, dbov=dbov_of_burst, seed=seed + burst))
        parts.append(silence(draw(st.floats(0.1, 1)), RATE))
    return np.concatenate(parts)


def test_a_full_scale_sine_has_minus_3_dbov_and_is_active_all_the_time() -> None:
    speech = active_speech_level(sine(10, RATE), RATE)
    assert speech.long_term_level_dbov == pytest.approx(SINE_DBOV, abs=0.001)
    assert speech.active_level_dbov == pytest.approx(SINE_DBOV, abs=0.02)
    assert speech.activity == pytest.approx(1, abs=0.005)


def test_a_full_scale_square_wave_has_0_dbov() -> None:
    square = np.tile(np.repeat([1.0, -1.0], 10), 4000)
    assert active_speech_level(square, RATE).long_term_level_dbov == pytest.approx(0, abs=0.001)


def test_pauses_lower_the_long_term_level_and_not_the_active_level() -> None:
    # Active are the 10 s of sine, and after them 0.2 s of hangover and some 0.1 s in which the envelope falls.
    speech = active_speech_level(np.concatenate([sine(10, RATE, amplitude=0.1), silence(10, RATE)]), RATE)
    assert speech.long_term_level_dbov == pytest.approx(SINE_DBOV - 20 - 3.0103, abs=0.001)
    assert speech.active_level_dbov == pytest.approx(SINE_DBOV - 20 + 10 * math.log10(10 / 10.3), abs=0.03)
    assert speech.activity == pytest.approx(10.3 / 20, abs=0.003)
    assert speech.active_seconds == pytest.approx(20 * speech.activity)


def test_gaps_shorter_than_the_hangover_count_as_speech() -> None:
    stutter = np.tile(np.concatenate([sine(0.3, RATE, amplitude=0.1), silence(0.15, RATE)]), 20)
    assert active_speech_level(stutter, RATE).activity > 0.98


@settings(max_examples=15, deadline=None)
@given(utterances())
def test_it_agrees_with_p56_followed_by_the_letter(speech: Signal) -> None:
    assert active_speech_level(speech, RATE).active_level_dbov == pytest.approx(
        p56_by_the_letter(speech, RATE), abs=1e-6
    )


@settings(max_examples=50, deadline=None)
@given(utterances(), st.floats(-20, 10))
def test_gain_moves_the_level_by_as_much_and_the_activity_not_at_all(speech: Signal, gain_db: float) -> None:
    before = active_speech_level(speech, RATE)
    after = active_speech_level(speech * 10 ** (gain_db / 20), RATE)
    assert after.active_level_dbov == pytest.approx(before.active_level_dbov + gain_db, abs=0.1)
    assert after.activity == pytest.approx(before.activity, abs=0.02)


def test_dc_is_no_speech() -> None:
    speech = np.concatenate([noise(3, RATE), silence(3, RATE)])
    without, with_dc = active_speech_level(speech, RATE), active_speech_level(speech + 0.05, RATE)
    assert with_dc.active_level_dbov == pytest.approx(without.active_level_dbov, abs=1e-6)
    assert active_speech_level(np.full(RATE, 0.3), RATE).long_term_level_dbov == -math.inf


@pytest.mark.parametrize("samples", [silence(1, RATE), np.array([0.5]), noise(2, RATE, dbov=-80)])
def test_where_there_is_no_speech_the_level_is_minus_infinity_and_nothing_is_active(samples: Signal) -> None:
    speech = active_speech_level(samples, RATE)
    assert (speech.active_level_dbov, speech.activity, speech.active_seconds) == (-math.inf, 0, 0)


def test_a_click_is_active_for_little_more_than_its_hangover() -> None:
    click = silence(10, RATE)
    click[RATE] = 1
    assert 0.2 < active_speech_level(click, RATE).active_seconds < 0.3


@settings(max_examples=200, deadline=None)
@given(arrays(np.float64, st.integers(1, 600), elements=st.floats(-1, 1)), st.sampled_from([8000, 16000, 48000]))
def test_no_samples_whatever_make_it_nan(samples: Signal, rate_hz: int) -> None:
    speech = active_speech_level(samples, rate_hz)
    assert not math.isnan(speech.active_level_dbov)
    assert not math.isnan(speech.long_term_level_dbov)
    assert 0 <= speech.activity <= 1
    assert 0 <= speech.active_seconds <= samples.size / rate_hz


def test_the_level_of_nothing_is_minus_infinity() -> None:
    assert dbov(0) == -math.inf


@needs_corpus
@pytest.mark.parametrize("name", ["visqol/CA01_01.wav", "pesq/speech.wav"])
def test_recorded_speech_has_the_level_that_p56_by_the_letter_gives(name: str) -> None:
    samples, rate_hz = soundfile.read(CORPUS / name)
    speech = active_speech_level(samples, rate_hz)
    assert speech.active_level_dbov == pytest.approx(p56_by_the_letter(samples, rate_hz), abs=1e-6)
    assert -36 < speech.active_level_dbov < -20
    assert 0.6 < speech.activity < 1
