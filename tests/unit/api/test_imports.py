"""What a function loads when it starts: somebody waits for that."""

from __future__ import annotations

import subprocess
import sys

import pytest

from api import app
from infra.bundling import ROOT

WITHOUT_POWERTOOLS = "import sys; sys.modules['aws_lambda_powertools'] = None; import {}"
LOADED = "import sys; from api import app; print([name for name in app.MODULES if f'api.{name}' in sys.modules])"
CALLS = """
import json
from api import app, openapi
for path, operations in json.loads(openapi.FILE.read_text())["paths"].items():
    for method in operations:
        context = {"requestId": "request-1", "identity": {}}
        event = {"httpMethod": method.upper(), "path": path, "headers": {}, "requestContext": context}
        print(method, path, app.handler(event, None)["statusCode"])
"""

TWICE_AT_ONCE = """
import time
from threading import Thread
from api import app
load = app.import_module
app.import_module = lambda name: (load(name), time.sleep(0.05))[0]
both = [Thread(target=app.routes) for _ in range(2)]
for thread in both:
    thread.start()
for thread in both:
    thread.join()
print(*(f"{route.method}:{route.path}" for route in app.routes()))
"""


@pytest.mark.parametrize("name", ["intake", "batch_starter", "dead_letters", "stream_reader", "reconciler"])
def test_a_function_that_answers_no_request_does_without_what_routes_them(name: str) -> None:
    run(WITHOUT_POWERTOOLS.format(f"api.{name}"))


def test_the_function_that_answers_requests_starts_with_the_routes_of_a_job_alone() -> None:
    assert run(LOADED).split() == ["['job_routes']"]


def test_it_has_the_route_of_every_call_once_that_is_made() -> None:
    answers = [line.split() for line in run(CALLS).splitlines() if not line.startswith("{")]  # those are its logs
    assert len(answers) == len(app.routes())
    assert [answer for answer in answers if answer[-1] in ("404", "405")] == []


def test_it_has_each_route_once_though_the_sandbox_shows_them_all_while_it_answers_its_first_request() -> None:
    every = run(TWICE_AT_ONCE).split()
    assert len(every) == len(set(every)) == len(app.routes())


def run(code: str) -> str:
    """What a fresh process printed that ran this code."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, check=True, timeout=60, stdout=subprocess.PIPE, text=True).stdout
