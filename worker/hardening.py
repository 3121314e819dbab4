"""What the sandbox of the worker's unit withholds and some engine needs, by name: a preset's `needs`.

docs/engines.md explains the names to whoever writes a preset.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Need:
    """Why an engine may need it, and the lines of [Service] that grant it. `{directory}` is where the engine is."""

    why: str
    lines: tuple[str, ...]


NEEDS = {
    "devices": Need("a licence in a dongle or another device", ("PrivateDevices=no",)),
    # ioctl(2) on a socket and /sys tell it without; getifaddrs(3) asks by netlink(7).
    "mac_address": Need("a licence bound to the network hardware", ("RestrictAddressFamilies=AF_NETLINK",)),
    "executable_memory": Need("code made while it runs: numba, wine, packed programs", ("MemoryDenyWriteExecute=no",)),
    "x86_32_bit": Need("a program of 32 bits", ("SystemCallArchitectures=x86",)),
    "ptrace": Need("a program that looks whether it is being debugged", ("SystemCallFilter=ptrace",)),
    "home": Need("a licence in a home directory", ("ProtectHome=read-only",)),
    "shared_tmp": Need("a licence server on this host that is met in /tmp or /var/tmp", ("PrivateTmp=no",)),
    "own_directory": Need("a program that writes beside itself, as to count its runs", ("ReadWritePaths={directory}",)),
}


def unit_lines(needs: Iterable[str], directory: Path = Path("/")) -> tuple[str, ...]:
    """The lines of [Service] that grant these, each with its reason. Raises KeyError for a name that is none."""
    lines: list[str] = []
    for name in needs:
        lines += [f"# {name}: {NEEDS[name].why}", *(line.format(directory=directory) for line in NEEDS[name].lines)]
    return tuple(lines)
