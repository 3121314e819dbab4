"""`--prepare`: what the service's errors name can be typed."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mosaic.preparation import Preparation, prepare_member


def test_each_becomes_a_member_of_its_file_with_the_type_that_the_service_takes() -> None:
    given = ["degraded.channel=left", "degraded.resample=16000", "degraded.decode=true", "reference.level=-26"]
    assert prepare_member(map(Preparation.parse, given)) == {
        "degraded": {"channel": "left", "resample": 16000, "decode": True},
        "reference": {"level": -26.0},
    }


def test_without_any_there_is_no_member() -> None:
    assert prepare_member([]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "degraded.channel",
        "degraded.channel=",
        "degraded.channel=middle",
        "channel=left",
        "both.channel=left",
        "prepare.degraded.channel=left",
        "degraded.gain=3",
        "degraded.=3",
        "degraded.decode=yes",
        "degraded.resample=16k",
        "reference.level=nan",
        "reference.level=-26 dB",
    ],
)
def test_anything_else_is_told_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"FILE\.WHAT=VALUE"):
        Preparation.parse(text)


@given(st.text() | st.from_regex(r"(reference|degraded)\.(channel|decode|resample|level)=.*"))
def test_whatever_is_typed_is_refused_or_can_be_sent(text: str) -> None:
    with suppress(ValueError):
        value = Preparation.parse(text).value
        assert json.loads(json.dumps(value)) == value
