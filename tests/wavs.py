"""Builders of WAV files as bytes, good and bad: every field of a header can be told to lie."""

import struct
from collections.abc import Sequence

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
