"""Signals whose level, edge and duration are known by construction, and files of them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

Signal = NDArray[np.float64]

FULL_SCALE = 32768
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the speech corpus is not beside the checkout")


def sine(seconds: float, rate_hz: int, *, hz: float = 440, amplitude: float = 1) -> Signal:
    """A sine; its level is 20 lg(amplitude) - 3.01 dBov."""
    tone: Signal = amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return tone


def silence(seconds: float, rate_hz: int) -> Signal:
    return np.zeros(round(seconds * rate_hz))


def noise(seconds: float, rate_hz: int, *, dbov: float = -26, up_to_hz: float | None = None, seed: int = 1) -> Signal:
    """Gaussian noise of exactly that level, with nothing at all above `up_to_hz`."""
    sound = np.random.default_rng(seed).normal(size=round(seconds * rate_hz))
    spectrum = np.fft.rfft(sound)
    if up_to_hz is not None:
        spectrum[np.fft.rfftfreq(sound.size, 1 / rate_hz) > up_to_hz] = 0
    sound = np.fft.irfft(spectrum, sound.size)
    levelled: Signal = sound * 10 ** (dbov / 20) / np.sqrt(np.mean(sound**2))
    return levelled


def pcm(signal: Signal) -> NDArray[np.int16]:
    return np.clip(np.rint(signal * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def save(path: Path, samples: Signal | NDArray[np.int16], rate_hz: int) -> Path:
    """Write a 16-bit WAV file; doubles are rounded, integers written as they are."""
    as_pcm = samples if samples.dtype == np.int16 else pcm(samples.astype(np.float64))
    soundfile.write(path, as_pcm, rate_hz, subtype="PCM_16")
    return path


def load(path: Path) -> NDArray[np.int16]:
    samples: NDArray[np.int16] = soundfile.read(path, dtype="int16")[0]
    return samples
