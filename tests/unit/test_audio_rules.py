"""What a file must be to be scored, and that every refusal names the field that would mend it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.audio_rules import RESAMPLE_RATES_HZ, AudioFault, BadAudio, check_pair, inspect
from shared.job import Prepare, Role
from shared.pools import Mode
from shared.wav import WavFault, WavHeader
from tests.wavs import ALAW, FLOAT, IMA_ADPCM, MULAW, PCM, CountingReader, chunk, extensible_fmt, riff, wav

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"

WB = Mode(name="wb", reference_rates_hz=(16000, 48000), degraded_rates_hz=(48000, 16000), same_rate=True, ceiling=5)
SWB = Mode(name="swb", reference_rates_hz=(48000,), degraded_rates_hz=(8000, 48000), same_rate=False, ceiling=4.75)

roles = pytest.mark.parametrize("role", list(Role))


def prepare(**fields: object) -> Prepare:
    return Prepare.model_validate(fields)


def inspected(
    content: bytes, asked: Prepare | None = None, *, mode: Mode = WB, role: Role = Role.DEGRADED
) -> WavHeader:
    return inspect(CountingReader(content), len(content), mode, role, asked)


def refusal(content: bytes, asked: Prepare | None = None, *, mode: Mode = WB, role: Role = Role.DEGRADED) -> BadAudio:
    with pytest.raises(BadAudio) as caught:
        inspected(content, asked, mode=mode, role=role)
    assert caught.value.role is role
    assert role in caught.value.message
    return caught.value


# What is accepted


@roles
@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_mono_16_bit_pcm_at_a_rate_of_the_mode_is_accepted(role: Role, rate_hz: int) -> None:
    assert inspected(wav(rate_hz=rate_hz), role=role).sample_rate_hz == rate_hz


def test_extensible_pcm_with_other_chunks_about_is_accepted() -> None:
    odd = chunk(b"LIST", b"INFOodd")
    inspected(riff(odd, extensible_fmt(), odd, chunk(b"data", bytes(32000)), odd) + b"more")


@pytest.mark.parametrize("seconds", [0.5, 600])
def test_durations_on_the_bounds_are_accepted(seconds: float) -> None:
    inspected(wav(seconds))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real speech is not here")
@pytest.mark.parametrize(
    ("reference", "degraded"),
    [
        ("visqol/CA01_01.wav", "visqol/transcoded_CA01_01.wav"),
        ("pesq/speech.wav", "pesq/speech_bab_0dB.wav"),
    ],
)
def test_real_pairs_are_accepted(reference: str, degraded: str) -> None:
    check_pair(
        inspected((CORPUS / reference).read_bytes(), role=Role.REFERENCE),
        inspected((CORPUS / degraded).read_bytes(), role=Role.DEGRADED),
        WB,
    )


# What is refused, and what mends it


def test_a_header_that_cannot_be_read_is_bad_audio_of_that_role() -> None:
    error = refusal(b"fLaC" + bytes(100), role=Role.REFERENCE)
    assert error.code == WavFault.NOT_WAV
    assert error.message.startswith("The reference file cannot be read. It is FLAC")


MENDABLE = [
    pytest.param(wav(channels=2), AudioFault.STEREO, 'channel` to "left"', {"channel": "left"}, id="stereo, left"),
    pytest.param(wav(channels=2), AudioFault.STEREO, "channel` to", {"channel": "right"}, id="stereo, right"),
    pytest.param(wav(bits=8), AudioFault.BITS_PER_SAMPLE, "decode: true`", {"decode": True}, id="8-bit"),
    pytest.param(wav(bits=24), AudioFault.BITS_PER_SAMPLE, "decode: true`", {"decode": True}, id="24-bit"),
    pytest.param(wav(bits=32), AudioFault.BITS_PER_SAMPLE, "decode: true`", {"decode": True}, id="32-bit"),
    pytest.param(wav(bits=8, format_tag=ALAW), AudioFault.ENCODING, "decode: true`", {"decode": True}, id="A-law"),
    pytest.param(wav(bits=8, format_tag=MULAW), AudioFault.ENCODING, "decode: true`", {"decode": True}, id="mu-law"),
    pytest.param(wav(rate_hz=8000), AudioFault.SAMPLE_RATE, "resample: 16000`", {"resample": 16000}, id="8 kHz"),
    pytest.param(wav(rate_hz=15999), AudioFault.SAMPLE_RATE, "resample: 16000`", {"resample": 16000}, id="15.999 kHz"),
    pytest.param(wav(rate_hz=16001), AudioFault.SAMPLE_RATE, "resample: 48000`", {"resample": 48000}, id="16.001 kHz"),
    pytest.param(wav(rate_hz=44100), AudioFault.SAMPLE_RATE, "resample: 48000`", {"resample": 48000}, id="44.1 kHz"),
    pytest.param(wav(rate_hz=96000), AudioFault.SAMPLE_RATE, "resample: 48000`", {"resample": 48000}, id="96 kHz"),
]


@roles
@pytest.mark.parametrize(("content", "fault", "named", "mending"), MENDABLE)
def test_a_refusal_names_the_prepare_field_that_mends_it_and_that_field_mends_it(
    role: Role, content: bytes, fault: AudioFault, named: str, mending: dict[str, object]
) -> None:
    error = refusal(content, role=role)
    assert error.code == fault
    assert f"`prepare.{role}.{named}" in error.message
    inspected(content, prepare(**mending), role=role)


def test_8_khz_in_the_wide_band_mode_names_the_exact_setting() -> None:
    assert "`prepare.degraded.resample: 16000`" in refusal(wav(rate_hz=8000)).message


def test_g711_is_named_with_the_exact_setting() -> None:
    assert "`prepare.degraded.decode: true`" in refusal(wav(bits=8, format_tag=ALAW)).message


def test_each_role_has_its_own_rates() -> None:
    inspected(wav(rate_hz=8000), mode=SWB, role=Role.DEGRADED)
    error = refusal(wav(rate_hz=8000), mode=SWB, role=Role.REFERENCE)
    assert "`prepare.reference.resample: 48000`" in error.message


@pytest.mark.parametrize(
    ("content", "fault", "says"),
    [
        pytest.param(wav(bits=32, format_tag=FLOAT), AudioFault.ENCODING, "32-bit float", id="float"),
        pytest.param(wav(bits=16, format_tag=IMA_ADPCM), AudioFault.ENCODING, "0x0011", id="ADPCM"),
        pytest.param(wav(bits=12), AudioFault.BITS_PER_SAMPLE, "12-bit PCM", id="12-bit"),
        pytest.param(wav(bits=64), AudioFault.BITS_PER_SAMPLE, "64-bit PCM", id="64-bit"),
    ],
)
def test_what_decode_cannot_mend_is_refused_with_and_without_it(content: bytes, fault: AudioFault, says: str) -> None:
    for asked in (None, prepare(decode=True)):
        error = refusal(content, asked)
        assert error.code == fault
        assert says in error.message
        assert "prepare" not in error.message
        assert "lasts" not in error.message
        assert "Convert it to 16-bit PCM" in error.message


@pytest.mark.parametrize("asked", [None, prepare(channel="left")])
def test_more_than_two_channels_cannot_be_mended(asked: Prepare | None) -> None:
    error = refusal(wav(channels=6), asked)
    assert error.code == AudioFault.TOO_MANY_CHANNELS
    assert "6 channels" in error.message
    assert "Upload a mono file" in error.message


def test_a_channel_of_a_mono_file_is_refused() -> None:
    error = refusal(wav(), prepare(channel="left"))
    assert error.code == AudioFault.CHANNEL_OF_MONO
    assert "`prepare.degraded.channel: left`" in error.message
    assert "mono" in error.message


def test_a_resample_rate_that_the_mode_does_not_take_is_refused() -> None:
    error = refusal(wav(rate_hz=11025), prepare(resample=8000))
    assert error.code == AudioFault.RESAMPLE_RATE
    assert "`prepare.degraded.resample: 8000`" in error.message
    assert "16000 or 48000 Hz" in error.message
    assert "`prepare.degraded.resample: 16000`" in error.message


def test_a_wrong_resample_of_a_file_that_needs_none_is_to_be_left_out() -> None:
    assert "Leave it out" in refusal(wav(rate_hz=16000), prepare(resample=8000)).message


def test_a_mode_of_rates_that_resample_does_not_reach_names_no_field() -> None:
    odd = Mode(name="odd", reference_rates_hz=(44100,), degraded_rates_hz=(44100,), same_rate=True, ceiling=5)
    error = refusal(wav(), mode=odd)
    assert error.code == AudioFault.SAMPLE_RATE
    assert "prepare" not in error.message
    assert "44100 Hz" in error.message


@pytest.mark.parametrize(
    ("samples", "fault", "told"),
    [
        (3200, AudioFault.TOO_SHORT, "lasts 0.2 s"),
        (7999, AudioFault.TOO_SHORT, "lasts 0.4999375 s"),
        (9_600_001, AudioFault.TOO_LONG, "lasts 600.00006"),
    ],
)
def test_durations_outside_the_bounds_are_refused(samples: int, fault: AudioFault, told: str) -> None:
    error = refusal(wav(samples=bytes(2 * samples)))
    assert error.code == fault
    assert told in error.message
    assert "0.5 to 600 s" in error.message


def test_an_engine_may_narrow_the_durations() -> None:
    narrow = WB.model_copy(update={"min_seconds": 3.0, "max_seconds": 30.0})
    inspected(wav(3), mode=narrow)
    inspected(wav(30), mode=narrow)
    assert refusal(wav(2.9), mode=narrow).code == AudioFault.TOO_SHORT
    assert refusal(wav(30.1), mode=narrow).code == AudioFault.TOO_LONG


def test_a_duration_is_that_of_one_channel_before_resampling() -> None:
    inspected(wav(0.5, rate_hz=8000, channels=2), prepare(channel="left", resample=48000))
    assert refusal(wav(0.4, channels=2), prepare(channel="left")).code == AudioFault.TOO_SHORT


def test_every_broken_rule_is_told_at_once() -> None:
    content = wav(0.2, rate_hz=44100, channels=2, bits=24)
    error = refusal(content)
    assert error.code == AudioFault.BITS_PER_SAMPLE
    for told in ("decode: true`", "channel`", "resample: 48000`"):
        assert f"`prepare.degraded.{told}" in error.message
    assert "lasts 0.2 s" in error.message
    partly = refusal(content, prepare(decode=True, channel="right", resample=48000))
    assert partly.code == AudioFault.TOO_SHORT
    assert "prepare" not in partly.message


def test_the_rates_to_resample_to_are_those_that_prepare_accepts() -> None:
    for rate_hz in (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000):
        if rate_hz in RESAMPLE_RATES_HZ:
            prepare(resample=rate_hz)
        else:
            with pytest.raises(ValidationError):
                prepare(resample=rate_hz)


@given(
    coding=st.sampled_from([(PCM, 8), (PCM, 16), (PCM, 24), (PCM, 32), (ALAW, 8), (MULAW, 8)]),
    channels=st.integers(1, 2),
    rate_hz=st.integers(4000, 200_000),
)
def test_following_the_advice_always_leads_to_acceptance(coding: tuple[int, int], channels: int, rate_hz: int) -> None:
    tag, bits = coding
    content = wav(rate_hz=rate_hz, channels=channels, bits=bits, format_tag=tag)
    try:
        inspected(content)
    except BadAudio as error:
        inspected(content, advised(error.message))


def advised(message: str) -> Prepare:
    """What a client would set that follows the message to the letter."""
    rates = re.findall(r"`prepare\.degraded\.resample: (\d+)`", message)
    return prepare(
        decode="`prepare.degraded.decode: true`" in message,
        channel="left" if "`prepare.degraded.channel`" in message else None,
        resample=int(rates[0]) if rates else None,
    )


# Both files together


def pair(reference_hz: int, degraded_hz: int) -> tuple[WavHeader, WavHeader]:
    any_rate = WB.model_copy(update={"degraded_rates_hz": (reference_hz, degraded_hz)})
    return inspected(wav(rate_hz=reference_hz), mode=any_rate), inspected(wav(rate_hz=degraded_hz), mode=any_rate)


def mismatch(reference_hz: int, degraded_hz: int, mode: Mode = WB, *prepares: Prepare | None) -> BadAudio:
    with pytest.raises(BadAudio) as caught:
        check_pair(*pair(reference_hz, degraded_hz), mode, *prepares)
    assert caught.value.code == AudioFault.RATE_MISMATCH
    assert caught.value.role is Role.DEGRADED
    return caught.value


def test_files_at_one_rate_are_a_pair() -> None:
    check_pair(*pair(16000, 16000), WB)


def test_files_at_two_rates_are_refused_naming_the_setting_that_mends_it() -> None:
    error = mismatch(48000, 16000)
    assert "48000 Hz" in error.message
    assert "16000 Hz" in error.message
    assert "`prepare.degraded.resample: 48000`" in error.message
    check_pair(*pair(48000, 16000), WB, None, prepare(resample=48000))


def test_rates_are_compared_after_prepare() -> None:
    check_pair(*pair(16000, 8000), WB, None, prepare(resample=16000))
    check_pair(*pair(48000, 16000), WB, prepare(resample=16000), None)
    mismatch(48000, 8000, WB, None, prepare(resample=16000))
    mismatch(16000, 16000, WB, prepare(resample=48000), prepare(level=-26))


def test_the_reference_is_resampled_where_its_own_rate_cannot_be_had() -> None:
    rates_hz = (44100, 48000)
    mode = Mode(name="odd", reference_rates_hz=rates_hz, degraded_rates_hz=rates_hz, same_rate=True, ceiling=5)
    error = mismatch(44100, 48000, mode)
    assert "`prepare.reference.resample: 48000`" in error.message
    check_pair(*pair(44100, 48000), mode, prepare(resample=48000))


def test_a_mode_that_takes_two_rates_takes_any_two() -> None:
    check_pair(*pair(48000, 8000), SWB)


def test_the_rate_that_is_advised_is_that_of_the_file_beside_it_where_both_must_have_one() -> None:
    content = wav(1.0, 44100)
    with pytest.raises(BadAudio, match=r"prepare\.degraded\.resample: 16000"):
        inspect(CountingReader(content), len(content), WB, Role.DEGRADED, beside_hz=16000)
    with pytest.raises(BadAudio, match=r"prepare\.degraded\.resample: 48000"):
        inspect(CountingReader(content), len(content), SWB, Role.DEGRADED, beside_hz=16000)
