"""Reading a WAV header: what is found, what is refused and by which name, and how little is read."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st

from shared.wav import FIRST_READ_BYTES, MAX_HEADER_BYTES, Encoding, WavError, WavFault, WavHeader, read_header
from tests.wavs import (
    ALAW,
    EXTENSIBLE,
    FLOAT,
    IMA_ADPCM,
    MULAW,
    PCM,
    CountingReader,
    chunk,
    extensible_fmt,
    fmt,
    riff,
    wav,
)

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"

DATA = chunk(b"data", bytes(32000))
LIST = chunk(b"LIST", b"INFOISFT\x0e\x00\x00\x00Lavf58.45.100\0")
ODD = chunk(b"odd ", b"seven b")


def header_of(content: bytes) -> WavHeader:
    """The header, with every promise about reading checked on the way."""
    read = CountingReader(content)
    try:
        return read_header(read, len(content))
    finally:
        assert read.calls <= 2
        assert read.bytes_read <= MAX_HEADER_BYTES


def fault_of(content: bytes) -> WavError:
    with pytest.raises(WavError) as caught:
        header_of(content)
    assert caught.value.message == str(caught.value)
    return caught.value


# What is found


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


# What real software writes


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


# What is refused


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


# How little is read


def test_a_usual_header_costs_one_read() -> None:
    content = wav(seconds=10, rate_hz=48000)
    read = CountingReader(content)
    read_header(read, len(content))
    assert (read.calls, read.bytes_read) == (1, FIRST_READ_BYTES)


@pytest.mark.parametrize("start", [FIRST_READ_BYTES - 8, FIRST_READ_BYTES - 6, FIRST_READ_BYTES, MAX_HEADER_BYTES - 8])
def test_data_may_begin_anywhere_in_the_first_mebibyte(start: int) -> None:
    content = with_data_chunk_at(start)
    assert header_of(content).data_offset == start + 8


def test_data_that_begins_later_is_refused() -> None:
    fault = fault_of(with_data_chunk_at(MAX_HEADER_BYTES - 6))
    assert fault.code == WavFault.HEADER_TOO_LONG
    assert "Remove the metadata" in fault.message


def test_a_long_chunk_is_not_read_to_find_that_the_header_is_too_long() -> None:
    assert fault_of(with_data_chunk_at(20 * MAX_HEADER_BYTES)).code == WavFault.HEADER_TOO_LONG


def with_data_chunk_at(start: int) -> bytes:
    """A file whose `data` chunk begins at that offset, which must be even."""
    return riff(fmt(), chunk(b"JUNK", bytes(start - 12 - len(fmt()) - 8)), DATA)


def test_a_mebibyte_of_empty_chunks_ends_in_a_refusal() -> None:
    assert fault_of(riff(fmt(), chunk(b"none") * (2 * MAX_HEADER_BYTES // 8), DATA)).code == WavFault.HEADER_TOO_LONG


def test_a_hundred_thousand_chunks_before_data_are_walked() -> None:
    assert header_of(riff(chunk(b"none") * 100_000, fmt(), DATA)).data_bytes == 32000


# Whatever the bytes


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


@given(cut=st.integers(4, 300), missing=st.integers(1, 100_000_000))
def test_an_object_shorter_than_was_said_is_refused_as_truncated(cut: int, missing: int) -> None:
    content = riff(LIST * 8, fmt(), DATA)[:cut]

    def read(offset: int, count: int) -> bytes:
        return content[offset : offset + count]

    with pytest.raises(WavError) as caught:
        read_header(read, len(content) + missing)
    assert caught.value.code == WavFault.TRUNCATED


def test_what_the_reader_raises_passes_through() -> None:
    def read(offset: int, count: int) -> bytes:
        raise ConnectionError("cut")

    with pytest.raises(ConnectionError):
        read_header(read, 100)
