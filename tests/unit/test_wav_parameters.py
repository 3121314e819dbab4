"""Reading a WAV header: what is found."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wav import Encoding, WavHeader
from tests.wavs import (
    ALAW,
    DATA,
    EXTENSIBLE,
    FLOAT,
    IMA_ADPCM,
    LIST,
    MULAW,
    ODD,
    PCM,
    chunk,
    extensible_fmt,
    fmt,
    header_of,
    riff,
    wav,
)


def test_a_plain_file_is_read_to_its_parameters() -> None:
    header = header_of(wav(seconds=2.5, rate_hz=48000))
    assert header == WavHeader(Encoding.PCM, PCM, 1, 48000, 16, data_offset=44, data_bytes=240000)
    assert header.frames == 120000
    assert header.seconds == 2.5


def test_frames_are_counted_a_channel() -> None:
    header = header_of(wav(seconds=0.5, rate_hz=8000, channels=2, bits=24))
    assert header.frames == 4000
    assert header.seconds == 0.5


@pytest.mark.parametrize(
    ("tag", "bits", "encoding"),
    [
        (PCM, 8, Encoding.PCM),
        (PCM, 16, Encoding.PCM),
        (PCM, 24, Encoding.PCM),
        (PCM, 32, Encoding.PCM),
        (FLOAT, 32, Encoding.FLOAT),
        (FLOAT, 64, Encoding.FLOAT),
        (ALAW, 8, Encoding.ALAW),
        (MULAW, 8, Encoding.MULAW),
    ],
)
def test_encodings_are_told_apart_in_both_forms_of_fmt(tag: int, bits: int, encoding: Encoding) -> None:
    for form in (fmt(tag, bits=bits), extensible_fmt(tag, bits=bits)):
        header = header_of(riff(form, DATA))
        assert (header.encoding, header.format_tag, header.bits_per_sample) == (encoding, tag, bits)
        assert header.frames == 32000 * 8 // bits


def test_an_unknown_encoding_is_read_but_its_frames_are_not_counted() -> None:
    for form in (fmt(IMA_ADPCM, bits=4, block_align=256), fmt(0x0055, bits=0), extensible_fmt(IMA_ADPCM, bits=4)):
        header = header_of(riff(form, DATA))
        assert header.encoding is Encoding.OTHER
        assert (header.frames, header.seconds) == (0, 0)


def test_an_extensible_sub_format_that_is_no_format_tag_is_another_encoding() -> None:
    ambisonic = bytes.fromhex("00002107d3118644c8c1ca000000")
    header = header_of(riff(extensible_fmt(PCM, tail=ambisonic), DATA))
    assert (header.encoding, header.format_tag) == (Encoding.OTHER, EXTENSIBLE)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(riff(extensible_fmt(), DATA), id="extensible PCM"),
        pytest.param(riff(LIST, fmt(), LIST, DATA), id="LIST before"),
        pytest.param(riff(fmt(), DATA, LIST, LIST), id="LIST after"),
        pytest.param(riff(ODD, fmt(), ODD, ODD, DATA, ODD), id="odd-sized chunks"),
        pytest.param(riff(fmt(), chunk(b"fact", bytes(4)), chunk(b"PEAK", bytes(16)), DATA), id="fact and PEAK"),
        pytest.param(riff(chunk(b"JUNK", bytes(28)), chunk(b"bext", bytes(602)), fmt(), DATA), id="broadcast WAV"),
        pytest.param(riff(fmt(), chunk(b"none"), DATA), id="a chunk of no bytes"),
        pytest.param(riff(fmt(extension=b"\0\0"), DATA), id="fmt with an empty extension"),
        pytest.param(riff(fmt(), DATA) + b"trailing bytes", id="bytes after data"),
        pytest.param(riff(fmt(), DATA) + b"\0" * 3, id="a few bytes after data"),
        pytest.param(riff(fmt(), DATA, size=36), id="RIFF size of the first flush"),
        pytest.param(riff(fmt(), DATA, size=32044), id="RIFF size that counts its own head"),
        pytest.param(riff(fmt(), DATA, size=5_000_000), id="RIFF size too large"),
        pytest.param(riff(fmt(), DATA, chunk(b"data", b"more")), id="a second data chunk"),
        pytest.param(riff(fmt(), DATA, chunk(b"LIST", size=4_000_000)), id="a broken chunk after data"),
    ],
)
def test_good_files_of_odd_build_are_read(content: bytes) -> None:
    header = header_of(content)
    assert (header.encoding, header.channels, header.sample_rate_hz) == (Encoding.PCM, 1, 16000)
    assert header.data_bytes == 32000
    assert content[header.data_offset - 8 :].startswith(DATA)


def test_data_of_odd_length_at_the_very_end_needs_no_pad_byte() -> None:
    header = header_of(riff(fmt(bits=8), chunk(b"data", b"odd")[:-1]))
    assert header.frames == 3


def test_a_part_of_a_last_sample_is_not_counted() -> None:
    assert header_of(wav(samples=b"12345")).frames == 2


letters = st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"])
names = st.text(letters, min_size=4, max_size=4).filter(lambda name: name not in {"fmt ", "data"}).map(str.encode)
chunks = st.lists(st.builds(chunk, names, st.binary(max_size=200)), max_size=6)


@given(
    form=st.sampled_from([fmt, extensible_fmt]),
    coding=st.sampled_from([(PCM, 8), (PCM, 16), (PCM, 20), (PCM, 24), (PCM, 32), (FLOAT, 32), (ALAW, 8), (MULAW, 8)]),
    channels=st.integers(1, 65535 // 4),
    rate_hz=st.integers(1, 2**32 - 1),
    samples=st.binary(min_size=1, max_size=500),
    first=chunks,
    before=chunks,
    after=chunks,
    trailing=st.binary(max_size=20),
)
def test_any_file_is_read_to_exactly_its_parameters(
    form: Callable[[int, int, int, int], bytes],
    coding: tuple[int, int],
    channels: int,
    rate_hz: int,
    samples: bytes,
    first: list[bytes],
    before: list[bytes],
    after: list[bytes],
    trailing: bytes,
) -> None:
    tag, bits = coding
    content = riff(*first, form(tag, channels, rate_hz, bits), *before, chunk(b"data", samples), *after) + trailing
    header = header_of(content)
    assert (header.format_tag, header.bits_per_sample) == coding
    assert (header.channels, header.sample_rate_hz) == (channels, rate_hz)
    assert content[header.data_offset : header.data_offset + header.data_bytes] == samples
    assert header.frames == len(samples) // (channels * ((bits + 7) // 8))
