"""A client's main flow on what CloudFormation made of the templates: by the REST API, its functions, a real worker.

The emulator runs the functions with the credentials of their roles and refuses what these do not allow; the worker has
those of its hosts' role, and the settings that would be delivered to it. docs/deploy.md's first score, without AWS.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError
from mosaic import Mosaic

from infra.configuration import read
from sandbox.readiness import VARIABLE, Listener
from shared import quotas
from shared.job_table import JobTable
from shared.limits import Quota
from tests.infra import deployment as made
from tests.infra import quick_visqol, stages
from tests.infra.deployment import DEPENDENT, REFUSED, STACKS, STAGE, UNKNOWN, Deployment

if TYPE_CHECKING:
    from infra.configuration import Configuration
    from tests.infra.conftest import Templates

EXAMPLES = made.ROOT / "examples"
PAIR = (EXAMPLES / "female_16k.wav", EXAMPLES / "female_16k_opus_10.wav")
SECONDS = 60
LOOK_SECONDS = 0.05

DEPLOYED = f"""
stage = "{STAGE}"
[[pools]]
name = "visqol-3"
engine = "visqol"
[[pools.hosts]]
name = "licensed-1"
seats = 1
instance_id = "i-0123456789abcdef0"
[delivery]
python_archive = "python.tar.gz"
python_sha256 = "{{sha256}}"
python_version = "3.12"
"""


@pytest.fixture(scope="module")
def deployment(
    built: Callable[[Configuration], Templates], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    directory = tmp_path_factory.mktemp("deployed")
    file = directory / "test.toml"
    file.write_text(DEPLOYED.format(sha256=stages.python_archive(directory)))
    templates = {name: template.to_json() for name, template in built(read(file)).items()}
    with pytest.MonkeyPatch.context() as patch, made.running(directory, templates) as deployment:
        patch.setenv("MOSAIC_DEPLOYMENT", str(file))
        yield deployment


@pytest.fixture(scope="module")
def key(deployment: Deployment) -> str:
    """A tenant's, made as an operator makes it."""
    deployment.ops("tenants", "add", "acme")
    return deployment.ops("keys", "add", "acme")


@pytest.fixture(scope="module")
def worker(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A worker as it would be delivered, with an engine that is ready at once."""
    directory = tmp_path_factory.mktemp("worker")
    credentials = {name.upper(): value for name, value in deployment.host_credentials.items()}
    own = {
        "MOSAIC_ENGINE": quick_visqol.NAME,
        "MOSAIC_WORK_DIRECTORY": str(directory / "work"),
        "MOSAIC_STATE_DIRECTORY": str(directory / "state"),
        "MOSAIC_POLL_SECONDS": "1",
    }
    with Listener() as listener, (directory / "worker.log").open("wb") as log:
        told = {**deployment.environment, **credentials, **deployment.worker_settings, **own}
        environment = {**told, VARIABLE: listener.address}
        process = subprocess.Popen([sys.executable, "-m", "worker"], env=environment, stdout=log, stderr=log)
        try:
            listener.wait_ready(SECONDS)
            yield
        finally:
            process.terminate()
            try:
                assert process.wait(SECONDS) == 0
            finally:
                process.kill()


def test_all_is_made_but_for_what_the_emulator_lacks(deployment: Deployment) -> None:
    assert set().union(*(deployment.unrecognized(stack) for stack in STACKS)) == set(UNKNOWN)
    alarm = next(
        one for one in deployment.templates["Host"]["Resources"].values() if one["Type"] == "AWS::CloudWatch::Alarm"
    )
    assert deployment.refuses({**alarm, "Properties": {**alarm["Properties"], "AlarmActions": [], "OKActions": []}})
    assert deployment.left_out == {*UNKNOWN, *REFUSED, *DEPENDENT}


def test_a_client_gets_its_score(deployment: Deployment, key: str, worker: None) -> None:
    with Mosaic(deployment.url, key) as mosaic:
        result = mosaic.score(*PAIR)
    assert result.mos_lqo == quick_visqol.MOS
    assert (result.engine.name, result.engine.version) == ("visqol", "stand-in")


def test_what_ended_is_in_flight_no_more(deployment: Deployment, key: str, worker: None) -> None:
    """By the table's stream, which calls its reader."""
    with Mosaic(deployment.url, key) as mosaic:
        mosaic.score(*PAIR)
    table = JobTable(deployment.client("dynamodb"), deployment.worker_settings["MOSAIC_TABLE"])
    _until(lambda: quotas.used(table, "acme")[Quota.IN_FLIGHT] == 0)


def test_a_batch_is_started_and_scored(deployment: Deployment, key: str, worker: None) -> None:
    """By the queue of batches, and the function that works it off."""
    with httpx.Client(base_url=f"{deployment.url}/v1", headers={"x-api-key": key}, timeout=SECONDS) as api:
        batch = _done(api.post("/batches", json={}))["id"]
        [item] = _done(api.post(f"/batches/{batch}/jobs", json={"jobs": [{"custom_id": "1"}]}))["jobs"]
        for policy, path in zip(item["job"]["uploads"].values(), PAIR, strict=True):
            _done(httpx.post(policy["url"], data=policy["fields"], files={"file": path.read_bytes()}))
        _done(api.post(f"/batches/{batch}/start"))
        _until(lambda: _done(api.get(f"/batches/{batch}"))["counts"].get("succeeded") == 1)


def test_nobody_gets_in_without_a_key_and_is_told_by_a_problem(deployment: Deployment) -> None:
    for headers in ({}, {"x-api-key": "0" * 32}):
        refused = httpx.get(f"{deployment.url}/v1/service", headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:mosaic:problem:forbidden")
        assert refused.headers["content-type"] == "application/problem+json"


def test_the_reconciler_may_do_what_it_does(deployment: Deployment) -> None:
    ended = deployment.client("lambda").invoke(FunctionName=f"mosaic-{STAGE}-reconciler", Payload=b"{}")
    assert "FunctionError" not in ended, ended["Payload"].read()


@pytest.mark.parametrize(
    ("service", "call", "words"),
    [
        ("s3", "put_object", {"Bucket": "{bucket}", "Key": "jobs/0/degraded.wav", "Body": b""}),
        ("s3", "delete_object", {"Bucket": "{bucket}", "Key": "jobs/0/degraded.wav"}),
        ("dynamodb", "scan", {"TableName": "{table}"}),
        ("dynamodb", "delete_item", {"TableName": "{table}", "Key": {"pk": {"S": "JOB#0"}, "sk": {"S": "JOB"}}}),
        ("sqs", "send_message", {"QueueUrl": "{lane}", "MessageBody": "{}"}),
        ("lambda", "list_functions", {}),
    ],
)
def test_a_host_may_do_no_more_than_its_worker_does(
    service: str, call: str, words: dict[str, object], deployment: Deployment
) -> None:
    """So that what the tests above do is known to be held to the roles, too."""
    settings = deployment.worker_settings
    names = {
        "{bucket}": settings["MOSAIC_BUCKET"],
        "{table}": settings["MOSAIC_TABLE"],
        "{lane}": f"{deployment.endpoint}/{made.ACCOUNT}/mosaic-{STAGE}-visqol-3-bulk",
    }
    client = deployment.client(service, **deployment.host_credentials)
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
        getattr(client, call)(**{name: names.get(str(value), value) for name, value in words.items()})


def _done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    document: dict[str, Any] = answer.json() if answer.content else {}
    return document


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(LOOK_SECONDS)
