"""Ports on the loopback interface: the one that was asked for, or one that is free."""

from __future__ import annotations

import socket

from sandbox.cloud import HOST


class PortTaken(Exception):
    """The port that was asked for is in use, or asked for twice."""


def choose(given: int | None, wished: int, but_not: int | None = None) -> int:
    """The given port; with none given, the wished one where it is free, else any free one; never `but_not`.

    Raises PortTaken where the given port is in use, or is `but_not`.
    """
    if given is not None:
        if given == but_not:
            raise PortTaken(f"API and cloud cannot both have port {given}. Give two, or one, and a free one is found.")
        if not is_free(given):
            raise PortTaken(f"Port {given} is taken. Give another, or none and a free one is found.")
        return given
    port = wished
    while port == but_not or not is_free(port):
        port = any_free()
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As a server sets it: connections that linger after their end (TIME_WAIT) do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
