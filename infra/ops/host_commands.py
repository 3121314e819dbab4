"""`hosts`: the licensed machines, as they tell of themselves."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.text import Text

from infra.ops import moments, screen
from infra.ops.place import Place
from infra.ops.refusals import Refused
from shared.hosts import ALIVE_SECONDS, Host, Hosts, HostState

app = typer.Typer(help="The licensed machines, as they tell of themselves.", no_args_is_help=True)

SILENT = "silent"
COLOURS = {
    HostState.READY: "green",
    HostState.STARTING: "cyan",
    HostState.DRAINING: "cyan",
    HostState.PAUSED: "yellow",
    HostState.DISK_FULL: "red",
    HostState.LICENCE_LOST: "red",
    HostState.MISCONFIGURED: "red",
}


@app.callback()
def _hosts() -> None:
    """Makes `list` a command of its own."""


@app.command(name="list")
def list_(
    context: typer.Context,
    pool: Annotated[
        list[str] | None, typer.Option(metavar="POOL", help="Only of this pool; may be repeated. By default all.")
    ] = None,
) -> None:
    """All hosts of all pools. One that is not heard of for a day is not listed any more."""
    place: Place = context.obj
    pools = pool or place.pools
    if not pools:
        raise Refused("Where --table names the table, --pool is to name the pools.")
    hosts = [host for name in pools for host in Hosts(place.table).known(name)]
    rows = screen.table("host", "pool", "state", "busy", "s a job", "engine", "seen", right=("s a job",))
    for host in hosts:
        rows.add_row(*_row(host, time.time()))
    if hosts:
        screen.show(rows)
    else:
        screen.say(f"No host was heard of within a day in {', '.join(pools)}.")


def _row(host: Host, now: float) -> list[Text | str]:
    silent = host.seen_at <= now - ALIVE_SECONDS
    return [
        host.host,
        host.pool,
        screen.marked(SILENT, "red") if silent else screen.marked(host.state, COLOURS[host.state]),
        screen.seats(host.busy, host.seats),
        "" if host.mean_seconds is None else f"{host.mean_seconds:.2f}",
        f"{host.engine} {host.version}",
        moments.ago(host.seen_at, now),
    ]
