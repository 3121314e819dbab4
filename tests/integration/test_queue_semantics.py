"""What the worker relies on in SQS, on two emulators that know nothing of each other, and where they differ.

| rule of SQS | fauxqs | ministack |
|---|---|---|
| a delete by the receipt of an earlier receive succeeds, and deletes nothing | the same | errs, deletes nothing |
| what was deleted may be deleted again | the same | errs |
| a message that is seen cannot be hidden by its last receipt | the same | hides it |
| a long poll ends once a message is there | the same | up to 0.1 s later |
| a standard queue takes `MessageGroupId` and gives it out as an attribute | takes it, forgets it | the same |

Source: SQS API Reference, DeleteMessage and ChangeMessageVisibility. Neither models fair queues: no test claims that.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from botocore.exceptions import ConnectionClosedError

from sandbox import resources as made
from shared.pools import Lane
from shared.resources import DEAD_QUEUE, MALFORMED_QUEUE, lane_queue
from tests.cloud import POOL, Cloud, clients
from worker.messages import Messages
from worker.patience import Patience
from worker.watchdog import LIMIT_SECONDS, Watchdog
from worker.work import Message

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

LANE = Lane.INTERACTIVE
QUEUE = lane_queue(POOL.name, LANE)


@pytest.fixture(params=["fauxqs", "ministack"])
def sqs(request: pytest.FixtureRequest) -> SQSClient:
    if request.param == "fauxqs":
        endpoint: str = request.getfixturevalue("fauxqs")
        return clients(endpoint).sqs
    cloud: Cloud = request.getfixturevalue("cloud")
    return clients(cloud.endpoint).sqs


class Queues:
    """Fresh queues, and the worker's own way with them."""

    def __init__(self, sqs: SQSClient) -> None:
        self.sqs = sqs
        self.urls = made.create_queues(sqs, [POOL], prefix=f"test-{uuid4().hex[:12]}-")
        self.messages = self._messages()

    def _messages(self) -> Messages:
        lanes = {lane: self.urls[lane_queue(POOL.name, lane)] for lane in Lane}
        return Messages(self.sqs, self.sqs, lanes, self.urls[MALFORMED_QUEUE], Patience(), Watchdog(LIMIT_SECONDS))

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.urls[QUEUE], MessageBody=body)

    def receive(self, wait_seconds: int = 1) -> list[Message]:
        return self.messages.receive(LANE, 10, wait_seconds)

    def receive_one(self) -> Message:
        [message] = self.receive(wait_seconds=5)
        return message

    def delete(self, *messages: Message) -> None:
        """Delete, and wait until that is done."""
        worker = self._messages()
        worker.start()
        for message in messages:
            worker.delete(message)
        worker.stop()

    def counts(self, queue: str = QUEUE) -> tuple[int, int]:
        """Messages: to be seen, and in flight."""
        counted = self.sqs.get_queue_attributes(
            QueueUrl=self.urls[queue],
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return int(counted["ApproximateNumberOfMessages"]), int(counted["ApproximateNumberOfMessagesNotVisible"])


@pytest.fixture
def queues(sqs: SQSClient) -> Queues:
    return Queues(sqs)


def test_what_is_deleted_is_gone(queues: Queues) -> None:
    """Both emulators delete by the receipt of the last receive."""
    queues.send(*"abcdefghij")
    queues.send("k", "l")
    received = [*queues.receive(), *queues.receive()]
    assert len(received) == 12
    queues.delete(*received)
    assert queues.counts() == (0, 0)


def test_a_receipt_from_before_another_receive_deletes_nothing_and_holds_up_no_other_delete(queues: Queues) -> None:
    """Both emulators leave the message; fauxqs answers success, as SQS does, ministack ReceiptHandleIsInvalid."""
    queues.send("a")
    stale = queues.receive_one()
    queues.messages.hide(stale, 1)
    again = queues.receive_one()  # once its visibility has passed
    queues.send("b", "c")
    queues.delete(stale, *queues.receive())
    assert queues.counts() == (0, 1)
    queues.messages.show_in(again, 0)
    assert queues.receive_one().body == "a"


def test_a_delete_whose_response_was_lost_is_made_again_and_harms_nothing(queues: Queues) -> None:
    """Both emulators apply the first call; fauxqs answers the second with success, as SQS does, ministack refuses."""
    queues.send("a", "b")
    received = queues.receive()
    sent: list[str] = []

    def lose(**_: object) -> None:
        sent.append("deletes")
        if len(sent) == 1:
            raise ConnectionClosedError(endpoint_url="")

    queues.sqs.meta.events.register_first("needs-retry.sqs.DeleteMessageBatch", lose)
    queues.delete(*received)
    assert len(sent) == 2
    assert queues.counts() == (0, 0)


def test_a_message_given_back_with_no_time_is_seen_at_once(queues: Queues) -> None:
    """Both emulators hide what was received until then."""
    queues.send("a")
    message = queues.receive_one()
    assert queues.receive() == []
    queues.messages.show_in(message, 0)
    assert queues.counts() == (1, 0)
    assert queues.receive_one().id == message.id


def test_a_message_is_hidden_for_as_long_as_it_was_extended_last(queues: Queues) -> None:
    """Both emulators let the last change of a visibility count, from the moment it is made."""
    queues.send("a", "b")
    kept, left = queues.receive()
    queues.messages.hide(kept, 1)
    queues.messages.hide(left, 1)
    queues.messages.hide(kept, 60)
    assert queues.receive_one().id == left.id
    assert queues.receive() == []


def test_receives_are_counted(queues: Queues) -> None:
    """Both emulators count each receive."""
    queues.send("a")
    for expected in (1, 2, 3):
        message = queues.receive_one()
        assert message.receives == expected
        queues.messages.show_in(message, 0)


def test_a_message_received_too_often_goes_to_the_dead_letters(queues: Queues) -> None:
    """Both emulators move it when it would be received once more than the redrive policy allows."""
    target = made.queue_arn(queues.sqs, queues.urls[DEAD_QUEUE])
    redrive = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": 2})
    queues.sqs.set_queue_attributes(QueueUrl=queues.urls[QUEUE], Attributes={"RedrivePolicy": redrive})
    queues.send("a")
    for _ in range(2):
        queues.messages.show_in(queues.receive_one(), 0)
    assert queues.receive() == []
    assert queues.counts() == (0, 0)
    assert queues.counts(DEAD_QUEUE) == (1, 0)


def test_a_standard_queue_takes_messages_with_a_group(queues: Queues) -> None:
    """Both emulators accept it and, unlike FIFO queues, give out messages of one group side by side."""
    for body in "ab":
        queues.sqs.send_message(QueueUrl=queues.urls[QUEUE], MessageBody=body, MessageGroupId="acme")
    assert {message.body for message in queues.receive()} == {"a", "b"}


def test_a_long_poll_ends_as_soon_as_there_is_a_message(queues: Queues) -> None:
    """fauxqs wakes the poll at once, ministack looks every 0.1 s."""
    polling = threading.Event()
    queues.sqs.meta.events.register_first("before-send.sqs.ReceiveMessage", lambda **_: polling.set())
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(queues.receive, 20)
        assert polling.wait(5)
        queues.send("a")
        [message] = poll.result(timeout=10)
    assert message.body == "a"


@pytest.fixture
def strict(fauxqs: str) -> Queues:
    return Queues(clients(fauxqs).sqs)


def test_a_late_heartbeat_does_not_hide_what_was_given_back(strict: Queues) -> None:
    """fauxqs refuses it, as SQS does. ministack hides the message: there only the keeper's order keeps it seen."""
    strict.send("a")
    message = strict.receive_one()
    strict.messages.show_in(message, 0)
    strict.messages.hide(message, 60)
    assert strict.receive_one().id == message.id
