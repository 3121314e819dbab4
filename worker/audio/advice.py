"""Advice on a pair of files: what about them makes a score less trustworthy, and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.job import Role
from shared.result import Advice
from worker.audio.measures import Measures
from worker.audio.unscorable import UnscorableAudio

NO_SIGNAL = "no_signal"  # the code that tells a job to succeed without a score

# The upper edge in Hz of the band that each mode is for: P.863 for `nb` (300 to 3400 Hz) and `swb` (50 to 14000 Hz),
# P.862.2 for `wb` (50 to 7000 Hz). Full band reaches 20 kHz, where speech has next to nothing, so `fb` is held to what
# `swb` is. A mode of another name is not judged.
BAND_EDGE_HZ = {"nb": 3400, "wb": 7000, "swb": 14000, "fb": 14000}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Where advice begins. What no Recommendation fixes is our own choice and says so."""

    silent_dbov: float = -60  # own: 34 dB below nominal speech, the noise of a room rather than anybody's voice
    silent_activity: float = 0.01  # own: less than a click in 20 s, whose hangover alone is 0.2 s (P.56 clause 8.3)
    short_speech_seconds: float = 3  # own; P.862.3 clause 7.2 asks for 3.2 s
    long_sample_seconds: float = 30  # P.862.3 clause 7.1, which counts the pauses too
    reference_level_dbov: tuple[float, float] = (-30, -22)  # P.863: -26; own: 4 dB around it
    degraded_level_dbov: tuple[float, float] = (-46, -16)  # own: 20 dB below to 10 dB above P.863's nominal -26
    clipping_ratio: float = 0.0001  # own: one sample in ten thousand
    dc_offset: float = 0.01  # own: -40 dBov, as strong as soft speech
    noise_floor_dbov: float = -70  # own: 10 dB above the -80 dBov(A) that P.863 asks of references
    silence_seconds: tuple[float, float] = (0.3, 3)  # own; P.862.3 clause 7.8 asks for 0.5 to 2 s
    length_share: float = 0.25  # own: delay and time scaling of a connection stay well below
    band_share: float = 0.9  # own: filters begin to fall before the edge of their band


LIMITS = Limits()


def is_silent(active_level_dbov: float | None, activity: float, limits: Limits = LIMITS) -> bool:
    """Whether there is nothing to score: no speech, or too faint or too little of it."""
    return active_level_dbov is None or active_level_dbov < limits.silent_dbov or activity < limits.silent_activity


def advise(
    reference: Measures,
    degraded: Measures,
    mode: str,
    original_rates_hz: tuple[int, ...] = (),
    limits: Limits = LIMITS,
) -> list[Advice]:
    """The advice on scoring `degraded` against `reference` in `mode`; none is a good sign.

    `original_rates_hz` are the rates that files had before `prepare` resampled them. Advice NO_SIGNAL means that the
    degraded file is silent: the job succeeds with no score. Raises UnscorableAudio, `silent_reference`, where the
    reference is: then there is nothing to compare with.
    """
    if is_silent(reference.active_level_dbov, reference.activity, limits):
        raise UnscorableAudio("silent_reference", _silent_reference(reference, limits))
    return [
        *_on_pair(reference, degraded, mode, original_rates_hz, limits),
        *_on_reference(reference, mode, limits),
        *_on_degraded(degraded, limits),
    ]


def _on_pair(
    reference: Measures, degraded: Measures, mode: str, original_rates_hz: tuple[int, ...], limits: Limits
) -> Iterator[Advice]:
    if reference.sha256 == degraded.sha256:
        yield Advice(
            code="identical",
            message="Reference and degraded file are the same bytes: the score is the highest that the engine gives. "
            "If that was not meant, check which files were uploaded.",
        )
    if abs(degraded.seconds - reference.seconds) > limits.length_share * reference.seconds:
        yield Advice(
            code="length_mismatch",
            message=f"The reference lasts {reference.seconds:.1f} s and the degraded file {degraded.seconds:.1f} s; "
            f"at most {100 * limits.length_share:g}% apart is advised. Check that they are of the same speech.",
        )
    narrow = [rate for rate in original_rates_hz if rate < 2 * BAND_EDGE_HZ["wb"]]
    if mode == "wb" and narrow:
        yield Advice(
            code="narrowband_on_wideband_scale",
            message=f"A file was resampled from {min(narrow)} Hz and holds nothing above {min(narrow) / 2000:g} kHz, "
            f"while mode wb is for speech up to {BAND_EDGE_HZ['wb'] / 1000:g} kHz. "
            "Compare the score only with scores of such files.",
        )


