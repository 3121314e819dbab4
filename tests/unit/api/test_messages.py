"""Messages that a function failed on come again soon, not after the time for which their queue hides them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from api import batch_starter, dead_letters, intake, messages
from api.messages import Failures, Message
from api.service import Service
from shared.resources import BATCHES_QUEUE, DEAD_QUEUE, UPLOADS_QUEUE

Handler = Callable[[Mapping[str, Sequence[Message]], object], Failures]


class Broken(Exception):
    """Something passes."""


@pytest.mark.parametrize(
    ("handler", "queue"),
    [
        (intake.handler, UPLOADS_QUEUE),
        (batch_starter.handler, BATCHES_QUEUE),
        (dead_letters.handler, DEAD_QUEUE),
    ],
)
def test_a_message_that_failed_is_seen_again_in_as_long_as_is_said(
    handler: Handler, queue: str, parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise Broken

    for module, name in ((intake, "_take_in"), (batch_starter, "_run"), (dead_letters, "_look")):
        monkeypatch.setattr(module, name, fail)
    url = parts.settings.queue_urls[queue]
    parts.sqs.send_message(QueueUrl=url, MessageBody="{}")
    [found] = parts.sqs.receive_message(QueueUrl=url)["Messages"]
    record: Message = {
        "messageId": found["MessageId"],
        "receiptHandle": found["ReceiptHandle"],
        "body": found["Body"],
    }
    monkeypatch.setattr(messages, "RETRY_SECONDS", 0)
    assert handler({"Records": [record]}, None) == {"batchItemFailures": [{"itemIdentifier": found["MessageId"]}]}
    [again] = parts.sqs.receive_message(QueueUrl=url)["Messages"]
    assert again["MessageId"] == found["MessageId"]
