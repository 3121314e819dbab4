"""The result document: what its published schema says, and plain JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from shared.states import State
from tests.jobs_for_tests import new_job, result
from worker.result_document import ResultDocument, result_document, schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "result.schema.json"
JOB = new_job().model_copy(update={"state": State.RUNNING, "attempt": 2, "host": "host-a"})


def test_the_published_schema_is_that_of_the_code() -> None:
    assert PUBLISHED.read_text() == schema(), "run: python -m worker.result_document > docs/result.schema.json"


def test_a_document_says_whose_attempt_it_is_and_reads_back_whole() -> None:
    body = result_document(JOB, result(3.31), {"patches": [0.9, 0.8]})
    document = ResultDocument.model_validate_json(body)
    assert (document.version, document.job, document.attempt, document.host) == (1, JOB.id, 2, "host-a")
    assert document.details == {"patches": [0.9, 0.8]}
    assert document.mos_lqo == 3.31


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_never_appears(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        result_document(JOB, result(), {"delay_ms": number})


def test_no_signal_is_null() -> None:
    without = result().model_copy(update={"mos_lqo": None})
    assert json.loads(result_document(JOB, without, {}))["mos_lqo"] is None
