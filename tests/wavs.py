"""WAV files as bytes, good and bad: every field of a header can be told to lie. And what reading one comes to."""

import struct
from collections.abc import Sequence

import pytest

from shared.wav import MAX_HEADER_BYTES, WavError, WavHeader, read_header

PCM, FLOAT, ALAW, MULAW, IMA_ADPCM, EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0x0011, 0xFFFE
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, body: bytes = b"", *, size: int | None = None) -> bytes:
    """A RIFF chunk, padded to an even length; `size` replaces the honest one."""
    declared = len(body) if size is None else size
    return struct.pack("<4sI", name, declared) + body + b"\0" * (len(body) % 2)


def fmt(
    format_tag: int = PCM,
    channels: int = 1,
    rate_hz: int = 16000,
    bits: int = 16,
    *,
    block_align: int | None = None,
    extension: bytes = b"",
) -> bytes:
    """A `fmt ` chunk: 16 bytes and the extension."""
    align = channels * -(-bits // 8) if block_align is None else block_align
    body = struct.pack("<HHIIHH", format_tag, channels, rate_hz, rate_hz * align % 2**32, align, bits)
    return chunk(b"fmt ", body + extension)


def extensible_fmt(
    subformat: int = PCM, channels: int = 1, rate_hz: int = 16000, bits: int = 16, *, tail: bytes = SUBFORMAT_TAIL
) -> bytes:
    """A `fmt ` chunk of WAVE_FORMAT_EXTENSIBLE; another `tail` makes the sub-format one of nobody's."""
    guid = struct.pack("<H", subformat) + tail
    return fmt(EXTENSIBLE, channels, rate_hz, bits, extension=struct.pack("<HHI", 22, bits, 0) + guid)


def riff(*chunks: bytes, size: int | None = None, magic: bytes = b"RIFF", kind: bytes = b"WAVE") -> bytes:
    """A RIFF file of these chunks; `size` replaces the honest one."""
    body = b"".join(chunks)
    declared = 4 + len(body) if size is None else size
    return magic + struct.pack("<I", declared) + kind + body


def wav(
    seconds: float = 1.0,
    rate_hz: int = 16000,
    *,
    channels: int = 1,
    bits: int = 16,
    format_tag: int = PCM,
    before: Sequence[bytes] = (),
    after: Sequence[bytes] = (),
    samples: bytes | None = None,
) -> bytes:
    """A whole file: silence of that length, or these samples, with more chunks before and after them."""
    frame_bytes = channels * -(-bits // 8)
    body = bytes(round(seconds * rate_hz) * frame_bytes) if samples is None else samples
    return riff(fmt(format_tag, channels, rate_hz, bits), *before, chunk(b"data", body), *after)


DATA = chunk(b"data", bytes(32000))
LIST = chunk(b"LIST", b"INFOISFT\x0e\x00\x00\x00Lavf58.45.100\0")
ODD = chunk(b"odd ", b"seven b")


class CountingReader:
    """Ranged reads of an object, counted; a read past its end or without a byte fails the test."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.calls = 0
        self.bytes_read = 0

    def __call__(self, offset: int, count: int) -> bytes:
        """The bytes of that range."""
        assert offset >= 0
        assert count > 0
        assert offset + count <= len(self.content), "read past the object"
        self.calls += 1
        self.bytes_read += count
        return self.content[offset : offset + count]


def header_of(content: bytes) -> WavHeader:
    """The header, with every promise about reading checked on the way."""
    read = CountingReader(content)
    try:
        return read_header(read, len(content))
    finally:
        assert read.calls <= 2
        assert read.bytes_read <= MAX_HEADER_BYTES


def fault_of(content: bytes) -> WavError:
    """Why the header is refused."""
    with pytest.raises(WavError) as caught:
        header_of(content)
    assert caught.value.message == str(caught.value)
    return caught.value
