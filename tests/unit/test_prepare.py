"""What `prepare` makes of a file, against samples and tones that are known."""

import hashlib
import json
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import JsonValue

from shared.job import Prepare
from tests import wavs
from tests.unit.signals import (
    CORPUS,
    FULL_SCALE,
    Signal,
    load,
    needs_corpus,
    noise,
    pcm,
    save,
    silence,
    sine,
)
from worker.audio.measures import measure
from worker.audio.prepare import prepare
from worker.audio.unscorable import UnscorableAudio

RATE = 16000
EVERY_BYTE = bytes(range(256))


def wanted(**fields: JsonValue) -> Prepare:
    return Prepare.model_validate(fields)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source.wav"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target.wav"


def alaw(code: int) -> int:
    """ITU-T G.711 Table 1a, as 16-bit samples."""
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    magnitude = (mantissa << 4) + 8 if exponent == 0 else (mantissa << 4) + 0x108 << exponent - 1
    return magnitude if code & 0x80 else -magnitude


def mulaw(code: int) -> int:
    """ITU-T G.711 Table 2a, as 16-bit samples."""
    code ^= 0xFF
    magnitude = ((code & 15) * 8 + 0x84 << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def steps_of(done: dict[str, JsonValue]) -> list[dict[str, JsonValue]]:
    steps = done["steps"]
    assert isinstance(steps, list)
    return [step for step in steps if isinstance(step, dict)]


def strongest_hz(samples: NDArray[np.int16], rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.argmax(spectrum) * rate_hz / samples.size)


def level_dbov(samples: NDArray[np.int16]) -> float:
    return float(10 * np.log10(np.mean((samples / FULL_SCALE) ** 2) + 1e-20))


@pytest.mark.parametrize(
    ("format_tag", "bits", "samples", "expected"),
    [
        (wavs.ALAW, 8, EVERY_BYTE, [alaw(code) for code in range(256)]),
        (wavs.MULAW, 8, EVERY_BYTE, [mulaw(code) for code in range(256)]),
        (wavs.PCM, 8, EVERY_BYTE, [(code - 128) * 256 for code in range(256)]),
        (wavs.PCM, 24, bytes.fromhex("000001 00ff7f 000080 7f0000 810000 000000"), [256, 32767, -32768, 0, 1, 0]),
        (wavs.PCM, 32, bytes.fromhex("00000100 0000ff7f 00000080 ff7f0000 01800000"), [1, 32767, -32768, 0, 1]),
    ],
    ids=["A-law", "mu-law", "8-bit", "24-bit", "32-bit"],
)
def test_decode_gives_the_16_bit_samples(
    source: Path, target: Path, format_tag: int, bits: int, samples: bytes, expected: list[int]
) -> None:
    source.write_bytes(wavs.wav(rate_hz=8000, bits=bits, format_tag=format_tag, samples=samples))
    done = prepare(source, target, wanted(decode=True))
    assert load(target).tolist() == expected
    assert soundfile.info(target).subtype == "PCM_16"
    assert [step["step"] for step in steps_of(done)] == ["decode"]
    assert done["clipped_samples"] == 0


def test_16_bit_samples_go_through_unchanged_and_nothing_is_reported(source: Path, target: Path) -> None:
    samples = np.arange(-FULL_SCALE, FULL_SCALE, 7).astype(np.int16)
    done = prepare(save(source, samples, RATE), target, wanted(decode=True, resample=RATE))
    assert (load(target) == samples).all()
    assert done["steps"] == []


@pytest.mark.parametrize(("channel", "expected"), [("left", [1, 2, 3]), ("right", [-10, -20, -30])])
def test_channel_keeps_that_side_of_a_stereo_file(
    source: Path, target: Path, channel: str, expected: list[int]
) -> None:
    save(source, np.array([[1, -10], [2, -20], [3, -30]], dtype=np.int16), RATE)
    done = prepare(source, target, wanted(channel=channel))
    assert load(target).tolist() == expected
    assert steps_of(done) == [{"step": "channel", "kept": channel}]


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(8000, 16000), (8000, 48000), (16000, 8000), (48000, 16000), (44100, 48000), (44100, 16000), (11025, 8000)],
)
def test_resampling_keeps_duration_pitch_and_level(source: Path, target: Path, from_hz: int, to_hz: int) -> None:
    save(source, sine(2, from_hz, hz=1000, amplitude=0.5), from_hz)
    done = prepare(source, target, wanted(resample=to_hz))
    resampled = load(target)
    assert soundfile.info(target).samplerate == done["rate_hz"] == to_hz
    assert done["original_rate_hz"] == from_hz
    assert resampled.size == 2 * to_hz
    assert strongest_hz(resampled, to_hz) == pytest.approx(1000, abs=1)
    assert level_dbov(resampled[to_hz // 2 : -to_hz // 2]) == pytest.approx(-9.03, abs=0.01)


def test_resampling_adds_no_delay(source: Path, target: Path) -> None:
    pulse = silence(1, 48000)
    pulse[24000:24048] = np.hanning(48)
    prepare(save(source, pulse, 48000), target, wanted(resample=16000))
    assert np.argmax(load(target)) == pytest.approx(8008, abs=1)


def test_resampling_down_leaves_no_alias(source: Path, target: Path) -> None:
    save(source, sine(1, 48000, hz=10000, amplitude=0.5), 48000)
    prepare(source, target, wanted(resample=16000))
    assert np.abs(load(target)[1000:-1000]).max() <= 1


def test_resampling_up_makes_no_image_above_the_old_band(source: Path, target: Path) -> None:
    save(source, noise(2, 8000), 8000)
    prepare(source, target, wanted(resample=48000))
    assert measure(target).bandwidth_hz < 4100


def test_resampling_keeps_what_lies_in_nine_tenths_of_the_lower_band(source: Path, target: Path) -> None:
    save(source, sine(1, 48000, hz=7200, amplitude=0.5), 48000)
    prepare(source, target, wanted(resample=16000))
    assert level_dbov(load(target)[2000:-2000]) == pytest.approx(-9.03, abs=0.05)


def speech_like(seed: int, dbov: float) -> Signal:
    parts = [noise(0.8, RATE, dbov=dbov, seed=seed), silence(0.5, RATE), noise(1.2, RATE, dbov=dbov - 6, seed=seed + 1)]
    return np.concatenate([silence(0.3, RATE), *parts, silence(0.3, RATE)])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1000), st.floats(-45, -15), st.floats(-46, -16))
