"""The app as the example deployment gives it, synthesized once for all of these tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Template

from infra.app import build
from infra.configuration import EXAMPLE, Configuration, read

if TYPE_CHECKING:
    from aws_cdk import App


@pytest.fixture(scope="session")
def configuration() -> Configuration:
    return read(EXAMPLE)


@pytest.fixture(scope="session")
def app(configuration: Configuration, tmp_path_factory: pytest.TempPathFactory) -> App:
    app = build(configuration, tmp_path_factory.mktemp("assembly"))
    app.synth()
    return app


@pytest.fixture(scope="session")
def everything(configuration: Configuration) -> Configuration:
    """A deployment with all that may be left out."""
    return configuration


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Configuration], dict[str, Template]]:
    """Synthesizes another deployment; its templates by stack. It takes seconds: keep it to one a module."""

    def build_it(told: Configuration) -> dict[str, Template]:
        other = build(told, tmp_path_factory.mktemp("other"))
        other.synth()
        return {stack.node.id: Template.from_stack(stack) for stack in other.node.children if isinstance(stack, Stack)}

    return build_it


@pytest.fixture(scope="session")
def assembly(app: App) -> Path:
    """The directory of what was synthesized."""
    return Path(app.outdir)


@pytest.fixture(scope="session")
def data(app: App) -> Template:
    """The Data stack's template. CDK refuses to read one whose resources wait for each other in a circle."""
    return _template(app, "Data")


@pytest.fixture(scope="session")
def service(app: App) -> Template:
    """The Service stack's template."""
    return _template(app, "Service")


def _template(app: App, name: str) -> Template:
    stack = app.node.find_child(name)
    assert isinstance(stack, Stack)
    return Template.from_stack(stack)
