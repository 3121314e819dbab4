"""Two deployments, each synthesized once for all of these tests: the example, and one with everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Template

from infra import bundling
from infra.app import build
from tests.infra import stages

if TYPE_CHECKING:
    from aws_cdk import App

    from infra.configuration import Configuration

Templates = dict[str, Template]
with_wheels = bundling._install


@pytest.fixture(scope="session", autouse=True)
def without_host_wheels() -> Iterator[None]:
    """What goes to hosts is 200 MB, which templates know by a hash only."""

    def skipped(bundle: bundling.Bundle, target: Path, *more: str) -> None:
        if bundle.lock in ("host", "worker"):
            target.mkdir(parents=True)
        else:
            with_wheels(bundle, target, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundling, "_install", skipped)
        yield


@pytest.fixture(scope="session")
def configuration() -> Configuration:
    return stages.example()


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """A deployment with all that may be left out."""
    return stages.everything(tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Configuration], Templates]:
    """Synthesizes a deployment; its templates by stack. It takes seconds."""

    def build_it(told: Configuration) -> Templates:
        app = build(told, tmp_path_factory.mktemp("assembly"))
        app.synth()
        return _templates(app)

    return build_it


@pytest.fixture(scope="session")
def app(configuration: Configuration, tmp_path_factory: pytest.TempPathFactory) -> App:
    app = build(configuration, tmp_path_factory.mktemp("assembly"))
    app.synth()
    return app


@pytest.fixture(scope="session")
def assembly(app: App) -> Path:
    """The directory of what was synthesized."""
    return Path(app.outdir)


@pytest.fixture(scope="session")
def templates(app: App) -> Templates:
    """The example's, by stack. CDK refuses to read one whose resources wait for each other in a circle."""
    return _templates(app)


@pytest.fixture(scope="session")
def whole(built: Callable[[Configuration], Templates], everything: Configuration) -> Templates:
    """The templates of the deployment with everything, by stack."""
    return built(everything)


@pytest.fixture(scope="session")
def data(templates: Templates) -> Template:
    return templates["Data"]


@pytest.fixture(scope="session")
def service(templates: Templates) -> Template:
    return templates["Service"]


def _templates(app: App) -> Templates:
    return {stack.node.id: Template.from_stack(stack) for stack in app.node.children if isinstance(stack, Stack)}
