"""Processes that never outlive their parent: what a child does to itself, and how a parent ends it."""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import Popen, TimeoutExpired

from shared import logs

_PR_SET_PDEATHSIG = 1  # prctl(2)
_OOM_SCORE_ADJUSTMENT = "500"  # of 1000: proc(5), /proc/pid/oom_score_adj

REAP_SECONDS = 10.0  # what was killed is gone at once, unless its system call never returns (state D, proc(5))

log = logs.get(__name__)

_libc = ctypes.CDLL(None, use_errno=True)  # opened here, for a forked child should do as little as it can


def die_with_parent(parent_pid: int) -> None:
    """In a child: be killed by the kernel once the thread that started this process is gone (prctl(2)).

    It holds through exec but not for children of this process: they call it themselves (`preexec_fn`). Where the
    parent is gone already, this process ends here. Other kernels than Linux know nothing of the kind: no effect.
    """
    if sys.platform != "linux":
        return
    if _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)


def ignore_stop_signals() -> None:
    """In a child: leave SIGINT and SIGTERM to the parent, who ends it in its own time. Its children inherit this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def volunteer_for_oom_kill() -> None:
    """In a child: where memory runs out, be killed rather than the parent. Its children inherit this."""
    with suppress(OSError):  # no /proc, or a sandbox around us: then the kernel chooses
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE_ADJUSTMENT)


def kill_group(process: Popen[bytes]) -> int:
    """In the parent: kill a child that leads its own group, and the group with it; reap it; its return code.

    The code is Popen's: negative is the signal that ended it. Twice is the same as once. One that does not end in
    `REAP_SECONDS` is told of, and left.
    """
    if process.returncode is None:  # not reaped yet, so its number still stands for its group and for no other
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutExpired):
        return process.wait(REAP_SECONDS)
    log.error("process_not_gone", process=process.pid, seconds=REAP_SECONDS)
    return -signal.SIGKILL


def exit_cause(return_code: int) -> str:
    """A Popen return code in words: `exit code 3`, `signal 11 (Segmentation fault)`."""
    if return_code >= 0:
        return f"exit code {return_code}"
    return f"signal {-return_code} ({signal.strsignal(-return_code)})"
