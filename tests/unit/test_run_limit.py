"""How long a seat waits for its engine."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import create_autospec, patch

import pytest

from shared.pools import Lane
from shared.resources import MALFORMED_QUEUE, lane_queue
from tests.cloud import POOL
from tests.stand_ins.polqa_tools import install
from tests.worker_process import pools_of
from worker.engines.preset import LONGEST_SECONDS as LONGEST_OF_A_TOOL
from worker.log_shipping import LogShipping
from worker.seats import ENDING_SECONDS, LONGEST_SECONDS, run_limit
from worker.settings import WorkerSettings
from worker.worker import Worker


@pytest.mark.parametrize(("audio", "limit"), [(0.5, 65), (8, 140), (600, 3600)])
def test_an_engine_has_time_by_the_audio_and_an_hour_at_most(audio: float, limit: float) -> None:
    assert run_limit(audio, None) == limit


@pytest.mark.parametrize("own", [30.0, 900.0, 3600.0])
def test_one_that_ends_its_own_runs_is_given_time_to_do_so_whatever_the_audio(own: float) -> None:
    assert run_limit(8, own) == run_limit(600, own) > own


def test_a_tool_that_pauses_for_an_hour_is_not_cut_short_and_no_engine_takes_for_ever() -> None:
    assert run_limit(8, LONGEST_OF_A_TOOL) > LONGEST_OF_A_TOOL
    assert run_limit(8, 1e9) == LONGEST_SECONDS + ENDING_SECONDS


def test_the_worker_is_as_patient_as_the_preset_says(tmp_path: Path) -> None:
    queues = {
        queue: f"https://sqs/{queue}" for queue in (MALFORMED_QUEUE, *(lane_queue(POOL.name, lane) for lane in Lane))
    }
    changes = {"timeout_seconds = 3600": "timeout_seconds = 900"}
    engine = install(tmp_path, "opticom-table", changes=changes)
    told = WorkerSettings.model_validate(
        {
            "table": "jobs",
            "bucket": "audio",
            "queue_urls": json.dumps(queues),
            "pool": POOL.name,
            "pools": pools_of(engine),
            "engine": engine,
            "work_directory": tmp_path / "work",
            "state_directory": tmp_path / "state",
        }
    )
    with patch("worker.worker.Seats", autospec=True) as seats:
        Worker(told, create_autospec(LogShipping, instance=True))
    assert seats.call_args.kwargs["description"].limit_seconds == 900
