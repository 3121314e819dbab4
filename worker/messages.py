"""The queues of the worker's pool, a lane each, as it uses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared import logs
from shared.pools import Lane
from shared.resources import VISIBILITY
from worker.patience import GaveUp
from worker.work import Message

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

    from worker.patience import Patience

MOST_AT_ONCE = 10  # messages a receive: SQS API Reference, ReceiveMessage, MaxNumberOfMessages
LONGEST_VISIBILITY = 43_200  # seconds from a receive: SQS API Reference, ChangeMessageVisibility

log = logs.get(__name__)


class Messages:
    """Receives and settles messages. The table is the truth; a message that cannot be changed is left to its time."""

    def __init__(
        self, client: SQSClient, polling: SQSClient, urls: Mapping[Lane, str], malformed_url: str, patience: Patience
    ) -> None:
        self._client = client
        self._polling = polling
        self._urls = urls
        self._malformed_url = malformed_url
        self._patience = patience

    def receive(self, lane: Lane, most: int, wait_seconds: int) -> list[Message]:
        """Up to `most` messages of a lane, waiting for the first. Raises whatever the call raises."""
        response = self._polling.receive_message(
            QueueUrl=self._urls[lane],
            MaxNumberOfMessages=min(most, MOST_AT_ONCE),
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=VISIBILITY,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            Message(
                id=message["MessageId"],
                lane=lane,
                body=message["Body"],
                receipt=message["ReceiptHandle"],
                receives=int(message["Attributes"]["ApproximateReceiveCount"]),
            )
            for message in response.get("Messages", [])
        ]

    def hide(self, message: Message, seconds: float) -> None:
        """Let nobody else see the message for so long. One try, for a heartbeat must not wait; failing is logged."""
        try:
            self._change_visibility(message, seconds)
        except (BotoCoreError, ClientError) as error:
            log.warning("visibility_not_changed", message_id=message.id, error=str(error))

    def show_in(self, message: Message, seconds: float) -> None:
        """Give the message back: it is seen again after so many seconds. Failing leaves it to its visibility."""
        self._settle("message_not_given_back", message, lambda: self._change_visibility(message, seconds))

    def delete(self, message: Message) -> None:
        """Delete the message. Failing is harmless: whoever receives it again sees by its job that it is done with."""
        call = partial(self._client.delete_message, QueueUrl=self._urls[message.lane], ReceiptHandle=message.receipt)
        self._settle("message_not_deleted", message, call)

    def put_aside(self, message: Message) -> None:
        """Move a message that nobody can read to where the operator is told of it."""
        self._patience(lambda: self._client.send_message(QueueUrl=self._malformed_url, MessageBody=message.body))
        self.delete(message)

    def _change_visibility(self, message: Message, seconds: float) -> None:
        whole = min(max(round(seconds), 0), LONGEST_VISIBILITY)
        self._client.change_message_visibility(
            QueueUrl=self._urls[message.lane], ReceiptHandle=message.receipt, VisibilityTimeout=whole
        )

    def _settle(self, failure: str, message: Message, call: Callable[[], object]) -> None:
        try:
            self._patience(call)
        except (BotoCoreError, ClientError, GaveUp) as error:
            log.warning(failure, message_id=message.id, error=str(error))
