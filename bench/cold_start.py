"""What a function costs that comes up: `python -m bench.cold_start MODULE REQUESTS`, a request on its standard input.

Run in a fresh process; prints JSON. All of it is CPU of all threads, as the process itself has used it.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

KILOBYTE = 1024


class Context:
    """What a handler is told about its invocation (AWS Lambda, "Using the Lambda context object")."""

    function_name = "api"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:api"
    aws_request_id = "00000000-0000-0000-0000-000000000000"


Handler = Callable[[object, Context], Mapping[str, object]]  # any of two frameworks'


def main(module: str, requests: int) -> None:
    """Import the handler, have its clients made, answer one request, then `requests` more. Raises where one fails."""
    event = json.load(sys.stdin)
    began = time.process_time()
    handler = import_module(module).handler
    import_module("api.service").service()
    ready = time.process_time()
    _answer(handler, event)
    first = time.process_time()
    for _ in range(requests):
        _answer(handler, event)
    warm = (time.process_time() - first) / requests
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)  # proc(5)
    print(
        json.dumps({"ready": ready - began, "first": first - ready, "warm": warm, "memory": int(kilobytes) * KILOBYTE})
    )


def _answer(handler: Handler, event: object) -> None:
    answer = handler(event, Context())
    if answer["statusCode"] != 201:
        raise RuntimeError(f"{answer['statusCode']}: {answer['body']}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
