"""A WAV file's samples, read into memory and written back."""

import hashlib
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from shared.audio_rules import AudioFault
from worker.audio.unscorable import UnscorableAudio

PCM_16 = "PCM_16"  # what is scored; libsndfile's name, as those of `DECODED`
DECODED = frozenset({"PCM_U8", "PCM_24", "PCM_32", "ALAW", "ULAW"})  # what `prepare.decode` turns into it

# Every rate that recordings have. Others are a broken header, and their ratios would make resampling endless.
RATES_HZ = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000})

FULL_SCALE = 32768  # of 16-bit PCM; its highest sample is one less


@dataclass(frozen=True)
class Recording:
    """Samples as doubles, frames by channels, full scale at 1; at least one frame. `encoding` is what they were."""

    samples: NDArray[np.float64]
    rate_hz: int
    encoding: str


def read(path: Path) -> Recording:
    """The whole of a WAV file in PCM_16 or one of `DECODED`; those come out exactly, with no bit lost.

    Raises UnscorableAudio for any other file, OSError where it cannot be had.
    """
    with path.open("rb") as file:
        try:
            # By its descriptor: for a file object, libsndfile calls back, by code made in writable memory, and the
            # worker's unit forbids that.
            with soundfile.SoundFile(file.fileno(), closefd=False) as wav:
                _check(wav.format, wav.subtype, wav.samplerate)
                recording = Recording(wav.read(dtype="float64", always_2d=True), wav.samplerate, wav.subtype)
        except soundfile.LibsndfileError as error:
            message = f"The file cannot be read as WAV: {error.error_string} Export it again as 16-bit PCM WAV."
            raise UnscorableAudio("unreadable", message) from None
    if not recording.samples.size:
        raise UnscorableAudio("no_samples", "The file holds no audio. Upload a recording.")
    return recording


def write(path: Path, pcm: NDArray[np.int16], rate_hz: int) -> None:
    """Write a mono 16-bit PCM WAV file: whole, in the place of what may be there, or not at all. Raises OSError."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file, wave.open(file, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(rate_hz)
            wav.writeframes(pcm.astype("<i2").tobytes())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """The SHA-256 of the file's bytes, in lower-case hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(container: str, encoding: str, rate_hz: int) -> None:
    if container not in {"WAV", "WAVEX"}:
        raise UnscorableAudio("unreadable", f"The file is {container}, not WAV. Convert it to 16-bit PCM WAV.")
    if encoding != PCM_16 and encoding not in DECODED:
        raise UnscorableAudio(AudioFault.ENCODING, f"The file is coded as {encoding}. Convert it to 16-bit PCM.")
    if rate_hz not in RATES_HZ:
        rates = ", ".join(str(rate) for rate in sorted(RATES_HZ))
        message = f"The file is sampled at {rate_hz} Hz. Use one of {rates} Hz."
        raise UnscorableAudio(AudioFault.SAMPLE_RATE, message)
