"""The queues of the worker's pool, a lane each, as it uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared import logs
from shared.pools import Lane
from shared.resources import VISIBILITY
from worker import credentials
from worker.deletes import Deletes
from worker.patience import GaveUp
from worker.watchdog import Watchdog
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
        self,
        client: SQSClient,
        polling: SQSClient,
        urls: Mapping[Lane, str],
        malformed_url: str,
        patience: Patience,
        watchdog: Watchdog,
    ) -> None:
        self._client = client
        self._polling = polling
        self._urls = urls
        self._deletes = {
            lane: Deletes(client, url, patience, watchdog, f"deletes-{lane}") for lane, url in urls.items()
        }
        self._malformed_url = malformed_url
        self._patience = patience
        self._gave_up = False

    def start(self) -> None:
        """Begin to delete what is handed over for it; returns at once."""
        for deletes in self._deletes.values():
            deletes.start()

    def stop(self) -> None:
        """Delete what is still to be deleted, once nobody hands over any more."""
        for deletes in self._deletes.values():
            deletes.stop()

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
            if not credentials.tells(error):
                log.warning("visibility_not_changed", message_id=message.id, lane=message.lane, error=str(error))

    def show_in(self, message: Message, seconds: float) -> None:
        """Give the message back: it is seen again after so many seconds. Failing leaves it to its visibility.

        By a call of its own, for it is awaited: another worker may have it at once, and a drain leaves none hidden.
        But once the worker must end, the first that fails is the last one tried: each would take its time-out.
        """
        if self._gave_up:
            log.warning("message_not_given_back", message_id=message.id, lane=message.lane, error="the worker ends")
            return
        try:
            self._patience(lambda: self._change_visibility(message, seconds))
        except (BotoCoreError, ClientError, GaveUp) as error:
            self._gave_up |= isinstance(error, GaveUp)
            log.warning("message_not_given_back", message_id=message.id, lane=message.lane, error=str(error))

    def delete(self, message: Message) -> None:
        """Have the message deleted within a second or so; returns at once."""
        self._deletes[message.lane].add(message)

    def put_aside(self, message: Message) -> None:
        """Move a message that nobody can read to where the operator is told of it, in few tries.

        Raises GaveUp, BotoCoreError or ClientError where it is not moved.
        """
        self._patience.briefly(
            lambda: self._client.send_message(QueueUrl=self._malformed_url, MessageBody=message.body)
        )
        self.delete(message)

    def _change_visibility(self, message: Message, seconds: float) -> None:
        whole = min(max(round(seconds), 0), LONGEST_VISIBILITY)
        self._client.change_message_visibility(
            QueueUrl=self._urls[message.lane], ReceiptHandle=message.receipt, VisibilityTimeout=whole
        )
