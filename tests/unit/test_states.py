"""The states and transitions, word for word as the design lists them."""

from __future__ import annotations

import pytest

from shared.states import ENDS, TRANSITIONS, State

DESIGN = """
awaiting_upload → queued | failed | cancelled | expired
queued → running | failed | cancelled
running → queued | succeeded | failed | cancelled
"""
LISTED = {line.split(" → ")[0]: set(line.split(" → ")[1].split(" | ")) for line in DESIGN.split("\n") if line}


@pytest.mark.parametrize("state", State)
def test_transitions_are_those_of_the_design(state: State) -> None:
    assert {str(target) for target in TRANSITIONS[state]} == LISTED.get(state, set())


def test_the_four_ends_go_nowhere() -> None:
    assert {"succeeded", "failed", "cancelled", "expired"} == ENDS
    assert all(not TRANSITIONS[end] for end in ENDS)


def test_every_state_is_reached_from_the_first() -> None:
    reached = {State.AWAITING_UPLOAD}
    while more := {target for state in reached for target in TRANSITIONS[state]} - reached:
        reached |= more
    assert reached == set(State)


def test_every_state_that_is_no_end_can_be_cancelled_and_can_fail() -> None:
    assert all({State.CANCELLED, State.FAILED} <= TRANSITIONS[state] for state in set(State) - ENDS)


def test_a_score_is_only_ever_given_by_a_running_job() -> None:
    assert [state for state in State if State.SUCCEEDED in TRANSITIONS[state]] == [State.RUNNING]
