"""A command that is run to its end, or to its limit: what it printed, bounded, and how it ended."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import IO

from worker.processes import die_with_parent

KEPT_BYTES = 64 * 1024  # of the beginning and of the end of each stream; a score's output has some hundred bytes
_CHUNK_BYTES = 64 * 1024
_LOOK_SECONDS = 0.2  # how often to look whether it ended while something that it started holds its output open


@dataclass(frozen=True)
class Ended:
    """How a command ended. `return_code` is Popen's; line ends are \\n, whatever they were."""

    return_code: int
    output: str
    errors: str


class Excerpt:
    """What one stream printed: all of it up to twice KEPT_BYTES; of more, the lines at its beginning and its end."""

    def __init__(self) -> None:
        self._beginning = bytearray()
        self._end = bytearray()
        self._cut = False

    def add(self, chunk: bytes) -> None:
        """Take what was printed next."""
        room = KEPT_BYTES - len(self._beginning)
        self._beginning += chunk[:room]
        self._end += chunk[room:]
        if len(self._end) > KEPT_BYTES:
            del self._end[:-KEPT_BYTES]
            self._cut = True

    def text(self, encoding: str) -> str:
        """The lines that are whole, see `decoded`."""
        if not self._cut:
            return decoded(bytes(self._beginning + self._end), encoding)
        beginning, end = decoded(bytes(self._beginning), encoding), decoded(bytes(self._end), encoding)
        return f"{beginning.rpartition(chr(10))[0]}\n[...]\n{end.partition(chr(10))[2]}"


def decoded(content: bytes, encoding: str) -> str:
    """Text with \\n at line ends. What is not of the encoding is replaced."""
    return content.decode(encoding, errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def run(command: list[str], *, directory: Path, environment: dict[str, str], encoding: str, limit: float) -> Ended:
    """Run a command, which is no shell's, in `directory` with exactly that environment and nothing on standard input.

    It dies with the thread that calls this (see `die_with_parent`), and stays in the caller's process group. Raises
    TimeoutExpired after `limit` seconds, when it and all that descends from it was killed; OSError and SubprocessError
    where it cannot be started.
    """
    deadline = time.monotonic() + limit
    bind = partial(die_with_parent, os.getpid())
    with Popen(  # noqa: S603 - the operator's own command
        command, cwd=directory, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, preexec_fn=bind
    ) as process:
        try:
            output, errors = _listen(process, deadline)
            process.wait(_left(process, deadline))
        finally:
            if process.returncode is None:
                _kill_with_descendants(process.pid)
    return Ended(process.returncode, output.text(encoding), errors.text(encoding))


def _listen(process: Popen[bytes], deadline: float) -> tuple[Excerpt, Excerpt]:
    """Both streams until they are closed, or until it ended and is silent. Raises TimeoutExpired at the deadline."""
    printed = Excerpt(), Excerpt()
    with DefaultSelector() as selector:
        for stream, kept in zip(_streams(process), printed, strict=True):
            selector.register(stream, EVENT_READ, kept)
        while selector.get_map():
            ready = selector.select(min(_LOOK_SECONDS, _left(process, deadline)))
            if not ready and process.poll() is not None:
                break
            for key, _ in ready:
                if chunk := os.read(key.fd, _CHUNK_BYTES):
                    key.data.add(chunk)
                else:
                    selector.unregister(key.fileobj)
    return printed


def _streams(process: Popen[bytes]) -> list[IO[bytes]]:
    return [stream for stream in (process.stdout, process.stderr) if stream]


def _left(process: Popen[bytes], deadline: float) -> float:
    """Seconds to the deadline. Raises TimeoutExpired where it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutExpired(process.args, 0)
    return left


def _kill_with_descendants(pid: int) -> None:
    """Kill a process that is not reaped yet, and all that descends from it (it may be a wrapper around the tool)."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):  # proc(5): pid (name) state parent ...
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_bytes().rpartition(b")")[2].split()[1])
    family = [pid]
    for member in family:  # which grows as we go
        family += [child for child, parent in parents.items() if parent == member]
    for member in family:
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
