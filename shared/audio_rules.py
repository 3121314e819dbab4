"""What a file must be to be scored in a mode, told from its header: mono, 16-bit PCM, the mode's rates and durations.

Nothing is ever mended by itself: what a `prepare` field would mend is refused with that field's exact name.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.job import Prepare, Role
from shared.pools import Mode
from shared.wav import Encoding, ReadRange, WavError, WavFault, WavHeader, read_header

RESAMPLE_RATES_HZ = frozenset({8000, 16000, 48000})  # what the `resample` of Prepare accepts

_SCORED_BITS = 16
_DECODED_BITS = frozenset({8, 24, 32})  # what the `decode` of Prepare takes beside G.711
_AS_IT_IS = Prepare.model_validate({})


class AudioFault(StrEnum):
    """Why a file that can be read is not scored: the codes of BadAudio, beside those of WavFault."""

    ENCODING = "encoding"  # not PCM; A-law and mu-law are mended by `decode`
    BITS_PER_SAMPLE = "bits_per_sample"  # PCM, but not 16-bit; 8, 24 and 32 are mended by `decode`
    STEREO = "stereo"  # two channels; mended by `channel`
    TOO_MANY_CHANNELS = "too_many_channels"  # three or more
    CHANNEL_OF_MONO = "channel_of_mono"  # `channel` asks for a side of a file that has none
    SAMPLE_RATE = "sample_rate"  # none of the mode's rates; mended by `resample`
    RESAMPLE_RATE = "resample_rate"  # `resample` asks for a rate that the mode does not take
    TOO_SHORT = "too_short"  # shorter than the mode takes
    TOO_LONG = "too_long"  # longer than the mode takes
    RATE_MISMATCH = "rate_mismatch"  # the mode wants both files at one rate


class BadAudio(Exception):
    """A file that cannot be scored as it is.

    `code` is that of the first rule broken; `message` says of every one what is wrong and what to do.
    """

    def __init__(self, code: AudioFault | WavFault, message: str, role: Role) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.role = role


def inspect(
    read: ReadRange,
    object_bytes: int,
    mode: Mode,
    role: Role,
    prepare: Prepare | None = None,
    beside_hz: int | None = None,
) -> WavHeader:
    """The header of a stored file that may be scored; bounds and terms of reading are those of `read_header`.

    Raises BadAudio, whether the header cannot be read or breaks a rule.
    """
    try:
        header = read_header(read, object_bytes)
    except WavError as error:
        raise BadAudio(error.code, f"The {role} file cannot be read. {error.message}", role) from error
    check(header, mode, role, prepare, beside_hz)
    return header


def check(
    header: WavHeader, mode: Mode, role: Role, prepare: Prepare | None = None, beside_hz: int | None = None
) -> None:
    """Raises BadAudio where the file, once prepared as asked, is not what the mode takes in that role.

    `beside_hz` is the rate that the other file is scored at, where that is known: then it is what is advised.
    """
    file = _File(header, mode, role, prepare or _AS_IT_IS, beside_hz)
    findings = [finding for rule in _RULES if (finding := rule(file))]
    if findings:
        raise BadAudio(findings[0].fault, " ".join(finding.message for finding in findings), role)


def check_pair(
    reference: WavHeader,
    degraded: WavHeader,
    mode: Mode,
    reference_prepare: Prepare | None = None,
    degraded_prepare: Prepare | None = None,
) -> None:
    """Raises BadAudio where the mode wants both files at one rate and, once prepared, they are not."""
    wanted = prepared_rate(reference, reference_prepare)
    found = prepared_rate(degraded, degraded_prepare)
    if not mode.same_rate or wanted == found:
        return
    raise BadAudio(
        AudioFault.RATE_MISMATCH,
        f"The reference would be scored at {wanted} Hz and the degraded file at {found} Hz; "
        f"mode {mode.name} takes both at one rate. {_same_rate_advice(mode, wanted, found)}",
        Role.DEGRADED,
    )


@dataclass(frozen=True)
class _File:
    """A file, and what is asked of it."""

    header: WavHeader
    mode: Mode
    role: Role
    prepare: Prepare
    beside_hz: int | None

    @property
    def rates_hz(self) -> tuple[int, ...]:
        return _rates_hz(self.mode, self.role)


class _Finding(NamedTuple):
    fault: AudioFault
    message: str


def _encoding(file: _File) -> _Finding | None:
    encoding, bits = file.header.encoding, file.header.bits_per_sample
    if encoding is Encoding.PCM and bits == _SCORED_BITS:
        return None
    fault = AudioFault.BITS_PER_SAMPLE if encoding is Encoding.PCM else AudioFault.ENCODING
    problem = f"The {file.role} file is {_coding_name(file.header)}; 16-bit PCM is scored."
    if not _decodable(file.header):
        return _Finding(fault, f"{problem} Convert it to 16-bit PCM.")
    if file.prepare.decode:
        return None
    return _Finding(fault, f"{problem} Set `prepare.{file.role}.decode: true`, or upload 16-bit PCM.")


def _channels(file: _File) -> _Finding | None:
    channels, field = file.header.channels, f"prepare.{file.role}.channel"
    if channels > 2:
        return _Finding(
            AudioFault.TOO_MANY_CHANNELS,
            f"The {file.role} file has {channels} channels, of which `{field}` cannot choose. Upload a mono file.",
        )
    if channels == 2 and file.prepare.channel is None:
        return _Finding(
            AudioFault.STEREO,
            f'The {file.role} file is stereo. Set `{field}` to "left" or "right", or upload a mono file.',
        )
    if channels == 1 and file.prepare.channel is not None:
        return _Finding(
            AudioFault.CHANNEL_OF_MONO,
            f"`{field}: {file.prepare.channel}` is asked for, but the {file.role} file is mono. Leave it out.",
        )
    return None


def _rate(file: _File) -> _Finding | None:
    if prepared_rate(file.header, file.prepare) in file.rates_hz:
        return None
    takes = f"mode {file.mode.name} takes {_either(file.rates_hz)} Hz."
    if file.prepare.resample is not None:
        return _Finding(
            AudioFault.RESAMPLE_RATE,
            f"`prepare.{file.role}.resample: {file.prepare.resample}` is asked for, but {takes} {_rate_advice(file)}",
        )
    return _Finding(
        AudioFault.SAMPLE_RATE,
        f"The {file.role} file is sampled at {file.header.sample_rate_hz} Hz; {takes} {_rate_advice(file)}",
    )


def _duration(file: _File) -> _Finding | None:
    seconds, mode = file.header.seconds, file.mode
    if mode.min_seconds <= seconds <= mode.max_seconds or file.header.encoding is Encoding.OTHER:
        return None
    problem = (
        f"The {file.role} file lasts {seconds:.9g} s; "
        f"mode {mode.name} takes {mode.min_seconds:g} to {mode.max_seconds:g} s."
    )
    if seconds < mode.min_seconds:
        return _Finding(AudioFault.TOO_SHORT, f"{problem} Upload a longer recording.")
    return _Finding(AudioFault.TOO_LONG, f"{problem} Split it and score the parts.")


_RULES = (_encoding, _channels, _rate, _duration)


def _coding_name(header: WavHeader) -> str:
    names = {
        Encoding.PCM: f"{header.bits_per_sample}-bit PCM",
        Encoding.FLOAT: f"{header.bits_per_sample}-bit float",
        Encoding.ALAW: "A-law",
        Encoding.MULAW: "mu-law",
        Encoding.OTHER: f"in an encoding that is not known here (format tag 0x{header.format_tag:04X})",
    }
    return names[header.encoding]


def _decodable(header: WavHeader) -> bool:
    if header.encoding is Encoding.PCM:
        return header.bits_per_sample in _DECODED_BITS
    return header.encoding in {Encoding.ALAW, Encoding.MULAW}


def _rates_hz(mode: Mode, role: Role) -> tuple[int, ...]:
    return mode.reference_rates_hz if role is Role.REFERENCE else mode.degraded_rates_hz


def prepared_rate(header: WavHeader, prepare: Prepare | None) -> int:
    """The rate in Hz that a file is scored at, once prepared as asked."""
    return (prepare and prepare.resample) or header.sample_rate_hz


def _rate_advice(file: _File) -> str:
    """The lowest rate that loses nothing of the file, or the highest there is."""
    if file.header.sample_rate_hz in file.rates_hz:
        return "Leave it out."
    reachable = sorted(RESAMPLE_RATES_HZ.intersection(file.rates_hz))
    if not reachable:
        return f"Upload it at {_either(file.rates_hz)} Hz."
    rate = next((rate for rate in reachable if rate >= file.header.sample_rate_hz), reachable[-1])
    if file.mode.same_rate and file.beside_hz in reachable:
        rate = file.beside_hz
    return f"Set `prepare.{file.role}.resample: {rate}`, or upload it at {_either(file.rates_hz)} Hz."


def _same_rate_advice(mode: Mode, reference_hz: int, degraded_hz: int) -> str:
    """The reference's rate for both where that can be had, since it is the sound that is compared with."""
    if reference_hz in RESAMPLE_RATES_HZ.intersection(mode.degraded_rates_hz):
        return f"Set `prepare.degraded.resample: {reference_hz}`, or upload both at one rate."
    if degraded_hz in RESAMPLE_RATES_HZ.intersection(mode.reference_rates_hz):
        return f"Set `prepare.reference.resample: {degraded_hz}`, or upload both at one rate."
    return "Upload both at one rate."


def _either(rates_hz: tuple[int, ...]) -> str:
    return " or ".join(str(rate) for rate in sorted(rates_hz))
