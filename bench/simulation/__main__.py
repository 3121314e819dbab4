"""`python -m bench.simulation`: an owner's questions, answered in simulated time, as tables and plots."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.simulation import burst, goals, licence, load, loss, plots
from bench.simulation.burst import Burst
from bench.simulation.goals import EVENLY, MIXED, Question
from bench.simulation.jobs import Lengths
from bench.simulation.loss import Loss
from bench.simulation.table import Table
from bench.simulation.terms import GAP_SECONDS, JOB_SECONDS, LEAD_SECONDS, SEED, SPREAD, Terms
from bench.simulation.worker import Host

PLOTS = Path(__file__).parents[2] / "docs" / "scale"


def main(
    job_seconds: Annotated[float, typer.Option(min=0.1, help="That a job has a seat, on average.")] = JOB_SECONDS,
    seats: Annotated[int, typer.Option(min=1, help="Of each host: as many as its licence has.")] = 2,
    seed: Annotated[int, typer.Option(help="Of everything that is random.")] = SEED,
    plot: Annotated[Path, typer.Option(help="The directory that is drawn to.", file_okay=False)] = PLOTS,
    json: Annotated[Path | None, typer.Option(help="Write the tables there too.")] = None,
) -> None:
    """Answer how many seats and hosts a day's load takes, and what bursts, lost hosts and small licences do."""
    terms = Terms(seed, Lengths(job_seconds, SPREAD), Host(seats, seats, LEAD_SECONDS, GAP_SECONDS))
    said = f"seed {seed}; {job_seconds:g} s a job, on average; hosts of {seats} seats"
    Console().print(f"[dim]{said}[/]")
    plot.mkdir(parents=True, exist_ok=True)
    tables = _answers(terms, plot)
    if json:
        document = {"bench": "simulation", "terms": said, "tables": [table.document() for table in tables]}
        json.write_text(json_module.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _answers(terms: Terms, directory: Path) -> list[Table]:
    """Each is printed as soon as it is there."""
    tables: list[Table] = []

    def tell(table: Table) -> None:
        table.show()
        tables.append(table)

    waits = load.ask(terms)
    tell(load.table(waits))
    plots.draw_load(directory / "load.svg", waits)
    tell(licence.table(terms))
    needs = goals.ask(terms)
    tell(goals.table(needs))
    plots.draw_goals(directory / "goals.svg", needs)
    hosts = needs[Question(terms, MIXED, burst.JOBS)].hosts
    tell(burst.table(terms, [hosts, 2 * hosts]))
    plots.draw_burst(directory / "burst.svg", Burst(terms, hosts, MIXED.interactive))
    hosts = needs[Question(terms, EVENLY, 20_000)].hosts
    few, many = (
        [Loss(terms, jobs, count + more) for more in range(3)] for jobs, count in ((2_000, 1), (20_000, hosts))
    )
    tell(loss.table([*few, *many]))
    plots.draw_loss(directory / "loss.svg", many)
    tell(goals.largest(needs))
    return tables


if __name__ == "__main__":
    typer.run(main)
