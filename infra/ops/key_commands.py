"""`keys`: what tenants reach the API with."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.ops import moments, screen
from infra.ops.keys import Keys, KeyState, NewKey
from infra.ops.place import Place

app = typer.Typer(
    help="What tenants reach the API with. A tenant has two keys at most, so as to change from one to the other.",
    no_args_is_help=True,
)

STANDARD = "standard"
SOON = "The API refuses it within 60 seconds."
COLOURS = {KeyState.IN_USE: "green", KeyState.DISABLED: "yellow", KeyState.GONE: "red"}

Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="Whose key.", show_default=False)]


@app.command(name="list")
def list_(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Argument(metavar="TENANT", help="Only its keys.", show_default=False)] = None,
) -> None:
    """All keys, by the gateway's ids. Their values are not known any more."""
    keys = _keys(context).all(tenant)
    rows = screen.table("key", "tenant", "state", "plan", "made (UTC)")
    for key in keys:
        rows.add_row(
            key.id,
            key.tenant,
            screen.marked(key.state, COLOURS.get(key.state, "cyan")),
            ", ".join(plan.name for plan in key.plans),
            moments.shown(key.made.timestamp()) if key.made else "",
        )
    if keys:
        screen.show(rows)
    else:
        screen.say("There are no keys. `keys add TENANT` makes one.")
    if any(key.state is KeyState.HALF_MADE for key in keys):
        screen.say("What is half made nobody has: the tenant's next `keys add` takes it away, or `keys remove`.")
    if any(key.state in (KeyState.HALF_REMOVED, KeyState.GONE) for key in keys):
        screen.say("What is half removed or gone lets nobody in: `keys remove` takes the rest of it away.")


@app.command()
def add(
    context: typer.Context,
    tenant: Tenant,
    plan: Annotated[str, typer.Option(metavar="PLAN", help="The usage plan, by name or id.")] = STANDARD,
) -> None:
    """Make a key. Its value is shown once, on standard output, and kept nowhere."""
    place: Place = context.obj
    keys = _keys(context)
    _show(tenant, keys.add(tenant, [keys.plan(place.known_as(plan))]))


@app.command()
def rotate(context: typer.Context, tenant: Tenant) -> None:
    """Make a second key on the plan of the first, to change over to. The first goes with `keys remove`."""
    key, old = _keys(context).rotate(tenant)
    _show(tenant, key)
    screen.say(f"Both work now. Once {tenant} uses this one: keys remove {old}")


@app.command()
def remove(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, not its value.", show_default=False)],
) -> None:
    """Take a key away from its tenant, and out of the gateway."""
    tenant = _keys(context).remove(key)
    screen.say(f"Key {key} of {tenant} is removed. {SOON}")


def _keys(context: typer.Context) -> Keys:
    place: Place = context.obj
    return Keys(place.gateway, place.tenants, place.table.name)


def _show(tenant: str, key: NewKey) -> None:
    screen.say(f"Key {key.id} of {tenant}. This is its value, shown once:")
    print(key.value)
