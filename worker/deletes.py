"""Deletes the messages of a queue that are done with: nobody waits for it, and up to ten go in one call."""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

from shared import logs
from worker.patience import GaveUp
from worker.watchdog import Watchdog
from worker.work import Message

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef

    from worker.patience import Patience

MOST_AT_ONCE = 10  # entries of a call: SQS API Reference, DeleteMessageBatch

# Far less than what is left of a message's visibility when it is let go, 40 s; and in this time two seats with jobs of
# 100 ms fill a call, while slower ones make few calls anyway.
GATHER_SECONDS = 0.5

MOST_WAITING = 1000  # more, and SQS deletes nothing: the oldest is forgotten, and deleted once it is received again

log = logs.get(__name__)


class NoneDeleted(BotoCoreError):
    """SQS answered, and by its own fault deleted nothing: a call to be made again."""

    fmt = "Of {entries} messages SQS deleted none: {codes}"


class Deletes:
    """Deletes in batches, on a thread of its own, so that no slow or broken queue holds up another.

    A message stays until SQS says that it is deleted, or that it can never be by this receipt. A delete that is lost
    all the same, with this process, is harmless: whoever receives the message again sees by its job that it is done.
    """

    def __init__(self, client: SQSClient, queue_url: str, patience: Patience, watchdog: Watchdog, loop: str) -> None:
        """`loop` is what the watchdog calls it."""
        self._client = client
        self._queue_url = queue_url
        self._patience = patience
        self._watchdog = watchdog
        self._loop = loop
        self._waiting: dict[str, Message] = {}  # by receipt, in the order in which they are tried
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=loop)

    def start(self) -> None:
        """Begin to delete; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Delete what waits, at once. The patience's end gives up what SQS then still does not take."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def add(self, message: Message) -> None:
        """Have this message deleted within a second or so; returns at once."""
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                self._forget(1, "too many wait")
            self._waiting[message.receipt] = message
            self._changed.notify()

    def _run(self) -> None:
        while self._gathered():
            try:
                self._patience(self._send)
            except GaveUp as error:
                self._forget(MOST_WAITING, str(error))
            except Exception as error:
                log.exception("delete_failed")  # whatever it is, the messages behind these are deleted
                self._forget(MOST_AT_ONCE, str(error))
        self._watchdog.ended(self._loop)

    def _gathered(self) -> bool:
        """Wait for a full call, but not for long from the first message on; False once stopped and none is left."""
        self._watchdog.turn(self._loop)
        with self._changed:
            while not self._changed.wait_for(lambda: self._stopping or self._waiting, self._watchdog.step_seconds):
                self._watchdog.turn(self._loop)
            self._changed.wait_for(lambda: self._stopping or len(self._waiting) >= MOST_AT_ONCE, GATHER_SECONDS)
            return bool(self._waiting)

    def _send(self) -> None:
        """One call. Raises where nothing came of it; what alone was not deleted comes after all others again."""
        self._watchdog.turn(self._loop)
        with self._changed:
            batch = {str(number): message for number, message in enumerate(self._first(MOST_AT_ONCE))}
        answer = self._client.delete_message_batch(
            QueueUrl=self._queue_url,
            Entries=[{"Id": entry, "ReceiptHandle": message.receipt} for entry, message in batch.items()],
        )
        failed = answer.get("Failed", [])
        refused = {failure["Id"] for failure in failed if failure["SenderFault"]}
        done = refused | {success["Id"] for success in answer.get("Successful", [])}
        with self._changed:
            for entry, message in batch.items():
                self._waiting.pop(message.receipt, None)
                if entry not in done:
                    self._waiting[message.receipt] = message
        for failure in failed:
            _tell(batch[failure["Id"]], failure)
        if not done:
            raise NoneDeleted(entries=len(batch), codes=", ".join(sorted({failure["Code"] for failure in failed})))

    def _first(self, count: int) -> list[Message]:
        return list(islice(self._waiting.values(), count))

    def _forget(self, count: int, why: str) -> None:
        with self._changed:
            for message in self._first(count):
                del self._waiting[message.receipt]
                log.warning("message_not_deleted", message_id=message.id, why=why)


def _tell(message: Message, failure: BatchResultErrorEntryTypeDef) -> None:
    again = not failure["SenderFault"]
    log.info("message_not_deleted", message_id=message.id, why=failure["Code"], again=again)
