"""The check's report: plain lines, aligned."""

import json
from collections.abc import Iterator, Mapping, Sequence

from shared.pools import Mode
from worker.engines.engine import LOWEST_MOS, Description
from worker.golden import GoldenPair
from worker.trial import Finding

_NAME_WIDTH = 20
_ROUNDING = 1e-9  # what binary fractions add to a difference of decimal ones


def row(name: str, text: str) -> str:
    """A fact by its name."""
    return f"{name:<{_NAME_WIDTH}}{text}"


def describe(description: Description) -> dict[str, str]:
    """An engine as facts by name, to print and to keep."""
    return {
        "engine": description.name,
        "version": description.version,
        "settings": ", ".join(f"{name} {json.dumps(value)}" for name, value in description.settings.items()),
    }


def mode_lines(description: Description, findings: Mapping[str, Finding]) -> Iterator[str]:
    """What each mode takes, and how it fares."""
    for mode in description.modes:
        default = " (default)" if mode.name == description.default_mode else ""
        yield row(f"mode {mode.name}{default}", _terms(mode))
        yield row("", _state(findings[mode.name]))


def measuring_line(finding: Finding) -> str:
    """How what measures and prepares audio fares, beside every engine."""
    return row("measuring", _state(finding))


def golden_lines(
    pairs: Sequence[GoldenPair], findings: Sequence[Mapping[str, Finding]], tolerance: float
) -> tuple[list[str], bool]:
    """Recorded scores and each engine's, side by side; whether all agree. What is off is marked with `!`."""
    labels = list(findings[0])
    table = [["custom_id", "mode", "recorded", *(cell for label in labels for cell in (label, "difference"))]]
    remarks, agree = [], True
    for pair, found in zip(pairs, findings, strict=True):
        cells = [pair.custom_id, pair.mode or "default", f"{pair.mos_lqo:.3f}"]
        for label in labels:
            finding = found[label]
            cells += _cells(pair, finding, tolerance)
            agree = agree and _agrees(pair, finding, tolerance)
            remarks += [f"{label}, {pair.custom_id}: {remark}" for remark in _remarks(finding)]
        table.append(cells)
    return [*_aligned(table), *remarks], agree


def _terms(mode: Mode) -> str:
    one_rate = ", both alike" if mode.same_rate else ""
    return (
        f"{LOWEST_MOS:g} to {mode.ceiling:g} MOS; reference at {_either(mode.reference_rates_hz)} Hz, "
        f"degraded at {_either(mode.degraded_rates_hz)} Hz{one_rate}; {mode.min_seconds:g} to {mode.max_seconds:g} s"
    )


def _either(rates_hz: Sequence[int]) -> str:
    return " or ".join(map(str, sorted(rates_hz)))


def _state(finding: Finding) -> str:
    if finding.error:
        return f"not well after {finding.seconds:.1f} s: {finding.error}"
    return "; ".join([f"well, in {finding.seconds:.1f} s", *_remarks(finding)])


def _remarks(finding: Finding) -> list[str]:
    return [str(finding.error)] if finding.error else [f"it warns: {words}" for words in finding.warnings]


def _agrees(pair: GoldenPair, finding: Finding, tolerance: float) -> bool:
    return finding.score is not None and abs(finding.score - pair.mos_lqo) <= tolerance + _ROUNDING


def _cells(pair: GoldenPair, finding: Finding, tolerance: float) -> list[str]:
    if finding.score is None:
        return ["none", "!"]
    mark = " " if _agrees(pair, finding, tolerance) else "!"
    return [f"{finding.score:.3f}", f"{finding.score - pair.mos_lqo:+.3f}{mark}"]


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        names = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
        yield "  ".join(names + numbers).rstrip()
