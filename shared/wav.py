"""The header of a WAV file, read without its audio.

The form is RIFF/WAVE of IBM and Microsoft, *Multimedia Programming Interface and Data Specifications 1.0* (1991);
format tags are those of RFC 2361, the extensible form that of Microsoft's *Multiple Channel Audio Data and WAVE
Files*. Chunks are walked as they come, since no writer keeps to one order or one length of header.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

# (offset, count) -> the bytes there; fewer than asked only where the object ends.
ReadRange = Callable[[int, int], bytes]

FIRST_READ_BYTES = 64 * 1024  # nearly every header fits, so one read does
MAX_HEADER_BYTES = 1024 * 1024  # all that is ever read of one object

# Writers that cannot seek back leave a size that says "unknown": 0xFFFFFFFF (ffmpeg), 0x7FFFF000 (SoX, MS_UNSPEC in
# its wav.c), 0x7FFFFF00 or 0x80000000 (arecord), and in RIFF's own size 36 more. Nothing near 2 GiB is ever uploaded.
_UNKNOWN_SIZE = 0x7FFFF000

_RIFF_HEAD_BYTES = 12
_CHUNK_HEAD_BYTES = 8
_FORMAT_BYTES = 16
_EXTENSIBLE_BYTES = 40
_EXTENSIBLE_TAG = 0xFFFE
# A sub-format is a format tag followed by this: KSDATAFORMAT_SUBTYPE_WAVEFORMATEX of Windows' ksmedia.h.
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")

_OTHER_FORMATS = (
    (0, b"RF64", "RF64 (the form for files over 4 GiB)"),
    (0, b"BW64", "BW64 (the form for files over 4 GiB)"),
    (0, b"RIFX", "RIFX (big-endian)"),
    (0, b"riff", "Wave64"),
    (0, b"fLaC", "FLAC"),
    (0, b"ID3", "MP3"),
    (0, b"OggS", "Ogg"),
    (0, b"FORM", "AIFF"),
    (0, b"#!AMR", "AMR"),
    (0, b".snd", "AU"),
    (0, b"caff", "CAF"),
    (0, b"NIST_1A", "NIST SPHERE"),
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (4, b"ftyp", "MP4 (M4A)"),
)


class WavFault(StrEnum):
    """Why a header cannot be read: the codes of WavError."""

    EMPTY_FILE = "empty_file"  # no byte at all
    NOT_WAV = "not_wav"  # another format, named in the message where it is known
    TRUNCATED = "truncated"  # a chunk, mostly `data`, claims more than the file holds
    UNFINALISED_HEADER = "unfinalised_header"  # the writer never filled in the sizes, or recorded nothing
    HEADER_TOO_LONG = "header_too_long"  # `data` does not begin within MAX_HEADER_BYTES
    MALFORMED_HEADER = "malformed_header"  # chunks missing or out of order, or a format that contradicts itself


class WavError(Exception):
    """A header that cannot be read. `message` says what is wrong with the file and what to do."""

    def __init__(self, code: WavFault, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Encoding(StrEnum):
    """How samples are coded."""

    PCM = "pcm"  # integers: unsigned up to 8 bits, signed and little-endian above
    FLOAT = "float"  # IEEE 754
    ALAW = "alaw"  # ITU-T G.711
    MULAW = "mulaw"  # ITU-T G.711
    OTHER = "other"  # anything else; `format_tag` says what


_ENCODINGS = {0x0001: Encoding.PCM, 0x0003: Encoding.FLOAT, 0x0006: Encoding.ALAW, 0x0007: Encoding.MULAW}
_G711 = {Encoding.ALAW, Encoding.MULAW}


@dataclass(frozen=True)
class WavHeader:
    """What a header says of its audio. `bits_per_sample` is the size that samples are stored in.

    `format_tag` is the sub-format's where the form is extensible, and 0xFFFE where that is none of RFC 2361.
    """

    encoding: Encoding
    format_tag: int
    channels: int
    sample_rate_hz: int
    bits_per_sample: int
    data_offset: int
    data_bytes: int

    @property
    def frames(self) -> int:
        """Samples a channel; 0 where the encoding is `other`, whose blocks a header does not count."""
        if self.encoding is Encoding.OTHER:
            return 0
        return self.data_bytes // _frame_bytes(self.channels, self.bits_per_sample)

    @property
    def seconds(self) -> float:
        """Duration in seconds; 0 where the encoding is `other`."""
        return self.frames / self.sample_rate_hz


def read_header(read: ReadRange, object_bytes: int) -> WavHeader:
    """The header of the WAV file of `object_bytes` bytes that `read` gives.

    Reads at most twice and MAX_HEADER_BYTES in all, never past the object. A RIFF size that is merely wrong, chunks
    that nobody knows and bytes after `data` are accepted. Raises WavError; what `read` raises passes through.
    """
    if object_bytes <= 0:
        raise WavError(WavFault.EMPTY_FILE, "It is empty. Check the export and upload it again.")
    head = _Head(read, object_bytes)
    riff_bytes = _check_riff(head.at(0, min(_RIFF_HEAD_BYTES, object_bytes)))
    form: _Format | None = None
    for chunk in _chunks(head):
        if chunk.name == b"data":
            if form is None:
                raise _malformed("its `fmt ` chunk is missing or comes after `data`")
            return WavHeader(*form, data_offset=chunk.offset, data_bytes=chunk.size)
        if chunk.name == b"fmt ":
            if form is not None:
                raise _malformed("it has two `fmt ` chunks")
            form = _read_format(head, chunk)
    if riff_bytes > object_bytes:
        raise _truncated(riff_bytes, object_bytes)
    raise _malformed("it has no `data` chunk")


class _Format(NamedTuple):
    encoding: Encoding
    format_tag: int
    channels: int
    sample_rate_hz: int
    bits_per_sample: int


class _Chunk(NamedTuple):
    name: bytes
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


class _Head:
    """The beginning of an object, read in at most two pieces as it is asked for."""

    def __init__(self, read: ReadRange, object_bytes: int) -> None:
        self.object_bytes = object_bytes
        self._read = read
        self._bytes = read(0, min(FIRST_READ_BYTES, object_bytes))

    def at(self, offset: int, count: int) -> bytes:
        """`count` bytes, which must lie in the object. Raises WavError where they lie too far in or never came."""
        end = offset + count
        if end > MAX_HEADER_BYTES:
            raise WavError(
                WavFault.HEADER_TOO_LONG,
                f"Its audio does not begin within the first {MAX_HEADER_BYTES} bytes. "
                "Remove the metadata before it (pictures, tags, markers) and upload it again.",
            )
        if end > len(self._bytes):
            self._read_rest()
        if end > len(self._bytes):
            raise _truncated(end, len(self._bytes))
        return self._bytes[offset:end]

    def _read_rest(self) -> None:
        have = len(self._bytes)
        self._bytes += self._read(have, min(MAX_HEADER_BYTES, self.object_bytes) - have)


def _check_riff(start: bytes) -> int:
    """The size that the file declares for itself, in bytes."""
    if not start.startswith(b"RIFF"):
        raise _not_wav(_format_name(start))
    if len(start) < _RIFF_HEAD_BYTES:
        raise _truncated(_RIFF_HEAD_BYTES, len(start))
    size, kind = struct.unpack_from("<I4s", start, 4)
    if kind != b"WAVE":
        raise _not_wav("a RIFF file of another kind")
    if _is_unknown(size):
        raise _unfinalised()
    return _CHUNK_HEAD_BYTES + int(size)


def _format_name(start: bytes) -> str | None:
    for offset, magic, name in _OTHER_FORMATS:
        if start.startswith(magic, offset):
            return name
    # No magic here: 11 or 12 bits of frame sync, then the version and the layer (ISO/IEC 11172-3; 13818-7 for ADTS).
    sync = int.from_bytes(start[:2], "big")
    if sync & 0xFFE6 == 0xFFE2:
        return "MP3"
    if sync & 0xFFF6 == 0xFFF0:
        return "AAC"
    return None


def _chunks(head: _Head) -> Iterator[_Chunk]:
    """The chunks from the first on, each inside the object; odd sizes are followed by a pad byte."""
    offset = _RIFF_HEAD_BYTES
    while offset + _CHUNK_HEAD_BYTES <= head.object_bytes:
        name, size = struct.unpack("<4sI", head.at(offset, _CHUNK_HEAD_BYTES))
        chunk = _Chunk(name, offset + _CHUNK_HEAD_BYTES, size)
        if not all(0x20 <= letter < 0x7F for letter in name):  # libsndfile gives up at such a name too
            raise _malformed(f"no chunk begins at byte {offset}, where the sizes before it lead")
        if name == b"data" and _is_unknown(size):
            raise _unfinalised()
        if chunk.end > head.object_bytes:
            raise _truncated(chunk.end, head.object_bytes)
        yield chunk
        offset = chunk.end + size % 2


def _read_format(head: _Head, chunk: _Chunk) -> _Format:
    if chunk.size < _FORMAT_BYTES:
        raise _malformed(f"its `fmt ` chunk has {chunk.size} bytes, fewer than {_FORMAT_BYTES}")
    body = head.at(chunk.offset, min(chunk.size, _EXTENSIBLE_BYTES))
    tag, channels, rate, _, block_align, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE_TAG:
        tag = _subformat_tag(body)
    form = _Format(_ENCODINGS.get(tag, Encoding.OTHER), tag, channels, rate, bits)
    _check_format(form, block_align)
    return form


def _subformat_tag(body: bytes) -> int:
    if len(body) < _EXTENSIBLE_BYTES:
        raise _malformed(f"its extensible `fmt ` chunk has {len(body)} bytes, fewer than {_EXTENSIBLE_BYTES}")
    guid = body[24:]
    return int.from_bytes(guid[:2], "little") if guid[2:] == _SUBFORMAT_TAIL else _EXTENSIBLE_TAG


def _check_format(form: _Format, block_align: int) -> None:
    if form.channels == 0:
        raise _malformed("it declares no channel")
    if form.sample_rate_hz == 0:
        raise _malformed("it declares a sample rate of 0 Hz")
    if form.encoding is Encoding.OTHER:  # its bits and block align mean what its codec wants
        return
    if form.bits_per_sample == 0 or (form.encoding in _G711 and form.bits_per_sample != 8):
        raise _malformed(f"it declares {form.bits_per_sample} bits a sample for {form.encoding}")
    if block_align != _frame_bytes(form.channels, form.bits_per_sample):
        raise _malformed(
            f"its block align of {block_align} bytes does not fit "
            f"{form.channels} channels of {form.bits_per_sample} bits"
        )


def _frame_bytes(channels: int, bits_per_sample: int) -> int:
    return channels * -(-bits_per_sample // 8)


def _is_unknown(size: int) -> bool:
    return size == 0 or size >= _UNKNOWN_SIZE


def _not_wav(name: str | None) -> WavError:
    found = f"It is {name}, not plain WAV" if name else "It is not WAV: it does not begin with RIFF"
    return WavError(WavFault.NOT_WAV, f"{found}. Convert it to a 16-bit PCM WAV file and upload that.")


def _truncated(claimed: int, there: int) -> WavError:
    return WavError(
        WavFault.TRUNCATED,
        f"It is cut short: its header speaks of {claimed} bytes or more, and there are {there}. Upload the whole file.",
    )


def _unfinalised() -> WavError:
    return WavError(
        WavFault.UNFINALISED_HEADER,
        "Its header was never finalised, or it holds no audio: a size in it is empty or a placeholder. "
        "End the recording properly, or rewrite the file (for example `sox --ignore-length in.wav out.wav`).",
    )


def _malformed(what: str) -> WavError:
    return WavError(WavFault.MALFORMED_HEADER, f"Its header is malformed: {what}. Export it again as 16-bit PCM WAV.")
