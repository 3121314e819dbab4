"""Notes every AWS call that tests make, so that the least privilege of each role can be proven from what was called.

botocore shows each client that it makes to the module that an environment variable names (`botocore.plugin`). Children
inherit the variable, so API and worker are recorded as processes of their own too, and no production code knows of it.

As a pytest plugin this records whole sessions, into `.pytest_cache/aws_calls.jsonl`. Where CALLS_RECORDED_TO names a
file, calls are added to that one instead: so several sessions can be recorded as one.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tests.iam_actions import permissions, stored

if TYPE_CHECKING:
    import pytest
    from botocore.awsrequest import AWSRequest, AWSResponse
    from botocore.client import BaseClient
    from botocore.model import OperationModel

FILE = "CALLS_RECORDED_TO"
PLUGINS = "BOTOCORE_EXPERIMENTAL__PLUGINS"

# Who may have made a call; the first of these that has entered code on the way to the call did.
MAKERS = (("api", "worker", "infra"), ("sandbox",), ("tests",))
UNKNOWN = "unknown"


@dataclass(frozen=True, order=True)
class Call:
    """That a component did an action of a service, as IAM sees it, to a resource: see `tests.iam_actions`.

    Components: `api.<module>`, for a module of `api` is a function of its own; `worker`, `infra`, `sandbox`, `tests`.
    """

    component: str
    service: str
    action: str
    resource: str


@contextmanager
def record_to(path: Path) -> Iterator[None]:
    """Add the calls of this process and its children to that file, a JSON line each, by clients made from now on."""
    with patch.dict(os.environ, {FILE: str(path), PLUGINS: f"recorder={__name__}"}):
        yield


def read(path: Path) -> list[Call]:
    """What was recorded there, sorted, each call once."""
    lines = path.read_text().splitlines() if path.exists() else []
    return sorted({Call(**json.loads(line)) for line in lines})


def pytest_configure(config: pytest.Config) -> None:
    """Record the session, to where the environment says or into a file of its own."""
    session = ExitStack()
    config.add_cleanup(session.close)
    if FILE in os.environ:
        session.enter_context(record_to(Path(os.environ[FILE])))
        return
    calls = Path(session.enter_context(TemporaryDirectory())) / "calls.jsonl"
    session.callback(_keep, calls, config.rootpath / ".pytest_cache" / "aws_calls.jsonl")
    session.enter_context(record_to(calls))


def initialize_client_plugin(client: BaseClient) -> None:
    """Listen to a client: botocore calls this, by this name, with each one that it makes."""
    ear = _Ear(_component() or UNKNOWN)
    client.meta.events.register("before-parameter-build", ear.hear_call)
    client.meta.events.register("before-sign.s3.PutObject", ear.hear_upload_policy)
    client.meta.events.register("after-call.s3", ear.hear_missing)


class _Ear:
    """Hears what one client does. A call from a thread that none of ours has entered is by the client's maker."""

    def __init__(self, maker: str) -> None:
        self._maker = maker

    def hear_call(
        self, params: Mapping[str, Any], model: OperationModel, context: dict[str, object], **_: object
    ) -> None:
        """A call, or a signed link for one, which is good for what its signer may do."""
        if model.name == "CreateBucket" and context.get("is_presign_request"):
            return  # botocore builds an upload policy on this operation; what it lets in is heard when it is signed
        context["bucket"] = params.get("Bucket")
        service = model.service_model.service_name
        for action, resource in permissions(service, model.name, params):
            self._note(service, action, resource)

    def hear_upload_policy(self, request: AWSRequest, **_: object) -> None:
        """A presigned POST, which is good for what its signer may put."""
        policy = request.context.get("s3-presign-post-policy")
        if policy:
            [bucket] = [condition["bucket"] for condition in policy["conditions"] if "bucket" in condition]
            self._note("s3", "s3:PutObject", stored(bucket, request.context["s3-presign-post-fields"]["key"]))

    def hear_missing(
        self, http_response: AWSResponse, model: OperationModel, context: Mapping[str, object], **_: object
    ) -> None:
        """An object that is not there. S3 says so to those only who may list the bucket, and 403 to all others.

        S3 API Reference, HeadObject and GetObject, "Permissions".
        """
        if http_response.status_code == 404 and model.name in ("HeadObject", "GetObject"):
            self._note("s3", "s3:ListBucket", str(context["bucket"]))

    def _note(self, service: str, action: str, resource: str) -> None:
        path = os.environ.get(FILE)
        if path:
            _add(path, Call(_component() or self._maker, service, action, resource))


_added: set[tuple[str, Call]] = set()


def _add(path: str, call: Call) -> None:
    if (path, call) not in _added:
        _added.add((path, call))
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(call)) + "\n")


def _component() -> str | None:
    """Who makes the call that is under way: the module that was entered first of those that make calls."""
    entered = _entered()
    for packages in MAKERS:
        for module in entered:
            package = module.partition(".")[0]
            if package in packages:
                return module if package == "api" else package
    return None


def _entered() -> list[str]:
    """The modules on the way to here, the outermost first; one that runs by `python -m` by its real name."""
    modules = []
    frame = inspect.currentframe()
    while frame:
        spec = frame.f_globals.get("__spec__")
        modules.append(spec.name if spec else frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    return [module for module in reversed(modules) if module != __name__]


def _keep(calls: Path, target: Path) -> None:
    recorded = read(calls)
    if recorded:
        target.parent.mkdir(exist_ok=True)
        target.write_text("".join(json.dumps(asdict(call)) + "\n" for call in recorded))
