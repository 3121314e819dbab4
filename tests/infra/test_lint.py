"""cfn-lint over every template."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

if TYPE_CHECKING:
    from tests.infra.conftest import Templates

# CDK makes a function wait for its role in words too, though it names the role anyway.
NOT_OURS = ["W3005"]


@pytest.mark.parametrize("stack", ["Data", "Service", "Host"])
def test_a_template_has_nothing_to_complain_of(whole: Templates, stack: str) -> None:
    template = json.dumps(whole[stack].to_json())
    found = lint(template, config=ManualArgs(regions=["eu-central-1"], ignore_checks=NOT_OURS))
    assert [str(match) for match in found] == []
