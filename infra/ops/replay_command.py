"""`replay`: new jobs for those that failed through no fault of their own."""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.text import Text

from infra.ops import moments, screen
from infra.ops.place import Place
from infra.ops.replay import Outcome, Replay, Replayed
from shared.job import JobId

MARKS = {Outcome.REPLAYED: ("✓", "green"), Outcome.BEFORE: ("=", "cyan"), Outcome.REFUSED: ("✗", "red")}
REFUSED = 1


def _job_id(text: str) -> str:
    try:
        return str(TypeAdapter(JobId).validate_python(text))
    except ValidationError:
        raise typer.BadParameter(f"{text!r} is no job's id: 32 hexadecimal digits, lower case.") from None


def _moment(text: str) -> float:
    try:
        return moments.moment(text, time.time())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def replay(
    context: typer.Context,
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="JOB", parser=_job_id, help="Jobs by id.", show_default=False)
    ] = None,
    failed_since: Annotated[
        float | None,
        typer.Option(
            metavar="WHEN",
            parser=_moment,
            help="All that failed for the service's reasons since then: 90m, 6h or 3d ago, or 2026-11-22T08:00Z.",
            show_default=False,
        ),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(metavar="TENANT", help="With --failed-since: only of this tenant.")
    ] = None,
) -> None:
    """Replay jobs that failed for the service's reasons, from their kept audio, as new jobs of the same tenants.

    It costs the tenants nothing of their quotas. A job is replayed once, however often it is asked for: again says what
    the first time made, and finishes what was broken off.
    """
    if bool(jobs) == (failed_since is not None) or (tenant and jobs):
        raise typer.BadParameter("name jobs, or give --failed-since, with --tenant or without.")
    place: Place = context.obj
    work = Replay(place.table, place.s3, place.bucket, place.pools)
    if failed_since is not None:
        jobs = work.failed_since(failed_since, tenant)
    outcomes = Counter(_told(work.replay(job_id)) for job_id in jobs or ())
    screen.say(", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome) + ".")
    if outcomes[Outcome.REFUSED]:
        raise typer.Exit(REFUSED)


def _told(replayed: Replayed) -> Outcome:
    """Say what became of one job."""
    mark, style = MARKS[replayed.outcome]
    told = Text.assemble((mark, style), " ", replayed.job_id, " ", (str(replayed.outcome), style))
    if replayed.by:
        told.append(f" by {replayed.by.id}")
        if replayed.outcome is Outcome.BEFORE:
            told.append(f", which is {replayed.by.state}")
    if replayed.why:
        told.append(f": {replayed.why}")
    screen.line(told)
    return replayed.outcome
