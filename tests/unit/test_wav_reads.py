"""Reading a WAV header: how little is read, and what becomes of a reader that fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wav import FIRST_READ_BYTES, MAX_HEADER_BYTES, WavError, WavFault, read_header
from tests.wavs import DATA, LIST, CountingReader, chunk, fault_of, fmt, header_of, riff, wav


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
