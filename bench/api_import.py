"""`python -m bench.api_import`: what the API function costs to come up and to answer, beside FastAPI and Mangum."""

from __future__ import annotations

import json as json_module
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from bench import peer_environment, report
from bench.machine import Machine
from bench.report import Figure, Reach, Round
from bench.service import POOL, Service, embedded_cloud
from sandbox.children import ROOT
from sandbox.keys import put_key

MOSAIC, PEER = "api.app", "bench.fastapi_peer"
KEY_ID = "bench"
REQUESTS = 50
LIMIT_SECONDS = 120.0
MEGABYTE = 1_000_000

LOCK, FUNCTIONS_LOCK = "fastapi-peer", "functions"
# Lambda Developer Guide, "Runtime-included SDK versions": boto3, and with it what it depends on.
IN_LAMBDA = frozenset({"boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3"})
POWERTOOLS_ALONE = frozenset({"aws-lambda-powertools"})  # in the peer's environment, not in its bundle


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 7,
    json: Annotated[Path | None, typer.Option(help="Write every round's figures there too.")] = None,
) -> None:
    """Start both in fresh processes by turns; exit 1 where Mosaic takes over 0.8 of the peer's CPU to be ready.

    Both run in the same environment, with the same models and AWS clients, and answer the same `POST /v1/jobs`: Mosaic
    as it is deployed, where a start takes in the routes of a job and leaves the others to the first request for one;
    the peer with that route alone.
    """
    python = peer_environment.python_with(LOCK, "api")
    sizes = _sizes(python)
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)):
        service = Service.fresh()
        put_key(service.dynamodb, service.name, KEY_ID, "bench")
        for module in (MOSAIC, PEER):
            _start(python, module, service)  # compiles
        found = [{**_round(python, service, number), **sizes} for number in range(rounds)]
    title = f"The API function beside FastAPI and Mangum: {rounds} starts of each, {REQUESTS} requests a start"
    sys.exit(0 if report.show(title, found, json) else 1)


def _round(python: Path, service: Service, number: int) -> Round:
    machine = Machine()
    order = (MOSAIC, PEER) if number % 2 else (PEER, MOSAIC)
    cost = {module: _start(python, module, service) for module in order}
    ours, peer = cost[MOSAIC], cost[PEER]
    return {
        Figure("CPU to import and be ready, against the peer", 2, Reach(most=0.8)): ours["ready"] / peer["ready"],
        Figure("CPU to import and be ready, ms", 0): ours["ready"] * 1000,
        Figure("the peer's", 0): peer["ready"] * 1000,
        Figure("CPU of the first request, ms", 1): ours["first"] * 1000,
        Figure("the peer's first request", 1): peer["first"] * 1000,
        Figure("CPU of a warm request, against the peer", 2): ours["warm"] / peer["warm"],
        Figure("CPU of a warm request, ms", 2): ours["warm"] * 1000,
        Figure("the peer's warm request", 2): peer["warm"] * 1000,
        Figure("memory, MB"): ours["memory"] / MEGABYTE,
        Figure("the peer's memory, MB"): peer["memory"] / MEGABYTE,
        **machine.figures(),
    }


def _start(python: Path, module: str, service: Service) -> dict[str, float]:
    """What one fresh process cost. Raises subprocess.CalledProcessError, its words on standard error."""
    ended = subprocess.run(  # noqa: S603 - an interpreter and a module of ours
        [python, "-m", "bench.cold_start", module, str(REQUESTS)],
        env={**os.environ, **service.environment},
        cwd=ROOT,
        input=json_module.dumps(_event()),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=LIMIT_SECONDS,
    )
    cost: dict[str, float] = json_module.loads(ended.stdout.splitlines()[-1])
    return cost


def _sizes(python: Path) -> Round:
    ours = peer_environment.size(python, FUNCTIONS_LOCK, without=IN_LAMBDA)
    peer = peer_environment.size(python, LOCK, without=IN_LAMBDA | POWERTOOLS_ALONE)
    return {
        Figure("dependencies in the bundle, MB"): ours / MEGABYTE,
        Figure("the peer's dependencies, MB"): peer / MEGABYTE,
    }


def _event() -> dict[str, object]:
    """As API Gateway sends it: its Developer Guide, "Lambda proxy integrations", input format."""
    body = {"mode": POOL.default_mode, "label": "codec=amr,build=812", "metadata": {"call": "17"}}
    files = {role: {"sha256": "0" * 64, "bytes": 200_000} for role in ("reference", "degraded")}
    headers = {"content-type": "application/json", "host": "bench", "x-forwarded-proto": "https"}
    return {
        "resource": "/{proxy+}",
        "path": "/v1/jobs",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": "v1/jobs"},
        "stageVariables": None,
        "requestContext": {
            "requestId": "bench",
            "stage": "v1",
            "httpMethod": "POST",
            "path": "/v1/jobs",
            "resourcePath": "/{proxy+}",
            "identity": {"apiKeyId": KEY_ID, "sourceIp": "127.0.0.1"},
        },
        "body": json_module.dumps({**body, **files}),
        "isBase64Encoded": False,
    }


if __name__ == "__main__":
    typer.run(main)
