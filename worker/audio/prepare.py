"""`prepare`: what a job's owner asked to be done to a file before it is scored. Nothing is ever done unasked.

The order is fixed: decode, channel, resample, level. Samples stay doubles all the way and are rounded to 16 bits once,
at the end, without dither, so that the same file and wishes always give the same bytes.
"""

from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray
from pydantic import JsonValue

from shared.audio_rules import AudioFault
from shared.job import Prepare
from worker.audio import recording
from worker.audio.advice import LIMITS, Limits, is_silent
from worker.audio.recording import FULL_SCALE, PCM_16, Recording
from worker.audio.speech_level import active_speech_level
from worker.audio.unscorable import UnscorableAudio


def prepare(source: Path, target: Path, wanted: Prepare, limits: Limits = LIMITS) -> dict[str, JsonValue]:
    """Write `source` to `target` as mono 16-bit PCM with all done that is wanted; `target` is written whole or not.

    Returns, for the result document: `steps`, what was done, in order; `original_rate_hz` and `rate_hz`;
    `clipped_samples`, how many had to be cut to full scale; and the `sha256` of what was written. What was so already
    is no step. Nor is the level of a file that is silent by `limits`, which is kept: noise made louder is no speech.

    Raises UnscorableAudio where the file cannot be read or would still not be mono 16-bit PCM; OSError where a file
    cannot be had or written.
    """
    found = recording.read(source)
    _check(found, wanted)
    steps: list[JsonValue] = []
    samples, rate_hz = found.samples[:, 1 if wanted.channel == "right" else 0], found.rate_hz
    if found.encoding != PCM_16:
        steps.append({"step": "decode", "from": found.encoding, "to": PCM_16})
    if wanted.channel:
        steps.append({"step": "channel", "kept": wanted.channel})
    if wanted.resample and wanted.resample != rate_hz:
        steps.append({"step": "resample", "from_hz": rate_hz, "to_hz": wanted.resample})
        samples, rate_hz = _resample(samples, rate_hz, wanted.resample), wanted.resample
    if wanted.level is not None:
        speech = active_speech_level(samples, rate_hz)
        if not is_silent(speech.active_level_dbov, speech.activity, limits):
            steps.append({"step": "level", "from_dbov": speech.active_level_dbov, "to_dbov": wanted.level})
            samples = samples * 10 ** ((wanted.level - speech.active_level_dbov) / 20)
    pcm, clipped = _round(samples)
    recording.write(target, pcm, rate_hz)
    return {
        "steps": steps,
        "original_rate_hz": found.rate_hz,
        "rate_hz": rate_hz,
        "clipped_samples": clipped,
        "sha256": recording.sha256(target),
    }


def _check(found: Recording, wanted: Prepare) -> None:
    """Intake refuses all of this from the header; here it is what the samples were really read as."""
    channels = found.samples.shape[1]
    if found.encoding != PCM_16 and not wanted.decode:
        message = f"The file is {found.encoding} and 16-bit PCM is scored. Set its `prepare.decode: true`."
        raise UnscorableAudio(AudioFault.ENCODING, message)
    if channels > 2:
        message = f"The file has {channels} channels, of which `prepare.channel` cannot choose. Upload a mono file."
        raise UnscorableAudio(AudioFault.TOO_MANY_CHANNELS, message)
    if channels == 1 and wanted.channel:
        message = f"`prepare.channel: {wanted.channel}` is asked for, but the file is mono. Leave it out."
        raise UnscorableAudio(AudioFault.CHANNEL_OF_MONO, message)
    if channels == 2 and not wanted.channel:
        message = 'The file is stereo. Set its `prepare.channel` to "left" or "right", or upload a mono file.'
        raise UnscorableAudio(AudioFault.STEREO, message)


def _resample(samples: NDArray[np.float64], from_hz: int, to_hz: int) -> NDArray[np.float64]:
    """The same sound at another rate: duration and tones are kept, and no delay is added."""
    resampled: NDArray[np.float64] = soxr.resample(samples, from_hz, to_hz, quality="VHQ")
    return resampled


def _round(samples: NDArray[np.float64]) -> tuple[NDArray[np.int16], int]:
    """The samples as 16-bit PCM, and how many of them were cut to full scale."""
    steps = np.rint(samples * FULL_SCALE)
    clipped = np.count_nonzero((steps >= FULL_SCALE) | (steps < -FULL_SCALE))
    return np.clip(steps, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16), int(clipped)