def test_level_sets_the_active_speech_level(
    source: Path, target: Path, seed: int, from_dbov: float, to_dbov: float
) -> None:
    save(source, speech_like(seed, from_dbov), RATE)
    done = prepare(source, target, wanted(level=to_dbov))
    assert measure(target).active_level_dbov == pytest.approx(to_dbov, abs=0.2)
    (step,) = steps_of(done)
    assert step == {"step": "level", "from_dbov": measure(source).active_level_dbov, "to_dbov": to_dbov}


@needs_corpus
@pytest.mark.parametrize("name", ["visqol/CA01_01.wav", "visqol/transcoded_CA01_01.wav", "pesq/speech.wav"])
@pytest.mark.parametrize("to_dbov", [-46, -26, -20])
def test_level_sets_the_active_speech_level_of_recorded_speech(target: Path, name: str, to_dbov: float) -> None:
    prepare(CORPUS / name, target, wanted(level=to_dbov))
    assert measure(target).active_level_dbov == pytest.approx(to_dbov, abs=0.2)


def test_samples_that_the_gain_lifts_over_full_scale_are_cut_and_counted(source: Path, target: Path) -> None:
    peaks = noise(2, RATE, dbov=-50)
    peaks[::400] = 0.2  # 80 of them; at -16 dBov they would be far over full scale
    done = prepare(save(source, peaks, RATE), target, wanted(level=-16))
    assert done["clipped_samples"] == 80
    assert np.count_nonzero(load(target) == FULL_SCALE - 1) == 80


@pytest.mark.parametrize("sound", [silence(1, RATE), noise(1, RATE, dbov=-65)], ids=["nothing", "faint noise"])
def test_a_silent_file_keeps_its_level(source: Path, target: Path, sound: Signal) -> None:
    done = prepare(save(source, sound, RATE), target, wanted(level=-26))
    assert done["steps"] == []
    assert (load(target) == pcm(sound)).all()


