"""The active speech level by ITU-T P.56 (12/2011), method B.

Speech pauses, so the mean level of a recording says little about how loud its speech is. Method B (clauses 8.1 to
8.3) measures the level over the time that speech is active, where active means that the envelope is above a
threshold 15.9 dB under that very level, or was so less than 0.2 s ago.

Levels are in dBov: 0 dBov is the RMS of a square wave at full scale (ITU-T G.100.1; so has it the speech voltmeter
of ITU-T G.191), hence a sine at full scale has -3.01 dBov.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

# The parameters of method B, P.56 clause 8.3.
TIME_CONSTANT_SECONDS = 0.03  # of each of the envelope's two first-order low-pass filters
HANGOVER_SECONDS = 0.2  # speech stays active for so long after its envelope fell
MARGIN_DB = 15.9  # between the active level and the threshold that makes it active

# P.56 clause 8.2: a factor of two apart, from half of full scale down to one step of 16-bit PCM.
THRESHOLDS = tuple(2.0**exponent for exponent in range(-15, 0))

# A mean square that only the rounding of doubles makes, when DC is taken off. One step of 16-bit PCM in ten minutes
# at 48 kHz has 3e-17.
_NOTHING = 1e-24


@dataclass(frozen=True)
class SpeechLevel:
    """The level of a recording's speech. Levels in dBov, -inf where there is no signal.

    `activity` is the share of time that speech was active, 0 to 1, and `active_seconds` the same in seconds.
    """

    active_level_dbov: float
    activity: float
    active_seconds: float
    long_term_level_dbov: float


def dbov(mean_square: float) -> float:
    """The level in dBov of samples (full scale 1) with that mean square; -inf where there is nothing."""
    return 10 * math.log10(mean_square) if mean_square > _NOTHING else -math.inf


def active_speech_level(samples: NDArray[np.float64], rate_hz: int) -> SpeechLevel:
    """The level of the speech in `samples`, one channel with full scale at 1, at least one sample.

    The mean is taken off first, as the filter that clause 10.2 puts before the meter passes no DC. Where even the
    lowest threshold is less than the margin below the signal (about -74 dBov), nothing is active.
    """
    speech = samples - samples.mean()
    energy = float(np.einsum("i,i", speech, speech))  # `@` would wake BLAS threads on cores that the seats need
    long_term = dbov(energy / speech.size)
    envelope = _envelope(np.abs(speech, out=speech), rate_hz)  # in place: ten minutes at 48 kHz are 230 MB
    active = _level_at_margin(energy, envelope, round(HANGOVER_SECONDS * rate_hz))
    activity = min(1.0, 10 ** ((long_term - active) / 10)) if active > -math.inf else 0.0
    return SpeechLevel(active, activity, activity * speech.size / rate_hz, long_term)


def _envelope(rectified: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """The rectified signal through both low-pass filters, which is process 2 of clause 8.1."""
    g = math.exp(-1 / (rate_hz * TIME_CONSTANT_SECONDS))
    envelope: NDArray[np.float64] = lfilter([(1 - g) ** 2], [1, -2 * g, g * g], rectified)
    return envelope


def _level_at_margin(energy: float, envelope: NDArray[np.float64], hangover: int) -> float:
    """The level that lies the margin above its own threshold, between thresholds by interpolation (clause 8.2)."""
    level, lower = -math.inf, None
    for threshold in THRESHOLDS:
        active = _active_samples(envelope, threshold, hangover)
        if active == 0:
            break
        level = dbov(energy / active)
        excess = level - dbov(threshold**2)
        if excess <= MARGIN_DB:
            return _between(lower, (level, excess)) if lower else -math.inf
        lower = level, excess
    # A click: over before any threshold comes near. Its level is that over the shortest activity that was seen.
    return level


def _between(lower: tuple[float, float], upper: tuple[float, float]) -> float:
    """The level where its excess over the threshold is the margin, of two (level, excess) on either side of it."""
    share = (lower[1] - MARGIN_DB) / (lower[1] - upper[1])
    return lower[0] + share * (upper[0] - lower[0])


def _active_samples(envelope: NDArray[np.float64], threshold: float, hangover: int) -> int:
    """How many samples are at or above the threshold, or follow one that was by at most `hangover` samples."""
    above = envelope >= threshold
    flips = np.flatnonzero(above[1:] != above[:-1]) + 1
    falls, rises = (flips[0::2], flips[1::2]) if above[0] else (flips[1::2], flips[2::2])
    gaps = np.append(rises, envelope.size)[: falls.size] - falls
    return int(np.count_nonzero(above) + np.minimum(gaps, hangover).sum())
