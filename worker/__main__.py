"""`python -m worker`: runs until SIGTERM or SIGINT, then drains and exits 0. Bad settings: every error, exit 2.

`python -m worker pause | resume | status | check | unit`: see commands.py, or `python -m worker --help`.
"""

import faulthandler
import os
import resource
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import NoReturn

from shared import logs, settings
from worker import commands, environment
from worker.job_files import RootInUse
from worker.log_events import stream_name
from worker.log_shipping import LogShipping
from worker.worker import Worker

FAILED, BAD_SETTINGS = 1, 2
LOOK_SECONDS = 0.1  # how often a drain is looked at for its end
SWITCH_SECONDS = 0.0005  # a thread that wakes beside a busy one waits 0.7 ms for its turn, not 5.2 (measured)


log = logs.get(__name__)


def main() -> int:
    """Run the worker, or a command to it; the exit code."""
    if len(sys.argv) > 1:
        logs.configure(sys.argv[1], sys.stderr)  # beside what is printed, not within it
        return commands.main(sys.argv[1:])
    faulthandler.enable()  # the watchdog's SIGABRT prints what every thread was doing
    try:
        told = environment.read(os.environ)
        shipping = LogShipping(told.log_group, stream_name(told.host, time.time()))
        logs.configure("worker", tee=shipping.put)
        worker = Worker(told, shipping)
    except settings.BadSettings as error:
        print(f"The worker cannot start:\n{error}", file=sys.stderr)
        return BAD_SETTINGS
    sys.setswitchinterval(SWITCH_SECONDS)
    _raise_file_limit()
    try:
        _run(worker, shipping)
    except RootInUse as error:
        print(f"The worker cannot start:\n{error}", file=sys.stderr)
        return FAILED  # the other one may end: systemd tries again
    shipping.stop()
    return 0


def _raise_file_limit() -> None:
    """Take as many descriptors as the system lets us have: each job in hand, seat and connection needs some."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _run(worker: Worker, shipping: LogShipping) -> None:
    """Run until the first signal, then drain; each further signal hurries.

    A byte for each signal comes through a socket, whichever thread the kernel gave the signal to: libraries have
    threads too, and a signal that one of those gets wakes nobody.
    """
    signals, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    _start(worker, shipping)
    signals.recv(1)
    draining = threading.Thread(target=_drain, args=(worker, shipping), name="draining")
    draining.start()
    signals.settimeout(LOOK_SECONDS)
    while draining.is_alive():
        with suppress(TimeoutError):
            signals.recv(1)
            worker.hurry()


def _start(worker: Worker, shipping: LogShipping) -> None:
    """Raises RootInUse, before anything was started. Whatever else it is ends the process, to be started anew."""
    try:
        worker.start()
    except RootInUse:
        raise
    except Exception:
        log.exception("start_failed")
        _end(shipping)


def _drain(worker: Worker, shipping: LogShipping) -> None:
    try:
        worker.stop()
    except Exception:
        log.exception("drain_failed")
        _end(shipping)


def _end(shipping: LogShipping) -> NoReturn:
    """End here and now: threads that nobody stops any more would keep the process for ever."""
    shipping.stop()
    os._exit(FAILED)


if __name__ == "__main__":
    sys.exit(main())
