"""A generated pair of recordings: something like a voice, clean and with noise, to see whether an engine scores at all.

Its scores mean nothing. It is the same at each call, at the level that P.863 has references at, and with more active
speech than the 3.2 s of ITU-T P.862.3 clause 7.2.
"""

import wave
from pathlib import Path
from typing import TYPE_CHECKING

from shared.pools import Mode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Signal = NDArray[np.float64]

LEVEL_DBOV = -26.0  # of the active parts: ITU-T P.863, nominal level
NOISE_DBOV = -56.0

_PAUSE_SECONDS = 0.5  # before, between and after two sentences
_SYLLABLE_SECONDS = 0.2
_SYLLABLES = 12  # a sentence
_SENTENCES = 2
# The first three formants, in Hz, of the vowels in "hod", "heed", "who'd", "head" and "hawed", spoken by men: Peterson
# and Barney, Control methods used in a study of the vowels, JASA 24 (1952), table II.
_FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
_BANDWIDTH_HZ = 90
_HIGHEST_HZ = 4000
_PITCH_HZ = (105, 135)


def write(directory: Path, mode: Mode) -> tuple[Path, Path]:
    """Write `reference.wav` and `degraded.wav`, 6.3 s each, at rates that the mode takes; their paths."""
    reference_hz = mode.reference_rates_hz[0]
    degraded_hz = reference_hz if reference_hz in mode.degraded_rates_hz else mode.degraded_rates_hz[0]
    reference, degraded = directory / "reference.wav", directory / "degraded.wav"
    voice = _voice(reference_hz)
    _save(reference, voice, reference_hz)
    if degraded_hz != reference_hz:
        voice = _voice(degraded_hz)
    _save(degraded, voice + _noise(voice.size), degraded_hz)
    return reference, degraded


def _voice(rate_hz: int) -> "Signal":
    import numpy as np

    pause = np.zeros(round(_PAUSE_SECONDS * rate_hz))
    sentence = np.concatenate([_syllable(number, rate_hz) for number in range(_SYLLABLES)])
    sentence *= 10 ** (LEVEL_DBOV / 20) / np.sqrt(np.mean(sentence**2))
    return np.concatenate([pause, *[sentence, pause] * _SENTENCES])


def _syllable(number: int, rate_hz: int) -> "Signal":
    """A vowel, its harmonics as strong as the resonances of its formants make them, swelling and fading."""
    import numpy as np

    times = np.arange(round(_SYLLABLE_SECONDS * rate_hz)) / rate_hz
    pitch = np.linspace(*(_PITCH_HZ if number % 2 else _PITCH_HZ[::-1]), times.size)
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    sound = np.zeros(times.size)
    formants = _FORMANTS_HZ[number % len(_FORMANTS_HZ)]
    for harmonic in range(1, int(_HIGHEST_HZ / max(_PITCH_HZ))):
        frequency = harmonic * sum(_PITCH_HZ) / 2
        gain = sum(1 / (1 + ((frequency - formant) / _BANDWIDTH_HZ) ** 2) for formant in formants)
        sound += gain / harmonic * np.sin(harmonic * phase)
    swell: Signal = sound * np.sin(np.pi * times / _SYLLABLE_SECONDS) ** 0.5
    return swell


def _noise(count: int) -> "Signal":
    import numpy as np

    return 10 ** (NOISE_DBOV / 20) * np.random.default_rng(seed=863).standard_normal(count)


def _save(path: Path, samples: "Signal", rate_hz: int) -> None:
    import numpy as np

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
