"""WAV files to bench with: noise as short as may be, real speech as long as is asked for, each distinct by a number."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

from sandbox.children import ROOT

RMS = 0.05  # of full scale: -26 dBov, the level of speech
SPEECH = ROOT / "examples" / "male_48k.wav"
NUMBER_BYTES = 4
SAMPLE_BYTES = 2
HEADER_BYTES = 44  # of a file of 16-bit PCM, before its samples: RIFF (12), fmt (24), and the head of data (8)


def noise(seconds: float, rate_hz: int) -> bytes:
    """Noise as loud as speech, always the same, of one channel and 16 bits."""
    samples = np.random.default_rng(1).normal(0, RMS, round(seconds * rate_hz))
    return wav(samples, rate_hz)


def speech(size: int, file: Path = SPEECH) -> bytes:
    """A file of so many bytes, of an even number: speech, said again and again, and cut off there."""
    samples, rate_hz = soundfile.read(file, dtype="int16")
    return wav(np.resize(samples, (size - HEADER_BYTES) // SAMPLE_BYTES), rate_hz)


def numbered(wav: bytes, number: int) -> bytes:
    """The same file but for its last two samples, which hold a number: no two are the same bytes."""
    return wav[:-NUMBER_BYTES] + number.to_bytes(NUMBER_BYTES, "little")


def wav(samples: np.ndarray[tuple[int], np.dtype[np.generic]], rate_hz: int) -> bytes:
    """Samples as a file of one channel and 16 bits; real numbers are of full scale, and what exceeds it is clipped."""
    body = io.BytesIO()
    soundfile.write(body, samples, rate_hz, format="WAV", subtype="PCM_16")
    return body.getvalue()
