"""What a file that is about to be scored sounds like, in numbers: the ground for all advice."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal.windows import hann

from shared.audio_rules import AudioFault
from worker.audio.recording import FULL_SCALE, PCM_16, Recording, read, sha256
from worker.audio.speech_level import MARGIN_DB, active_speech_level, dbov
from worker.audio.unscorable import UnscorableAudio

CLIPPED_RUN = 3  # so many equal samples at full scale in a row are clipping; fewer are a loud peak

FRAME_SECONDS = 0.02  # speech is as good as stationary for so long
NOISE_FLOOR_QUANTILE = 0.1  # speech pauses for more than a tenth of nearly any recording

# Content is what lies less than this below the densest part of the long-term spectrum. Real 48 kHz speech has it up
# to 14 kHz and beyond; 16-bit rounding is some 90 dB down and resampled speech falls there within 500 Hz of its edge.
CONTENT_DB = 60

_BLOCK_FRAMES = 1000  # transformed at once, so that a long file's spectra are never all in memory


@dataclass(frozen=True)
class Measures:
    """One mono 16-bit file in numbers; none is NaN or infinite, and a level of no signal is None.

    Levels are in dBov (speech_level.py says what that is), shares from 0 to 1, times in seconds.
    """

    sha256: str  # of the file's bytes, lower-case hexadecimal
    sample_rate_hz: int
    seconds: float
    active_level_dbov: float | None  # P.56 method B; None where there is no speech
    long_term_level_dbov: float | None  # over all of the file, without its DC
    activity: float  # share of time that speech is active
    active_seconds: float
    clipping_ratio: float  # share of samples in runs of CLIPPED_RUN or more equal ones at full scale
    dc_offset: float  # mean as a share of full scale, -1 to 1
    noise_floor_dbov: float | None  # level that a tenth of the frames do not reach; None where that is digital silence
    leading_silence_seconds: float  # before the first frame within the P.56 margin of the active level
    trailing_silence_seconds: float  # after the last such frame; a file without speech is silence as a whole
    bandwidth_hz: float  # up to where there is content, in steps of 50 Hz; 0 where there is none


def measure(path: Path) -> Measures:
    """Measure a mono 16-bit PCM file. Raises UnscorableAudio for any other, OSError where it cannot be had."""
    recording = read(path)
    samples = _mono_16_bit(recording)
    rate_hz, seconds = recording.rate_hz, samples.size / recording.rate_hz
    speech = active_speech_level(samples, rate_hz)
    dc_offset = float(samples.mean())
    sound = samples - dc_offset
    frames = _frames(sound, rate_hz)
    leading, trailing = _silences(frames, rate_hz, seconds, speech.active_level_dbov)
    return Measures(
        sha256=sha256(path),
        sample_rate_hz=rate_hz,
        seconds=seconds,
        active_level_dbov=_finite(speech.active_level_dbov),
        long_term_level_dbov=_finite(speech.long_term_level_dbov),
        activity=speech.activity,
        active_seconds=speech.active_seconds,
        clipping_ratio=_clipping_ratio(samples),
        dc_offset=dc_offset,
        noise_floor_dbov=_finite(_noise_floor_dbov(_unpadded(samples, sound), rate_hz)),
        leading_silence_seconds=leading,
        trailing_silence_seconds=trailing,
        bandwidth_hz=_bandwidth_hz(frames, rate_hz) if _finite(speech.long_term_level_dbov) else 0.0,
    )


def _mono_16_bit(recording: Recording) -> NDArray[np.float64]:
    channels = recording.samples.shape[1]
    if channels != 1:
        message = f"The file has {channels} channels and one is scored. Set its `prepare.channel`, or upload mono."
        raise UnscorableAudio(AudioFault.STEREO if channels == 2 else AudioFault.TOO_MANY_CHANNELS, message)
    if recording.encoding != PCM_16:
        message = f"The file is {recording.encoding} and 16-bit PCM is scored. Set its `prepare.decode: true`."
        raise UnscorableAudio(AudioFault.ENCODING, message)
    return recording.samples[:, 0]


def _finite(level_dbov: float) -> float | None:
    return level_dbov if math.isfinite(level_dbov) else None


def _frames(sound: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """The sound cut into frames, its last incomplete one left out; a shorter sound is one frame."""
    length = min(round(FRAME_SECONDS * rate_hz), sound.size)
    return sound[: sound.size // length * length].reshape(-1, length)


def _powers(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.einsum("ij,ij->i", frames, frames) / frames.shape[1]
    return powers


def _clipping_ratio(samples: NDArray[np.float64]) -> float:
    highest = (FULL_SCALE - 1) / FULL_SCALE
    full = np.flatnonzero((samples >= highest) | (samples <= -highest))
    breaks = np.flatnonzero((np.diff(full) != 1) | (np.diff(samples[full]) != 0)) + 1
    runs = np.diff(np.concatenate(([0], breaks, [full.size])))
    return float(runs[runs >= CLIPPED_RUN].sum() / samples.size)


def _silences(
    frames: NDArray[np.float64], rate_hz: int, seconds: float, active_level_dbov: float
) -> tuple[float, float]:
    """The time before the first frame of speech and that after the last, in seconds."""
    loud = np.flatnonzero(_powers(frames) >= 10 ** ((active_level_dbov - MARGIN_DB) / 10))
    if active_level_dbov == -math.inf or not loud.size:
        return seconds, seconds
    frame_seconds = frames.shape[1] / rate_hz
    return float(loud[0] * frame_seconds), float(seconds - (loud[-1] + 1) * frame_seconds)


def _unpadded(samples: NDArray[np.float64], sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sound without digital silence at its ends, which was put there and says nothing of the recording's noise."""
    present = np.flatnonzero(samples)
    return sound[present[0] : present[-1] + 1] if present.size else sound


def _noise_floor_dbov(sound: NDArray[np.float64], rate_hz: int) -> float:
    """The level that the quietest tenth of the frames stay at or below: what is heard while nobody speaks.

    Each frame without its own mean: the offset of a whole file is none of its pauses' where those are digital silence.
    """
    frames = _frames(sound, rate_hz)
    powers = _powers(frames - frames.mean(axis=1, keepdims=True))
    return dbov(float(np.quantile(powers, NOISE_FLOOR_QUANTILE, method="lower")))


def _bandwidth_hz(frames: NDArray[np.float64], rate_hz: int) -> float:
    """The highest frequency with content, told from the mean spectrum of Hann-windowed frames."""
    window = hann(frames.shape[1], sym=False)
    blocks = (frames[first : first + _BLOCK_FRAMES] for first in range(0, len(frames), _BLOCK_FRAMES))
    density = sum(np.sum(np.abs(np.fft.rfft(block * window)) ** 2, axis=0) for block in blocks)
    content = np.flatnonzero(density >= np.max(density) * 10 ** (-CONTENT_DB / 10))
    return float(content[-1] * rate_hz / frames.shape[1])
