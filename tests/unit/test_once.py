"""What a creating call is known by: held for its life, and free again after it, removed or not by then."""

from __future__ import annotations

import secrets

import pytest

from shared.errors import KeyReused
from shared.jobs import Jobs
from shared.once import LIFE_SECONDS, Once
from tests.clock import SettableClock
from tests.jobs_for_tests import new_job


@pytest.fixture
def once() -> Once:
    return Once(f"REPLAY#{secrets.token_hex(16)}", "a" * 64, outlives=True)


def test_a_key_is_held_to_the_end_of_its_life(jobs: Jobs, once: Once, clock: SettableClock) -> None:
    first = jobs.create(new_job(), once)
    clock.move(LIFE_SECONDS)
    assert jobs.create(new_job(), once).id == first.id


def test_a_key_whose_life_is_over_is_free_though_its_item_is_still_there(
    jobs: Jobs, once: Once, clock: SettableClock
) -> None:
    first = jobs.create(new_job(), once)
    clock.move(LIFE_SECONDS + 1)
    other = Once(**{**vars(once), "body_hash": "b" * 64})
    second = jobs.create(new_job(), other)
    assert second.id != first.id
    assert jobs.create(new_job(), other).id == second.id
    with pytest.raises(KeyReused):
        jobs.create(new_job(), once)
