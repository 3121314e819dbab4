"""Reminders: news at once, the same again in a while only."""

from __future__ import annotations

from tests.clock import SettableClock
from worker.reminders import REMIND_SECONDS, Reminders


def test_what_is_said_over_and_over_is_told_once_and_then_once_in_a_while(clock: SettableClock) -> None:
    reminders, told = Reminders(clock), 0
    for _ in range(30):
        told += reminders.due("seat", "it died")
        clock.move(REMIND_SECONDS / 10)
    assert told == 3


def test_news_is_told_at_once_and_so_is_what_is_about_something_else(clock: SettableClock) -> None:
    reminders = Reminders(clock)
    assert reminders.due("first seat", "it died")
    assert reminders.due("second seat", "it died")
    assert reminders.due("first seat", "it hangs")


def test_what_is_over_is_news_when_it_comes_again(clock: SettableClock) -> None:
    reminders = Reminders(clock)
    assert not reminders.forget("seat")
    reminders.due("seat", "it died")
    assert reminders.forget("seat")
    assert reminders.due("seat", "it died")


def test_what_has_no_words_is_told_too(clock: SettableClock) -> None:
    assert Reminders(clock).due("seat", "")
