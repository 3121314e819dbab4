"""What is to be done for a batch, as messages of the queue that `api.batch_starter` works off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from api.listing import Cursor
from shared.job import JobId
from shared.resources import BATCHES_QUEUE

if TYPE_CHECKING:
    from api.service import Service
    from shared.batches import Batch


class Errand(BaseModel):
    """A message of the batches' queue: how far its jobs are started. `seen` counts those looked at so far.

    With `remove`, how far they are removed, and `seen` counts those that were.
    """

    model_config = ConfigDict(frozen=True)

    batch: JobId
    after: Cursor | None = None
    seen: int = 0
    remove: bool = False


def send(parts: Service, batch: Batch, after: Cursor | None = None, seen: int = 0, delay_seconds: int = 0) -> None:
    """Have a batch worked off, from its beginning or from there on. Again is harmless."""
    send_errand(parts, Errand(batch=batch.id, after=after, seen=seen), delay_seconds)


def send_removal(parts: Service, batch_id: str) -> None:
    """Have all jobs of a batch removed that is gone. Again is harmless."""
    send_errand(parts, Errand(batch=batch_id, remove=True))


def take_up(parts: Service, batch: Batch) -> None:
    """Have a batch worked off that is due; of many calls at once, and while that is under way, one does it.

    Raises UnknownBatch. Where the message cannot be sent, the batch is due again.
    """
    if not parts.batches.take_up(batch):
        return
    try:
        send(parts, batch)
    except Exception:
        parts.batches.check_in(batch, 0)
        raise


def send_errand(parts: Service, errand: Errand, delay_seconds: int = 0) -> None:
    """Have this done, after so long."""
    parts.sqs.send_message(
        QueueUrl=parts.settings.queue_urls[BATCHES_QUEUE],
        MessageBody=errand.model_dump_json(),
        DelaySeconds=delay_seconds,
    )
