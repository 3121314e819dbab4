"""`preflight`: whether each licensed machine is fit to be a host. It looks, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from infra.ops import preflight_agent, preflight_instance, preflight_machine, screen
from infra.ops.findings import Finding
from infra.ops.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.ops.place import Place
    from infra.settings.hosts import HostSettings

PROBLEMS = 1
NOT_MADE = Finding("instance", "not made yet: the deploy makes it")
NOT_ASKED = Finding("machine", "not looked at: its agent is not online", "Mend the agent; then run this again.")


def preflight(context: typer.Context) -> None:
    """Look whether each host is fit: agent, profile, metadata, inbound rules, clock, disk, reach, versions."""
    place: Place = context.obj
    if place.configuration is None:
        raise Refused("Hosts are a deployment's: name its file with --deployment.")
    found = [
        (host.name, finding)
        for pool, host in place.configuration.hosts
        for finding in look(place, host, place.configuration.name(f"host-{pool.name}"))
    ]
    if not found:
        screen.say("No pool has hosts in that file: there is nothing to look at.")
        return
    _show(found)
    if any(finding.to_do for _, finding in found):
        raise typer.Exit(PROBLEMS)


def look(place: Place, host: HostSettings, profile: str) -> list[Finding]:
    """All that there is to find of one host. Raises what botocore raises."""
    instance_id = host.instance_id
    if host.create and place.configuration:
        instance_id = preflight_instance.made(place.ec2, place.configuration.name(host.name))
    if instance_id is None:
        return [NOT_MADE]
    found = [*preflight_instance.look(place.ec2, instance_id, profile)] if host.is_instance else []
    found += preflight_agent.look(place.ssm, instance_id)
    return [*found, *_machine(place, instance_id, found)]


def _machine(place: Place, instance_id: str, found: list[Finding]) -> Iterator[Finding]:
    if preflight_agent.is_online(found):
        addresses = [place.address(service) for service in preflight_machine.CALLED]
        yield from preflight_machine.look(place.ssm, instance_id, addresses)
    else:
        yield NOT_ASKED


def _show(found: list[tuple[str, Finding]]) -> None:
    rows = screen.table("host", "what", "is")
    for host, finding in found:
        rows.add_row(host, finding.what, screen.marked(finding.is_, "red" if finding.to_do else "green"))
    screen.show(rows)
    for host, finding in found:
        if finding.to_do:
            screen.line(Text(f"{host}, {finding.what}: {finding.to_do}"))
    problems = sum(bool(finding.to_do) for _, finding in found)
    screen.say(f"{problems} to mend, of {len(found)} looked at." if problems else f"All well: {len(found)} looked at.")
