"""The verdict of a soak, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from tests.soak.run import Verdict

SHOWN = 10  # of what broke a promise


def show(verdict: Verdict, console: Console) -> None:
    """Print what was done, what came of it, and whether every promise was kept."""
    console.print(_what_was_done(verdict), _what_came(verdict), _promises(verdict))
    verdict_line = "[bold green]every promise kept[/]" if verdict.kept else "[bold red]BROKEN[/]"
    console.print(f"seed {verdict.seed}, {verdict.seconds:.0f} s: {verdict_line}")


def _what_was_done(verdict: Verdict) -> Table:
    table = _table("What was done")
    for kind, count in verdict.kinds.items():
        table.add_row(f"{kind} jobs", str(count))
    table.add_section()
    for fault, count in sorted(verdict.faults.items()):
        table.add_row(fault, str(count))
    table.add_section()
    table.add_row("AWS calls of the workers", str(verdict.calls.total()))
    table.add_row("of these struck", f"{verdict.struck.total()}\n{_counted(verdict.struck)}")
    return table


def _what_came(verdict: Verdict) -> Table:
    table = _table("What came of it")
    for end, count in verdict.ends.most_common():
        table.add_row(end, str(count))
    table.add_row("of these well, and lost three attempts to faults", str(verdict.exhausted_by_faults))
    table.add_row("results of killed attempts, for the janitor", str(verdict.results_of_killed))
    table.add_section()
    for attempts, count in sorted(verdict.attempts.items()):
        table.add_row(f"{attempts} attempt{'s' if attempts != 1 else ''}", f"{count}  {_bar(count, verdict)}")
    return table


def _promises(verdict: Verdict) -> Table:
    found, table = verdict.aftermath, _table("Promises")
    for promise, broken in {
        "jobs lost": found.lost,
        "jobs ended twice": found.ended_twice,
        "jobs committed twice": found.committed_twice,
        "jobs whose end is not the one known beforehand": verdict.ended_wrong,
        "changes of state that the machine does not have": found.forbidden_changes,
        "batches whose counts are wrong": found.miscounted,
        "jobs without their committed result": found.without_result,
        "results that nobody committed": found.uncommitted,
        "messages left": found.left_visible,
        "messages left invisible": found.left_invisible,
        "orphan processes": found.orphans,
        "files left": found.left_files,
        "exit codes and processes on the way": verdict.wrong,
        "errors that nobody foresaw": verdict.unforeseen,
    }.items():
        table.add_row(promise, _judged(broken))
    return table


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE, show_header=False)
    table.add_column(min_width=48)
    table.add_column(min_width=24)
    return table


def _judged(broken: Sequence[str]) -> str:
    if not broken:
        return "[green]0[/]"
    more = f"\n… {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
    return f"[bold red]{len(broken)}[/]\n" + "\n".join(each[:200] for each in broken[:SHOWN]) + more


def _counted(counter: Counter[str]) -> str:
    return "\n".join(f"{count} {name}" for name, count in counter.most_common())


def _bar(count: int, verdict: Verdict) -> str:
    return "▇" * max(round(20 * count / verdict.attempts.total()), 1)