def test_everything_is_done_in_the_documented_order_and_reported(source: Path, target: Path) -> None:
    stereo = np.stack([silence(2, 8000), sine(2, 8000, hz=1000, amplitude=0.9)], axis=1)
    soundfile.write(source, stereo, 8000, subtype="ULAW")
    done = prepare(source, target, wanted(level=-26, resample=16000, channel="right", decode=True))
    assert [step["step"] for step in steps_of(done)] == ["decode", "channel", "resample", "level"]
    assert steps_of(done)[0]["from"] == "ULAW"
    assert steps_of(done)[2] == {"step": "resample", "from_hz": 8000, "to_hz": 16000}
    measures = measure(target)
    assert measures.sample_rate_hz == 16000
    assert measures.active_level_dbov == pytest.approx(-26, abs=0.2)
    assert strongest_hz(load(target), 16000) == pytest.approx(1000, abs=1)
    assert json.loads(json.dumps(done)) == done


def test_the_reported_hash_is_that_of_the_file_and_the_same_each_time(source: Path, target: Path) -> None:
    save(source, noise(1, 44100), 44100)
    first = prepare(source, target, wanted(resample=16000, level=-26))
    assert first["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert prepare(source, target, wanted(resample=16000, level=-26)) == first


def test_the_source_may_be_the_target(source: Path) -> None:
    save(source, noise(1, 8000), 8000)
    prepare(source, source, wanted(resample=16000))
    assert soundfile.info(source).samplerate == 16000


def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_half_way(wav: wave.Wave_write, frames: bytes) -> None:
        wav.writeframesraw(frames[: len(frames) // 2])
        raise OSError("no space left on device")

    save(source, noise(1, RATE), RATE)
    target.write_bytes(b"what was there")
    monkeypatch.setattr(wave.Wave_write, "writeframes", fails_half_way)
    with pytest.raises(OSError, match="no space"):
        prepare(source, target, wanted())
    assert target.read_bytes() == b"what was there"
    assert sorted(path.name for path in target.parent.iterdir()) == ["source.wav", "target.wav"]


def test_who_reads_the_file_that_is_written_over_reads_the_old_one_to_its_end(source: Path, target: Path) -> None:
    save(source, noise(1, RATE), RATE)
    target.write_bytes(b"what was there")
    with target.open("rb") as reader:
        prepare(source, target, wanted())
        assert reader.read() == b"what was there"
    assert soundfile.info(target).samplerate == RATE


@pytest.mark.parametrize(
    ("content", "fields", "code", "remedy"),
    [
        (b"", {}, "unreadable", "Export it again"),
        (b"RIFF\0\0\0\0WAVEjunk", {}, "unreadable", "Export it again"),
        (b"not audio at all " * 20, {}, "unreadable", "Export it again"),
        (wavs.wav(0.1, bits=24), {}, "encoding", "prepare.decode: true"),
        (wavs.wav(0.1, bits=8, format_tag=wavs.ALAW), {}, "encoding", "prepare.decode: true"),
        (wavs.wav(0.1, bits=32, format_tag=wavs.FLOAT), {"decode": True}, "encoding", "16-bit PCM"),
        (wavs.wav(0.1, channels=2), {}, "stereo", "prepare.channel"),
        (wavs.wav(0.1, channels=3), {"channel": "left"}, "too_many_channels", "mono"),
        (wavs.wav(0.1), {"channel": "left"}, "channel_of_mono", "Leave it out"),
        (wavs.wav(0.1, rate_hz=44099), {"resample": 16000}, "sample_rate", "44100"),
        (wavs.wav(0), {}, "no_samples", "Upload a recording"),
    ],
)
def test_a_file_that_cannot_be_prepared_says_why_and_what_to_do(
    source: Path, target: Path, content: bytes, fields: dict[str, JsonValue], code: str, remedy: str
) -> None:
    source.write_bytes(content)
    with pytest.raises(UnscorableAudio, match=remedy) as refusal:
        prepare(source, target, wanted(**fields))
    assert refusal.value.code == code
    assert str(source.parent) not in refusal.value.message
    assert not target.exists()


def test_a_flac_file_is_no_wav_file_whatever_its_name(source: Path, target: Path) -> None:
    soundfile.write(source, noise(0.1, RATE), RATE, format="FLAC")
    with pytest.raises(UnscorableAudio, match="FLAC"):
        prepare(source, target, wanted(decode=True))


def test_a_missing_file_is_no_fault_of_the_audio(source: Path, target: Path) -> None:
    with pytest.raises(FileNotFoundError):
        prepare(source, target, wanted())
