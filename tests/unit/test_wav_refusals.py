"""Reading a WAV header: what is refused, and by which name, whatever the bytes."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.wav import WavError, WavFault
from tests.wavs import (
    DATA,
    EXTENSIBLE,
    IMA_ADPCM,
    LIST,
    MULAW,
    ODD,
    chunk,
    extensible_fmt,
    fault_of,
    fmt,
    header_of,
    riff,
    wav,
)


def test_an_empty_file_is_refused_without_a_read() -> None:
    fault = fault_of(b"")
    assert fault.code == WavFault.EMPTY_FILE
    assert "upload it again" in fault.message


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"fLaC", "FLAC"),
        (b"ID3\x04", "MP3"),
        (b"\xff\xfb\x90\x64", "MP3"),
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"OggS", "Ogg"),
        (b"RF64\xff\xff\xff\xffWAVE", "RF64"),
        (b"BW64\xff\xff\xff\xffWAVE", "BW64"),
        (b"RIFX\x00\x00\x00\x24WAVE", "RIFX"),
        (b"FORM\x00\x00\x00\x00AIFC", "AIFF"),
        (b"\x00\x00\x00\x20ftypM4A ", "MP4"),
        (b"#!AMR-WB\n", "AMR"),
        (b"\x1a\x45\xdf\xa3", "WebM"),
        (b"RIFF\x24\x00\x00\x00AVI ", "RIFF file of another kind"),
        (b"\xff\xff\xff\xff", "does not begin with RIFF"),
        (b"{}", "does not begin with RIFF"),
        (b"R", "does not begin with RIFF"),
    ],
)
def test_what_is_no_wav_is_refused_by_name(start: bytes, name: str) -> None:
    for content in (start, start + bytes(1000)):
        fault = fault_of(content)
        assert fault.code == WavFault.NOT_WAV
        assert name in fault.message


@pytest.mark.parametrize("length", [4, 8, 11, 12, 20, 30, 40, 44, 45, 1000, 32043])
def test_a_file_cut_short_anywhere_is_truncated(length: int) -> None:
    fault = fault_of(riff(fmt(), DATA)[:length])
    assert fault.code == WavFault.TRUNCATED
    assert "Upload the whole file" in fault.message


def test_a_header_without_a_sample_is_unfinalised() -> None:
    assert fault_of(wav(samples=b"")).code == WavFault.UNFINALISED_HEADER


def test_one_byte_of_data_missing_is_too_much() -> None:
    assert fault_of(riff(fmt(), chunk(b"data", bytes(100), size=101))).code == WavFault.TRUNCATED


def test_a_chunk_before_data_that_claims_more_than_the_file_is_truncated() -> None:
    assert fault_of(riff(fmt(), chunk(b"LIST", size=2**32 - 1), DATA)).code == WavFault.TRUNCATED


UNKNOWN_SIZES = [
    pytest.param(0, id="0"),
    pytest.param(0xFFFFFFFF, id="ffmpeg"),
    pytest.param(0x7FFFF000, id="SoX"),
    pytest.param(0x80000000, id="arecord"),
]


@pytest.mark.parametrize("size", UNKNOWN_SIZES)
def test_a_recording_whose_data_size_was_never_filled_in_is_unfinalised(size: int) -> None:
    fault = fault_of(riff(fmt(), LIST, chunk(b"data", bytes(32000), size=size)))
    assert fault.code == WavFault.UNFINALISED_HEADER
    assert "rewrite the file" in fault.message


@pytest.mark.parametrize("size", UNKNOWN_SIZES)
def test_a_recording_whose_riff_size_was_never_filled_in_is_unfinalised(size: int) -> None:
    assert fault_of(riff(fmt(), DATA, size=size)).code == WavFault.UNFINALISED_HEADER


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (riff(), "no `data` chunk"),
        (riff(fmt()), "no `data` chunk"),
        (riff(fmt(), LIST), "no `data` chunk"),
        (riff(DATA), "`fmt ` chunk is missing"),
        (riff(DATA, fmt()), "comes after `data`"),
        (riff(fmt(), chunk(b"odd ", b"unpadded!")[:-1], DATA), "no chunk begins at byte 54"),
        (riff(fmt(), bytes(400), DATA), "no chunk begins at byte 36"),
        (riff(fmt(), fmt(rate_hz=48000), DATA), "two `fmt ` chunks"),
        (riff(chunk(b"fmt ", bytes(14)), DATA), "has 14 bytes"),
        (riff(chunk(b"fmt "), DATA), "has 0 bytes"),
        (riff(fmt(EXTENSIBLE), DATA), "has 16 bytes, fewer than 40"),
        (riff(fmt(channels=0), DATA), "no channel"),
        (riff(fmt(IMA_ADPCM, channels=0), DATA), "no channel"),
        (riff(fmt(rate_hz=0), DATA), "0 Hz"),
        (riff(fmt(IMA_ADPCM, rate_hz=0), DATA), "0 Hz"),
        (riff(fmt(bits=0), DATA), "0 bits"),
        (riff(fmt(MULAW, bits=16), DATA), "16 bits a sample for mulaw"),
        (riff(fmt(block_align=4), DATA), "block align of 4 bytes"),
        (riff(fmt(channels=2, block_align=2), DATA), "block align of 2 bytes"),
    ],
)
def test_a_header_that_contradicts_itself_is_malformed(content: bytes, says: str) -> None:
    fault = fault_of(content)
    assert fault.code == WavFault.MALFORMED_HEADER
    assert says in fault.message
    assert "Export it again as 16-bit PCM WAV" in fault.message


@given(st.binary(max_size=300))
@example(b"RIFF")
def test_arbitrary_bytes_are_refused_with_a_name(content: bytes) -> None:
    assert fault_of(content).code in WavFault


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([fmt(), DATA[:60], LIST, ODD])), max_size=8))
def test_arbitrary_chunks_are_read_or_refused(parts: list[bytes]) -> None:
    assert_read_or_refused(riff(*parts))


VALID = [riff(ODD, fmt(), LIST, chunk(b"data", bytes(150))), riff(extensible_fmt(channels=2), chunk(b"data", b"1234"))]


@given(
    content=st.sampled_from(VALID),
    changes=st.lists(st.tuples(st.integers(0, 110), st.binary(min_size=1, max_size=4)), max_size=5),
    cut=st.integers(0, 300),
)
def test_changed_and_cut_files_are_read_or_refused(content: bytes, changes: list[tuple[int, bytes]], cut: int) -> None:
    changed = bytearray(content)
    for offset, replacement in changes:
        changed[offset : offset + len(replacement)] = replacement
    assert_read_or_refused(bytes(changed[:cut]))


def assert_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(WavError):
        header = header_of(content)
        assert content[header.data_offset - 8 : header.data_offset - 4] == b"data"
        assert 0 < header.data_bytes <= len(content) - header.data_offset
        assert header.channels > 0
        assert header.sample_rate_hz > 0
        assert 0 <= header.seconds <= header.data_bytes
