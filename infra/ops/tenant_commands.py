"""`tenants`: who may use the service, and how much."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import RenderableType
from rich.text import Text

from infra.ops import amounts, moments, screen
from infra.ops.amounts import NewLimit, limit_of
from infra.ops.place import Place
from shared import quotas
from shared.limits import Quota
from shared.tenants import Tenant, TenantId

app = typer.Typer(help="Who may use the service, and how much.", no_args_is_help=True)

COUNTED = {
    Quota.JOBS_PER_DAY: "jobs today",
    Quota.BYTES_PER_DAY: "bytes today",
    Quota.IN_FLIGHT: "in flight",
}
SOON = "The API goes by that within a minute."


def _new_name(text: str) -> str:
    try:
        return str(TypeAdapter(TenantId).validate_python(text))
    except ValidationError:
        raise typer.BadParameter(
            f"{text!r} can be no tenant's name: lower-case letters and digits, single hyphens between them, 63 at most."
        ) from None


def _new_limit(text: str) -> NewLimit:
    try:
        return NewLimit.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Name = Annotated[str, typer.Argument(metavar="TENANT", help="Its name.", show_default=False)]
LIMITS = typer.Argument(
    metavar="LIMIT=AMOUNT",
    parser=_new_limit,
    help="As jobs_per_day=5000, bytes_per_day=50GB, in_flight=default; also batch_items.",
    show_default=False,
)


@app.command(name="list")
def list_(context: typer.Context) -> None:
    """All tenants, and what each has used today (UTC)."""
    place: Place = context.obj
    rows = screen.table("tenant", *COUNTED.values())
    for tenant_id in (ids := place.tenants.ids()):
        rows.add_row(tenant_id, *_usage(place, place.tenants.get(tenant_id)))
    if ids:
        screen.show(rows)
    else:
        screen.say("There are no tenants. `tenants add NAME` makes one.")


@app.command()
def show(context: typer.Context, name: Name) -> None:
    """One tenant: its limits, what it has used today (UTC), its keys."""
    place: Place = context.obj
    _show(place, place.tenants.get(name))


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TENANT", help="Its name.", parser=_new_name, show_default=False)],
    limits: Annotated[list[NewLimit] | None, LIMITS] = None,
) -> None:
    """Make a tenant. What no limit is given for is by default."""
    place: Place = context.obj
    own = {limit.quota: limit.amount for limit in limits or () if limit.amount is not None}
    _show(place, place.tenants.add(name, own))
    screen.say(f"Made. `keys add {name}` makes its first key.")


@app.command()
def limits(context: typer.Context, name: Name, limits: Annotated[list[NewLimit], LIMITS]) -> None:
    """Change what a tenant may use."""
    place: Place = context.obj
    _show(place, place.tenants.limit(name, {limit.quota: limit.amount for limit in limits}))
    screen.say(f"Changed. {SOON}")


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Remove a tenant that has no keys. Its jobs go at the end of their lives; its usage stays for the accounts."""
    place: Place = context.obj
    place.tenants.remove(name)
    screen.say(f"{name} is removed. What it stored goes by itself at the end of its life.")


def _show(place: Place, tenant: Tenant) -> None:
    facts: dict[str, RenderableType] = dict(zip(COUNTED.values(), _usage(place, tenant), strict=True))
    facts["items a batch"] = _limit(tenant, Quota.BATCH_ITEMS)
    facts["keys"] = ", ".join(tenant.keys) or "none"
    facts["added"] = f"{moments.shown(tenant.added_at)} UTC"
    screen.show(screen.facts(tenant.id, facts))


def _usage(place: Place, tenant: Tenant) -> list[RenderableType]:
    """What a tenant has used of each quota in COUNTED."""
    used = quotas.used(place.table, tenant.id)
    return [
        screen.used(amounts.shown(quota, used[quota]), _limit(tenant, quota), _share(tenant, quota, used[quota]))
        for quota in COUNTED
    ]


def _limit(tenant: Tenant, quota: Quota) -> Text:
    """A limit; one that is the tenant's own stands out."""
    own = quota in tenant.limits
    return Text(amounts.shown(quota, limit_of(tenant.all_limits, quota)), style="bold" if own else "dim")


def _share(tenant: Tenant, quota: Quota, used: int) -> float:
    limit = limit_of(tenant.all_limits, quota)
    return used / limit if limit else 1.0
