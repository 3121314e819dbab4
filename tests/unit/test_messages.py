"""Messages that are given back, also where SQS does not answer any more."""

from __future__ import annotations

from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from shared.pools import Lane
from worker.messages import Messages
from worker.patience import Patience
from worker.watchdog import LIMIT_SECONDS, Watchdog
from worker.work import Message

URLS = {lane: f"http://nowhere/{lane}" for lane in Lane}


@pytest.fixture
def patience() -> Patience:
    return Patience()


@pytest.fixture
def cut_off() -> Mock:
    made = Mock(spec=boto3.client("sqs", region_name="us-east-1"))
    made.change_message_visibility.side_effect = EndpointConnectionError(endpoint_url="http://nowhere")
    return made


def test_once_the_worker_must_end_a_queue_that_cannot_be_reached_is_tried_once_and_not_by_each_message(
    patience: Patience, cut_off: Mock
) -> None:
    messages = Messages(cut_off, cut_off, URLS, "http://nowhere/malformed", patience, Watchdog(LIMIT_SECONDS))
    patience.end()
    for number in range(9):
        messages.show_in(Message(str(number), Lane.BULK, "{}", "receipt", 1), 0)
    assert cut_off.change_message_visibility.call_count == 1
