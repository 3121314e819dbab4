"""The licence breaker: a held mode costs no job anything, and one job alone shows when it is well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import CapturingLogger

from tests.clock import SettableClock
from worker.breaker import IN_A_ROW, LONGEST_HOLD, Admission, Breaker
from worker.engines.engine import EngineError, FailureClass
from worker.reminders import REMIND_SECONDS

LOST = EngineError(FailureClass.LICENCE, "no_licence", "The licence is lost.")
BROKEN = EngineError(FailureClass.TRANSIENT, "engine_fault", "It broke.")
HOLD = 30.0


def breaker(clock: SettableClock) -> Breaker:
    return Breaker(["nb", "swb"], HOLD, clock)


def test_a_mode_that_is_well_lets_every_job_go_on(clock: SettableClock) -> None:
    assert [breaker(clock).admit("nb") for _ in range(3)] == [Admission.ALL] * 3


def test_a_held_mode_lets_none_go_on_and_the_other_mode_all(clock: SettableClock) -> None:
    held = breaker(clock)
    held.hold("nb", LOST, alone=False)
    assert held.admit("nb") is Admission.NONE
    assert held.admit("swb") is Admission.ALL
    assert held.closed() is None


def test_after_the_hold_one_job_goes_alone_and_if_it_is_well_all_go(clock: SettableClock) -> None:
    held = breaker(clock)
    held.hold("nb", LOST, alone=False)
    clock.move(HOLD)
    assert [held.admit("nb") for _ in range(3)] == [Admission.ALONE, Admission.NONE, Admission.NONE]
    held.well("nb")
    assert held.admit("nb") is Admission.ALL


def test_a_job_alone_that_fails_doubles_the_hold_to_a_limit(clock: SettableClock) -> None:
    held, seconds = breaker(clock), []
    held.hold("nb", LOST, alone=False)
    for _ in range(6):
        waited = 0.0
        while held.admit("nb") is Admission.NONE:
            clock.move(1)
            waited += 1
        seconds.append(waited)
        held.hold("nb", LOST, alone=True)
    assert seconds == [HOLD, 2 * HOLD] + [LONGEST_HOLD * HOLD] * 4


def test_jobs_that_fail_together_hold_the_mode_once(clock: SettableClock) -> None:
    held = breaker(clock)
    for _ in range(5):
        held.hold("nb", LOST, alone=False)
    clock.move(HOLD)
    assert held.admit("nb") is Admission.ALONE


def test_a_job_alone_that_came_to_nothing_lets_another_try(clock: SettableClock) -> None:
    held = breaker(clock)
    held.hold("nb", LOST, alone=False)
    clock.move(HOLD)
    assert held.admit("nb") is Admission.ALONE
    held.untried("nb")
    assert held.admit("nb") is Admission.ALONE


def test_where_every_mode_is_held_nothing_need_be_received(clock: SettableClock) -> None:
    held = breaker(clock)
    held.hold("nb", LOST, alone=False)
    held.hold("swb", LOST, alone=False)
    assert held.closed() is FailureClass.LICENCE
    clock.move(HOLD)
    assert held.closed() is None, "one job may try"


def test_a_hold_that_has_run_out_is_a_hold_all_the_same_until_a_job_went_through(clock: SettableClock) -> None:
    held = breaker(clock)
    held.hold("nb", LOST, alone=False)
    assert held.all_held() is None
    held.hold("swb", LOST, alone=False)
    clock.move(HOLD)
    assert held.closed() is None
    assert held.all_held() is FailureClass.LICENCE
    held.well("nb")
    assert held.all_held() is None


def test_a_self_test_that_scores_ends_what_it_held_and_the_hold_of_its_mode(clock: SettableClock) -> None:
    held = breaker(clock)
    held.hold_all(LOST)
    held.fit("swb")
    assert held.all_that_is_held() == []
    held.hold("nb", LOST, alone=False)
    held.hold("swb", LOST, alone=False)
    held.fit("swb")
    assert held.all_that_is_held() == ["nb"], "a licence may hold for one mode only: a job of the other found that"


def test_a_mode_that_the_engine_does_not_have_is_seen_and_makes_nothing_of_the_others(clock: SettableClock) -> None:
    held = breaker(clock)
    held.hold("fb", EngineError(FailureClass.CONFIG, "unknown_mode", "There is no fb."), alone=False)
    assert held.all_that_is_held() == ["fb"]
    assert held.all_held() is None
    held.hold_all(LOST)
    assert held.all_held() is FailureClass.LICENCE


def test_a_licence_that_stays_lost_is_told_once_and_again_in_a_while_and_once_that_it_is_back(
    clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr("worker.breaker.log", log)
    held = breaker(clock)
    for _ in range(round(2 * REMIND_SECONDS / 20)):
        held.hold_all(LOST)  # each seat that is tried again
        held.hold("nb", LOST, alone=True)  # each job that tries it
        clock.move(20)
    held.fit("nb")
    told = [(call.args[0], call.kwargs["mode"]) for call in log.calls]
    assert told == [("mode_held", "nb, swb")] * 2 + [("mode_well", "nb, swb")]


@given(st.lists(st.sampled_from(["admit", "hold", "well", "untried", "wait"]), max_size=40))
def test_never_more_than_one_job_is_alone(steps: list[str]) -> None:
    clock = SettableClock()
    held, alone = breaker(clock), 0
    for step in steps:
        if step == "wait":
            clock.move(HOLD)
        elif step == "admit":
            alone += held.admit("nb") is Admission.ALONE
        elif step == "hold":
            held.hold("nb", LOST, alone=alone > 0)
            alone = 0
        elif alone:
            held.well("nb") if step == "well" else held.untried("nb")
            alone = 0
        assert alone <= 1


def test_a_mode_in_which_different_jobs_fail_in_a_row_is_held_and_tried_by_one_alone(clock: SettableClock) -> None:
    held = breaker(clock)
    for number in range(IN_A_ROW):
        assert held.admit("nb") is Admission.ALL
        held.failed("nb", f"job-{number}", BROKEN, alone=False)
    assert (held.admit("nb"), held.admit("swb")) == (Admission.NONE, Admission.ALL)
    clock.move(HOLD)
    assert held.admit("nb") is Admission.ALONE
    held.failed("nb", "another", BROKEN, alone=True)
    clock.move(HOLD)
    assert held.admit("nb") is Admission.NONE, "a hold twice as long"
    clock.move(HOLD)
    assert held.admit("nb") is Admission.ALONE
    held.scored("nb", alone=True)
    held.failed("nb", "another", BROKEN, alone=False)
    assert held.admit("nb") is Admission.ALL


def test_one_job_that_fails_again_and_again_holds_nothing_nor_do_many_between_scores(clock: SettableClock) -> None:
    held = breaker(clock)
    for number in range(3 * IN_A_ROW):
        held.failed("nb", "poison", BROKEN, alone=False)
        held.failed("swb", f"job-{number}", BROKEN, alone=False)
        held.scored("swb", alone=False)
    assert held.all_that_is_held() == []


def test_a_held_mode_that_the_engine_does_not_have_is_forgotten_once_no_job_comes_for_it(clock: SettableClock) -> None:
    held = breaker(clock)
    held.hold("fb", LOST, alone=False)
    held.hold("nb", LOST, alone=False)
    clock.move(HOLD * LONGEST_HOLD)
    assert held.all_that_is_held() == ["fb", "nb"], "a job that was put off may come yet"
    clock.move(HOLD)
    assert held.all_that_is_held() == ["nb"]
