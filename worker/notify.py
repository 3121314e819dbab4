"""Tells who started the worker how it is: sd_notify(3), understood by systemd and by the sandbox."""

import os
import socket

from shared import logs

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"

log = logs.get(__name__)


def notify(*lines: str) -> None:
    """Send lines such as `READY` or `status(...)`, at once, where NOTIFY_SOCKET asks for them."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket: unix(7)
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.sendto("\n".join(lines).encode(), address)
    except OSError as error:
        log.warning("notify_failed", error=str(error))


def status(text: str) -> str:
    """The line that says in words how the worker is."""
    return f"STATUS={text}"


def more_time(seconds: float) -> str:
    """The line that asks for so much time from now on to start or stop in: systemd never shortens the unit's own."""
    return f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}"


def watchdog_seconds() -> float | None:
    """Within what time systemd wants to hear each `ALIVE`; None where it does not: sd_watchdog_enabled(3)."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    for_us = os.environ.get("WATCHDOG_PID") in (None, str(os.getpid()))
    return int(microseconds) / 1_000_000 if for_us and microseconds.isdecimal() and int(microseconds) else None
