"""The clock: the machine's while that is right, AWS's where it is not; neither odd answers nor slow ones move it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from email.utils import formatdate
from unittest.mock import Mock

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from shared import envelope
from shared.pools import Lane
from tests.clock import SettableClock
from tests.jobs_for_tests import new_job
from tests.unit.answering_aws import AnsweringAws, Said
from worker.clock import HEARD, OFF_SECONDS, SLOW_SECONDS, TRUSTED_SECONDS, Clock
from worker.fetcher import Fetcher
from worker.places import Place
from worker.work import Message, Work

Log = list[MutableMapping[str, object]]

QUICK = SLOW_SECONDS - 0.01


@st.composite
def honest_calls(draw: st.DrawFn) -> list[tuple[float, float, float]]:
    """How long each is waited with, how long the call is on the way, and how long its answer."""
    calls = []
    for _ in range(draw(st.integers(1, 20))):
        there = draw(st.floats(0, QUICK))
        calls.append((draw(st.floats(0, 1)), there, draw(st.floats(0, QUICK - there))))
    return calls


class World:
    """AWS with its time, and a machine whose clock is off by so many seconds."""

    def __init__(self, off_by: float = 0.0) -> None:
        self.aws = SettableClock()
        self.off_by = off_by
        self.clock = Clock(machine=self.machine, steady=lambda: self.aws.now - 1_700_000_000)

    def machine(self) -> float:
        return self.aws.now + self.off_by

    def call(self, there: float = 0.05, back: float = 0.05, odd_by: float = 0.0) -> None:
        """A call that AWS answers, with an odd Date perhaps."""
        self.call_with(lambda: {"date": formatdate(self.aws.now + odd_by, usegmt=True)}, there, back)

    def call_with(self, headers: Callable[[], Mapping[str, str]], there: float = 0.05, back: float = 0.05) -> None:
        context: dict[str, object] = {}
        self.clock.sent(context=context)
        self.aws.move(there)
        response = {"headers": headers()}
        self.aws.move(back)
        self.clock.hear(response_dict=response, context=context)


@pytest.fixture
def log() -> Iterator[Log]:
    with capture_logs() as lines:
        yield lines


@given(calls=honest_calls())
def test_a_machine_that_is_right_keeps_its_own_finer_time(calls: list[tuple[float, float, float]]) -> None:
    world = World()
    for pause, there, back in calls:
        world.aws.move(pause)
        world.call(there, back)
        assert world.clock() == world.machine()
        assert not world.clock.off()


@given(calls=honest_calls(), off_by=st.floats(-1e6, 1e6).filter(lambda seconds: abs(seconds) > 2 * TRUSTED_SECONDS))
def test_a_machine_that_is_wrong_has_the_time_of_aws(calls: list[tuple[float, float, float]], off_by: float) -> None:
    world = World(off_by)
    for pause, there, back in calls:
        world.aws.move(pause)
        world.call(there, back)
        world.aws.move(100)
        assert world.clock() == pytest.approx(world.aws.now, abs=TRUSTED_SECONDS)


@pytest.mark.parametrize("sign", [1, -1])
def test_more_than_half_a_minute_is_off_and_less_is_not(sign: int) -> None:
    for seconds, off in ((OFF_SECONDS - 2, False), (OFF_SECONDS + 2, True)):
        world = World(sign * seconds)
        world.call()
        assert world.clock.off() is off


@given(odd=st.lists(st.floats(-1e8, 1e8), max_size=HEARD // 2), order=st.randoms())
def test_two_odd_answers_of_five_move_nothing(odd: list[float], order: random.Random) -> None:
    world = World()
    answers = [0.0] * (HEARD - len(odd)) + odd
    order.shuffle(answers)
    for odd_by in answers:
        world.call(odd_by=odd_by)
    assert world.clock() == world.machine()
    assert not world.clock.off()


def test_answers_that_were_long_on_the_way_do_not_count() -> None:
    world = World()
    world.call()
    for _ in range(HEARD):  # as when the process was stopped while they came in
        world.call(back=120)
    assert world.clock() == world.machine()
    assert not world.clock.off()


def test_before_the_first_answer_the_machine_is_believed() -> None:
    world = World(off_by=1000)
    assert world.clock() == world.machine()
    assert not world.clock.off()


def test_who_sets_the_machines_clock_wrong_does_not_move_the_time_and_it_is_off_at_once() -> None:
    world = World()
    world.call()
    world.off_by = -120
    assert world.clock() == pytest.approx(world.aws.now, abs=TRUSTED_SECONDS)
    assert world.clock.off()


def test_it_is_well_as_soon_as_the_clock_is_set_and_each_change_is_told_once(log: Log) -> None:
    world = World(off_by=120)
    for _ in range(3):
        world.call()
        assert world.clock.off()
    world.off_by = 0
    for _ in range(3):
        assert not world.clock.off()
    assert [line["event"] for line in log] == ["clock_off", "clock_well"]
    assert log[0]["seconds"] == pytest.approx(120, abs=1)
    assert log[0]["machine"] == "ahead"
    assert "chronyd" in str(log[0]["to_do"])


def test_it_is_well_as_soon_as_most_answers_say_so() -> None:
    world = World()
    for _ in range(HEARD):
        world.call(odd_by=120)
    assert world.clock.off()
    for _ in range(HEARD // 2):
        world.call()
        assert world.clock.off()
    world.call()
    assert not world.clock.off()


@given(date=st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d ([A-Z]{3}|-\d{4})"))
def test_whatever_stands_for_a_date_is_taken_or_left(date: str) -> None:
    world = World()
    for _ in range(HEARD // 2):
        world.call_with(lambda: {"date": date})
        world.call_with(dict)
    for _ in range(HEARD):
        world.call()
    assert world.clock() == world.machine()


@pytest.mark.parametrize("said", [Said(), Said(400, "RequestTimeTooSkewed"), Said(503, "ServiceUnavailable")])
def test_every_answer_to_a_client_tells_the_time_be_it_an_error(said: Said) -> None:
    session, clock = botocore.session.Session(), Clock()
    handlers: dict[str, Callable[..., None]] = {"before-call": clock.sent, "response-received": clock.hear}
    for event, handler in handlers.items():
        session.register(event, handler)
    client = boto3.session.Session(botocore_session=session).client(
        "sqs", config=Config(retries={"total_max_attempts": 1})
    )
    hour_ahead = {"date": formatdate(time.time() + 3600, usegmt=True)}
    AnsweringAws([client], lambda _: Said(said.status, said.code, headers=hour_ahead))
    assert clock.offset() == 0
    try:
        client.list_queues()
    except ClientError:
        assert said.code
    assert clock.offset() == pytest.approx(3600, abs=TRUSTED_SECONDS)


def test_while_the_clock_is_off_a_message_goes_back_at_once_and_its_job_is_not_claimed() -> None:
    world = World(off_by=120)
    world.call()
    claims, messages, places = Mock(), Mock(), Mock()
    fetcher = Fetcher(
        claims=claims,
        messages=messages,
        breaker=Mock(),
        files=Mock(),
        measuring=Mock(),
        keeper=Mock(),
        places=places,
        accounts=Mock(),
        clock=world.clock,
        ready=Mock(),
        outbox=Mock(),
    )
    body = envelope.pack(new_job().id)
    message = Message(id="m", lane=Lane.INTERACTIVE, body=body, receipt="", receives=1)
    work = Work(message, Place(0))
    fetcher.fetch(work)
    messages.show_in.assert_called_once_with(message, 0)
    places.release.assert_called_once_with(work.place)
    assert not claims.mock_calls
