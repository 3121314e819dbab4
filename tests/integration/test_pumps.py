"""A pump treats messages as Lambda's event source mapping does: what failed comes again, what did not is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from queue import Queue

import pytest
from pydantic import JsonValue

from sandbox.function import Context, Event, Function
from sandbox.pumps import BATCH, QueuePump, failed_ids
from sandbox.resources import queue_arn
from shared.resources import BATCHES_QUEUE
from tests.cloud import Resources

PATIENCE = 30.0

Record = Mapping[str, JsonValue]
Answer = Callable[[list[Record]], object]


class Pumped:
    """A queue that is pumped to a stand-in handler, whose batches arrive in `batches`."""

    def __init__(self, resources: Resources) -> None:
        self.sqs = resources.clients.sqs
        self.url = resources.queue_urls[BATCHES_QUEUE]  # into which nobody else sends
        self.arn = queue_arn(self.sqs, self.url)
        self.batches: Queue[list[Record]] = Queue()
        self.answer: Answer = lambda records: {"batchItemFailures": []}
        self._function = Function("stand-in", self._handle)
        self._pump = QueuePump(self.sqs, self.url, self.arn, self._function)

    def send(self, *bodies: str) -> None:
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]

    def start(self) -> None:
        self._pump.start()

    def stop(self) -> None:
        self._pump.stop()
        self._function.stop()

    def show_again(self, record: Record) -> None:
        """Do not wait for the end of the message's visibility."""
        handle = str(record["receiptHandle"])
        self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0)

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]  # type: ignore[arg-type]
        return sum(int(count) for count in counts.values())

    def _handle(self, event: Event, context: Context) -> object:
        records = event["Records"]
        assert isinstance(records, list)
        batch: list[Record] = [record for record in records if isinstance(record, dict)]
        answer = self.answer(batch)
        self.batches.put(batch)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def pumped(resources: Resources) -> Iterator[Pumped]:
    pumped = Pumped(resources)
    yield pumped
    pumped.stop()


def test_messages_reach_the_function_as_sqs_records_and_are_deleted(pumped: Pumped) -> None:
    pumped.send("one")
    pumped.start()
    (record,) = pumped.batches.get(timeout=PATIENCE)
    pumped.stop()
    attributes = record["attributes"]
    assert isinstance(attributes, dict)
    assert record["body"] == "one"
    assert (record["eventSource"], record["eventSourceARN"]) == ("aws:sqs", pumped.arn)
    assert attributes["ApproximateReceiveCount"] == "1"
    assert {"messageId", "receiptHandle", "md5OfBody", "awsRegion", "messageAttributes"} <= set(record)
    assert pumped.left() == 0


def test_a_batch_has_at_most_ten_messages(pumped: Pumped) -> None:
    for start in range(0, 30, 10):
        pumped.send(*(str(number) for number in range(start, start + 10)))
    pumped.start()
    seen: list[JsonValue] = []
    while len(seen) < 30:
        batch = pumped.batches.get(timeout=PATIENCE)
        assert 1 <= len(batch) <= BATCH
        seen += [record["body"] for record in batch]
    assert sorted(seen, key=lambda body: int(str(body))) == [str(number) for number in range(30)]


def test_of_a_batch_only_what_failed_is_left(pumped: Pumped) -> None:
    pumped.answer = lambda records: failures(record for record in records if record["body"] == "bad")
    pumped.send("good", "bad", "fine")
    pumped.start()
    seen = receive(pumped, 3)
    pumped.stop()
    assert pumped.left() == 1
    pumped.show_again(next(record for record in seen if record["body"] == "bad"))
    assert [message["Body"] for message in pumped.sqs.receive_message(QueueUrl=pumped.url)["Messages"]] == ["bad"]


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("told to"),
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": "of no message"}]},
        {"batchItemFailures": [{"wrong": "key"}]},
        "text",
    ],
)
def test_of_a_batch_that_fails_as_a_whole_everything_is_left(pumped: Pumped, failure: object) -> None:
    pumped.answer = lambda _: failure
    pumped.send("one", "two")
    pumped.start()
    receive(pumped, 2)
    pumped.stop()
    assert pumped.left() == 2


def test_what_failed_comes_again_once_it_is_visible(pumped: Pumped) -> None:
    pumped.answer = failures
    pumped.send("bad")
    pumped.start()
    (record,) = receive(pumped, 1)
    pumped.answer = lambda _: None
    pumped.show_again(record)
    (again,) = receive(pumped, 1)
    pumped.stop()
    assert again["messageId"] == record["messageId"]
    assert pumped.left() == 0


def test_a_pump_that_is_stopped_finishes_its_batch_and_takes_no_other(pumped: Pumped) -> None:
    pumped.send("one")
    pumped.start()
    pumped.batches.get(timeout=PATIENCE)
    pumped.stop()
    pumped.send("two")
    assert pumped.left() == 1


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_answer_that_names_no_failure_is_success(answer: JsonValue) -> None:
    assert failed_ids(answer) == set()


def test_named_failures_are_those_ids() -> None:
    assert failed_ids({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}) == {"a", "b"}


@pytest.mark.parametrize("identifier", ["", None, 3])
def test_an_entry_without_an_id_is_malformed(identifier: JsonValue) -> None:
    with pytest.raises(ValueError, match="itemIdentifier"):
        failed_ids({"batchItemFailures": [{"itemIdentifier": identifier}]})


def failures(records: Iterable[Record]) -> JsonValue:
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in records]}


def receive(pumped: Pumped, count: int) -> list[Record]:
    seen: list[Record] = []
    while len(seen) < count:
        seen += pumped.batches.get(timeout=PATIENCE)
    return seen
