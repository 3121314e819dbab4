#!/usr/bin/env python3
"""A stand-in for the licensed command lines of POLQA, and it says so. Its scores mean nothing.

Its form is that of the tool by whose name it is called: `SQuadAnalyzer`, or else `PolqaOem64`, which writes a table
where it is given `-t`. It does what its orders say, `order` or `order:argument` with several split by spaces, see
`_ORDERS`. They stand in the variable STAND_IN_POLQA (as `@path`, in that file); a chunk `ordr` in the reference file,
the JSON of `tests.stand_ins.ordered_engine` with the key `polqa`, comes first.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

ORDERS = "STAND_IN_POLQA"
NOTE = "This is a stand-in for POLQA: its scores mean nothing"
VERSION = "2.400"
WARNINGS = ["reference level too high", "degraded file too long"]
LICENCE_CODE = {"PolqaOem64": 2, "SQuadAnalyzer": -80}


class StandIn:
    """One call of the tool."""

    def __init__(self, arguments: list[str]) -> None:
        self.name = "SQuadAnalyzer" if Path(arguments[0]).name.startswith("SQuad") else "PolqaOem64"
        self.arguments = arguments[1:]
        self.squad = self.name == "SQuadAnalyzer"
        self.table = "-t" in self.arguments
        self.reference = Path(self.arguments[0] if self.squad else self._after("-Ref"))
        self.mode = ("nb", "swb")[int(self.arguments[3])] if self.squad else self._after("-LC").lower()
        self.score = "3.250"
        self.ends = "\n"
        self.warnings: list[str] = []
        self.table_text: str | None = None

    def run(self) -> int:
        """Follow the orders, then write the score as the tool would."""
        print(NOTE, file=sys.stderr)
        for order in _orders(self.reference).split():
            name, _, argument = order.partition(":")
            if (code := getattr(self, f"order_{name}")(argument)) is not None:
                return int(code)
        self._write()
        return 0

    def order_ok(self, _: str) -> None:
        """Nothing out of the ordinary."""

    def order_score(self, score: str) -> None:
        """This score, whatever it is: nan, -0.0, 3,21, 7.5."""
        self.score = score

    def order_warnings(self, _: str) -> None:
        """Warn, and score all the same."""
        self.warnings = WARNINGS

    def order_licence(self, mode: str) -> int | None:
        """No licence: in every mode, or in that one."""
        if mode in ("", self.mode):
            print("registration failed, licensed to: SECRET HOLDER", file=sys.stderr)
            return LICENCE_CODE[self.name]
        return None

    def order_exit(self, code: str) -> int:
        """Fail with that code."""
        print("failed", file=sys.stderr)
        return int(code)

    def order_say(self, words: str) -> None:
        """Print these words, with + for spaces."""
        print(words.replace("+", " "))

    def order_pause(self, seconds: str) -> None:
        """Keep the licence's limit of throughput by sleeping."""
        print("pausing to keep the licensed throughput", flush=True)
        time.sleep(float(seconds))

    def order_crash(self, number: str) -> None:
        """End by a signal, SIGSEGV by default, and leave no core file."""
        import resource  # here, for it is most of a start

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), int(number or signal.SIGSEGV))
        signal.pause()

    def order_hang(self, fifo: str) -> None:
        """Never end, nor does a child that holds the output open; tell both pids to whoever reads the FIFO."""
        child = _sleeping_child()
        if fifo:
            Path(fifo).write_text(json.dumps([os.getpid(), child]))
        signal.pause()

    def order_leave(self, fifo: str) -> None:
        """Score, and leave a child that holds the output open; tell its pid."""
        Path(fifo).write_text(json.dumps([_sleeping_child()]))

    def order_flood(self, megabytes: str) -> None:
        """Print so much beside the score."""
        block = b"nonsense without end\n" * 50000
        for _ in range(int(megabytes)):
            os.write(1, block)

    def order_silent(self, _: str) -> int:
        """End well without a word of a score."""
        return 0

    def order_garbage(self, _: str) -> int:
        """Write bytes that mean nothing."""
        garbage = bytes(range(256)) * 8
        os.write(1, garbage)
        if self.table:
            Path(self._after("-Out")).write_bytes(garbage)
        return 0

    def order_empty(self, _: str) -> None:
        """Write a table of nothing."""
        self.table_text = ""

    def order_partial(self, _: str) -> None:
        """Stop writing in the middle."""
        self.table_text = f"* {NOTE}\nFile\tPolqaScore\tDelay\nreference.wav\t3.2"

    def order_twice(self, _: str) -> None:
        """Write the scores of two runs."""
        self.table_text = f"* {NOTE}\nPolqaScore\n3.2\n4.1\n"

    def order_stale(self, _: str) -> None:
        """Leave a table as old as an hour."""
        self._write()
        hour_ago = time.time() - 3600
        os.utime(self._after("-Out"), (hour_ago, hour_ago))
        sys.exit(0)

    def order_crlf(self, _: str) -> None:
        """End lines as Windows does."""
        self.ends = "\r\n"

    def order_latin1(self, _: str) -> None:
        """Say things that are not UTF-8."""
        self.warnings = ["Pegel zu hoch für 20 °C"]

    def _after(self, switch: str) -> str:
        return self.arguments[self.arguments.index(switch) + 1]

    def _write(self) -> None:
        lines = [NOTE, *(f"POLQA WARNING {warning}" for warning in self.warnings)]
        if self.squad:
            lines.append(
                f"MOS = {self.score} ASLR= -26.12 NOIR= -71.20 ASLD= -27.45 NOID= -60.10 OFFS= 12.5 DSPR= 3.1 DDEV= 0.4"
            )
        elif not self.table:
            lines += [f"MOS-LQO: {self.score}", "AVG  Delay: 40.5", "SNR Degraded: 31.2", "SNR Reference: 45.0"]
        sys.stdout.buffer.write("".join(line + self.ends for line in lines).encode("latin-1"))
        if self.table:
            self._write_table()

    def _write_table(self) -> None:
        text = self.table_text
        if text is None:
            text = self.ends.join(
                [f"* {NOTE}", f"* {VERSION}", "Reference\tPolqaScore\t\tAvgDelay", f"a.wav\t{self.score}\t\t40.5", ""]
            )
        Path(self._after("-Out")).write_bytes(text.encode("latin-1"))


def _sleeping_child() -> int:
    import subprocess

    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid


def _orders(reference: Path) -> str:
    content = reference.read_bytes()
    start = content.find(b"ordr")
    if start > 0:
        size = int.from_bytes(content[start + 4 : start + 8], "little")
        if orders := json.loads(content[start + 8 : start + 8 + size]).get("polqa"):
            return str(orders)
    orders = os.environ.get(ORDERS, "ok")
    return Path(orders[1:]).read_text() if orders.startswith("@") else orders


if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        print(f"{NOTE}\nPolqaOem64, P.863 version {VERSION}")
        sys.exit(1)  # as many do that print it with their usage
    sys.exit(StandIn(sys.argv).run())
