"""Reading a WAV header: what real software writes."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from shared.wav import Encoding, WavFault
from tests.wavs import fault_of, header_of

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
@pytest.mark.parametrize(
    ("subtype", "encoding", "bits"),
    [
        ("PCM_U8", Encoding.PCM, 8),
        ("PCM_16", Encoding.PCM, 16),
        ("PCM_24", Encoding.PCM, 24),
        ("PCM_32", Encoding.PCM, 32),
        ("FLOAT", Encoding.FLOAT, 32),
        ("DOUBLE", Encoding.FLOAT, 64),
        ("ALAW", Encoding.ALAW, 8),
        ("ULAW", Encoding.MULAW, 8),
    ],
)
def test_what_libsndfile_writes_is_read_as_it_was_meant(
    container: str, subtype: str, encoding: Encoding, bits: int
) -> None:
    header = header_of(written(container, subtype, channels=2))
    assert (header.encoding, header.bits_per_sample) == (encoding, bits)
    assert (header.channels, header.sample_rate_hz, header.frames) == (2, 16000, 1600)


@pytest.mark.parametrize(
    ("container", "subtype", "name"),
    [
        ("FLAC", "PCM_16", "FLAC"),
        ("MP3", "MPEG_LAYER_III", "MP3"),
        ("OGG", "VORBIS", "Ogg"),
        ("RF64", "PCM_16", "RF64"),
        ("W64", "PCM_16", "Wave64"),
        ("AIFF", "PCM_16", "AIFF"),
        ("AU", "PCM_16", "AU"),
        ("CAF", "PCM_16", "CAF"),
        ("NIST", "PCM_16", "NIST SPHERE"),
    ],
)
def test_another_format_from_real_software_is_named(container: str, subtype: str, name: str) -> None:
    fault = fault_of(written(container, subtype))
    assert fault.code == WavFault.NOT_WAV
    assert f"It is {name}" in fault.message
    assert "Convert it to a 16-bit PCM WAV file" in fault.message


def test_big_endian_wav_from_real_software_is_named() -> None:
    assert "RIFX" in fault_of(written("WAV", "PCM_16", endian="BIG")).message


def written(container: str, subtype: str, *, channels: int = 1, endian: str = "FILE") -> bytes:
    """A tenth of a second at 16 kHz, as libsndfile writes it."""
    file = io.BytesIO()
    silence = np.zeros((1600, channels))
    soundfile.write(file, silence, 16000, format=container, subtype=subtype, endian=endian)
    return file.getvalue()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real speech is not here")
@pytest.mark.parametrize(
    ("name", "rate_hz", "seconds"),
    [
        ("visqol/CA01_01.wav", 48000, 2.738),
        ("visqol/transcoded_CA01_01.wav", 48000, 2.738),
        ("pesq/speech.wav", 16000, 3.1),
        ("pesq/speech_bab_0dB.wav", 16000, 3.1),
    ],
)
def test_real_recordings_are_read(name: str, rate_hz: int, seconds: float) -> None:
    header = header_of((CORPUS / name).read_bytes())
    assert (header.encoding, header.channels, header.bits_per_sample) == (Encoding.PCM, 1, 16)
    assert header.sample_rate_hz == rate_hz
    assert header.seconds == pytest.approx(seconds, abs=0.001)
