"""Pumps: what moves messages to functions, as AWS does by itself.

Forms and rules: Lambda Developer Guide, "Using Lambda with Amazon SQS", and there "Handling errors for an SQS event
source", partial batch responses. The table's stream has a pump of its own: `sandbox.stream_pump`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, JsonValue

from sandbox.cloud import REGION
from sandbox.function import Event, Function, FunctionFailed
from shared import logs

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

BATCH = 10  # Lambda's default for a standard queue
WAIT_SECONDS = 1  # of a long poll, and so how long `stop` takes
PAUSE_SECONDS = 1.0  # after the cloud did not answer


class _Failure(BaseModel):
    identifier: str = Field(alias="itemIdentifier", min_length=1)


class _BatchResponse(BaseModel):
    failures: list[_Failure] | None = Field(None, alias="batchItemFailures")


class QueuePump:
    """Feeds one queue's messages to one function, in batches; deletes what the function did not report as failed.

    A batch whose function raises, or answers malformed, is left whole. What is left comes again after its visibility.
    """

    def __init__(self, sqs: SQSClient, queue_url: str, queue_arn: str, function: Function) -> None:
        self._sqs = sqs
        self._url = queue_url
        self._arn = queue_arn
        self._function = function
        self._log = logs.get(__name__).bind(function=function.name)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{function.name}-pump", daemon=True)

    def start(self) -> None:
        """Pump until stopped."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception:
                self._log.exception("pump_failed")
                self._stopping.wait(PAUSE_SECONDS)

    def _turn(self) -> None:
        messages = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages")
        if messages:
            self._delete(self._worked_off(messages))

    def _worked_off(self, messages: Sequence[MessageTypeDef]) -> list[MessageTypeDef]:
        records: list[JsonValue] = [_record(message, self._arn) for message in messages]
        event: Event = {"Records": records}
        try:
            failed = failed_ids(self._function.invoke(event).result())
        except FunctionFailed:
            return []  # it logged why
        except ValueError as error:
            self._log.error("malformed_batch_response", reason=str(error))
            return []
        if not failed <= {message["MessageId"] for message in messages}:
            self._log.error("unknown_batch_item", items=sorted(failed))
            return []
        return [message for message in messages if message["MessageId"] not in failed]

    def _delete(self, messages: Sequence[MessageTypeDef]) -> None:
        if messages:
            self._sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )


def failed_ids(answer: JsonValue) -> set[str]:
    """The ids that a function reports as failed; none where it answers nothing.

    Raises ValueError where an entry is malformed: then the whole batch counts as failed.
    """
    response = _BatchResponse.model_validate(answer if answer is not None else {})
    return {failure.identifier for failure in response.failures or []}


def _record(message: MessageTypeDef, arn: str) -> dict[str, JsonValue]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {str(name): value for name, value in message.get("Attributes", {}).items()},
        "messageAttributes": {
            name: {"stringValue": attribute.get("StringValue"), "dataType": attribute["DataType"]}
            for name, attribute in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }
