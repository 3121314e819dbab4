"""Tells who started the worker how it is: sd_notify(3), understood by systemd and by the sandbox."""

import os
import socket

from shared import logs

log = logs.get(__name__)


def notify(state: str) -> None:
    """Send one state, such as `READY=1` or `STATUS=...`, where NOTIFY_SOCKET asks for it."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket: unix(7)
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.sendto(state.encode(), address)
    except OSError as error:
        log.warning("notify_failed", error=str(error))
