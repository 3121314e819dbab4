"""The app as the example deployment gives it, synthesized once for all of these tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk.assertions import Template

from infra.app import build
from infra.configuration import EXAMPLE, Configuration, read
from infra.data_stack import DataStack

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
def assembly(app: App) -> Path:
    """The directory of what was synthesized."""
    return Path(app.outdir)


@pytest.fixture(scope="session")
def data(app: App) -> Template:
    """The Data stack's template. CDK refuses to read one whose resources wait for each other in a circle."""
    stack = app.node.find_child("Data")
    assert isinstance(stack, DataStack)
    return Template.from_stack(stack)