def _on_reference(measures: Measures, mode: str, limits: Limits) -> Iterator[Advice]:
    yield from _on_amount(measures, limits)
    yield from _on_level(Role.REFERENCE, measures, limits.reference_level_dbov)
    noise_floor = measures.noise_floor_dbov
    if noise_floor is not None and noise_floor > limits.noise_floor_dbov:
        yield Advice(
            code="noise_floor",
            message=f"The reference has a noise floor of {noise_floor:.1f} dBov; {limits.noise_floor_dbov:g} dBov or "
            "less is advised, since its noise counts as part of the clean speech. Use a cleaner recording.",
        )
    yield from _on_bandwidth(measures, mode, limits)
    yield from _on_either(Role.REFERENCE, measures, limits)


def _on_degraded(measures: Measures, limits: Limits) -> Iterator[Advice]:
    if is_silent(measures.active_level_dbov, measures.activity, limits):
        yield Advice(
            code=NO_SIGNAL,
            message=f"The degraded file is silent ({_found(measures)}), so there is no score. "
            "Check the connection and the recording.",
        )
        return
    yield from _on_level(Role.DEGRADED, measures, limits.degraded_level_dbov)
    yield from _on_either(Role.DEGRADED, measures, limits)


def _on_amount(measures: Measures, limits: Limits) -> Iterator[Advice]:
    seconds = measures.active_seconds
    if seconds < limits.short_speech_seconds:
        yield Advice(
            code="short_speech",
            message=f"The reference has {seconds:.1f} s of active speech; {limits.short_speech_seconds:g} s or more is "
            "advised, since a short sample says little of the connection. Use two sentences or more.",
        )
    if seconds > limits.long_sample_seconds:
        yield Advice(
            code="long_sample",
            message=f"The reference has {seconds:.1f} s of active speech; {limits.long_sample_seconds:g} s or less is "
            "advised, since one score cannot tell good parts from bad. Split the recording and score its parts.",
        )


def _on_level(role: Role, measures: Measures, advised_dbov: tuple[float, float]) -> Iterator[Advice]:
    level, (lowest, highest) = measures.active_level_dbov, advised_dbov
    if level is not None and not lowest <= level <= highest:
        yield Advice(
            code=f"{role}_level",
            message=f"The {role} file has an active speech level of {level:.1f} dBov (P.56); {lowest:g} to {highest:g} "
            f"dBov is advised. Check the gain, or set `prepare.{role}.level: -26` if level is not to count.",
        )


def _on_bandwidth(measures: Measures, mode: str, limits: Limits) -> Iterator[Advice]:
    edge_hz = BAND_EDGE_HZ.get(mode)
    if edge_hz is not None and measures.bandwidth_hz < limits.band_share * edge_hz:
        yield Advice(
            code="narrow_content",
            message=f"The reference has content up to {measures.bandwidth_hz / 1000:.2f} kHz; mode {mode} is for "
            f"speech up to {edge_hz / 1000:g} kHz, and what the reference lacks is never missed in the degraded file. "
            "Use a reference of that bandwidth, or a narrower mode.",
        )


def _on_either(role: Role, measures: Measures, limits: Limits) -> Iterator[Advice]:
    if measures.clipping_ratio >= limits.clipping_ratio:
        yield Advice(
            code="clipping",
            message=f"The {role} file is clipped: {measures.clipping_ratio:.3%} of its samples are in runs at full "
            f"scale; less than {100 * limits.clipping_ratio:g}% is advised. Record it again with less gain.",
        )
    if abs(measures.dc_offset) >= limits.dc_offset:
        yield Advice(
            code="dc_offset",
            message=f"The {role} file has a DC offset of {measures.dc_offset:.1%} of full scale; less than "
            f"{100 * limits.dc_offset:g}% is advised. Remove it with a high-pass filter.",
        )
    yield from _on_silence(role, "leading", measures.leading_silence_seconds, limits)
    yield from _on_silence(role, "trailing", measures.trailing_silence_seconds, limits)


def _on_silence(role: Role, where: str, seconds: float, limits: Limits) -> Iterator[Advice]:
    shortest, longest = limits.silence_seconds
    if not shortest <= seconds <= longest:
        remedy = "Check that no speech was cut off, and add silence." if seconds < shortest else "Cut it shorter."
        yield Advice(
            code=f"{where}_silence",
            message=f"The {role} file has {seconds:.2f} s of {where} silence; "
            f"{shortest:g} to {longest:g} s is advised. {remedy}",
        )


def _silent_reference(measures: Measures, limits: Limits) -> str:
    return (
        f"The reference is silent: {_found(measures)}, where at least {limits.silent_dbov:g} dBov and an activity of "
        f"{limits.silent_activity:.0%} are needed. Upload the clean speech that was sent."
    )


def _found(measures: Measures) -> str:
    if measures.active_level_dbov is None:
        return "it has no active speech"
    return f"active speech level {measures.active_level_dbov:.1f} dBov, activity {measures.activity:.1%}"
