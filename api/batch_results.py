"""A batch's results as one table, a job a line: JSON Lines, and CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from boto3.s3.transfer import TransferConfig

from api import janitor
from api.batch_documents import FORMULA_STARTS, ResultLine
from api.listing import Listing
from shared import batch_counts, items, logs
from shared.batches import BatchState, UnknownBatch
from shared.job import Job
from shared.object_keys import batch_results_key

if TYPE_CHECKING:
    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import KeysAndAttributesOutputTypeDef, KeysAndAttributesTypeDef

    from api.service import Service
    from shared.batches import Batch

READ_AT_ONCE = 100  # items: DynamoDB API Reference, BatchGetItem
INDEX_SECONDS = 5 * 60  # the index follows the table by far less than that
COLUMNS = (
    "custom_id", "job", "state", "mos_lqo", "mode", "engine", "version", "label", "metadata", "warnings", "error",
    "file", "error_message",
)  # fmt: skip
DECIMALS = 4  # of a score in CSV, as of a batch's mean

log = logs.get(__name__)


class IndexBehind(Exception):
    """The index does not show every job yet: to be tried again."""


def write(parts: Service, batch: Batch) -> None:
    """Write both tables of an ended batch, whole, and note that they are there. Raises IndexBehind, UnknownBatch."""
    with _text_file() as lines, _text_file() as table:
        written = _fill(parts, batch, lines, table)
        wanted = batch.items - batch_counts.read(parts.table, batch.id).deleted
        if written < wanted and time.time() < batch.times[BatchState.ENDED] + INDEX_SECONDS:
            raise IndexBehind(f"{written} of {wanted}")
        _put(parts, batch, "jsonl", "application/jsonl", lines)
        _put(parts, batch, "csv", "text/csv", table)
    try:
        noted = parts.batches.finished(batch)
    except UnknownBatch:
        janitor.clear_batch(parts, batch.id)  # it was deleted meanwhile, and cleared before these were written
        raise
    log.info("batch_results_written" if noted else "batch_results_outdated", batch=batch.id, jobs=written)


def _text_file() -> io.TextIOWrapper:
    return tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # its line ends are as they are written


def _fill(parts: Service, batch: Batch, lines: io.TextIOWrapper, table: io.TextIOWrapper) -> int:
    rows = csv.DictWriter(table, COLUMNS)
    rows.writeheader()
    written = 0
    for job in _jobs(parts, batch):
        lines.write(_line(job).model_dump_json() + "\n")
        rows.writerow(_row(job))
        written += 1
    return written


def _jobs(parts: Service, batch: Batch) -> Iterator[Job]:
    """Every job of the batch as it is now, in the order of creation: the index says which, the table how they are."""
    listing = Listing(parts.table, {"batch": batch.id}, {}, oldest_first=True)
    while True:
        keys = [str(item["pk"]) for item in listing.page(READ_AT_ONCE)]
        found = _read(parts, keys)
        yield from (found[key] for key in keys if key in found)
        if listing.last is None:
            return


def _read(parts: Service, keys: list[str]) -> dict[str, Job]:
    wanted: KeysAndAttributesTypeDef | KeysAndAttributesOutputTypeDef
    wanted = {"Keys": [items.pack({"pk": key, "sk": "JOB"}) for key in keys], "ConsistentRead": True}
    found: dict[str, Job] = {}
    while wanted.get("Keys"):
        response = parts.dynamodb.batch_get_item(RequestItems={parts.table.name: wanted})
        for item in response["Responses"].get(parts.table.name, []):
            unpacked = items.unpack(item)
            found[str(unpacked["pk"])] = Job.model_validate(unpacked)
        wanted = response.get("UnprocessedKeys", {}).get(parts.table.name, {"Keys": []})
    return found


def _line(job: Job) -> ResultLine:
    return ResultLine(
        custom_id=job.custom_id,
        job=job.id,
        state=job.state,
        label=job.label,
        metadata=job.metadata,
        result=job.result,
        error=job.error,
    )


def _row(job: Job) -> dict[str, JsonValue]:
    result, error = job.result, job.error
    return {
        "custom_id": job.custom_id,
        "job": job.id,
        "state": job.state,
        "mos_lqo": round(result.mos_lqo, DECIMALS) if result and result.mos_lqo is not None else None,
        "mode": job.mode,
        "engine": job.engine,
        "version": result.engine.version if result else None,
        "label": _harmless(job.label),
        "metadata": json.dumps(job.metadata, ensure_ascii=False) if job.metadata else None,
        "warnings": " ".join(advice.code for advice in result.warnings) if result else None,
        "error": error.code if error else None,
        "file": error.file if error else None,
        "error_message": _harmless(error.message) if error else None,
    }


def _harmless(text: str | None) -> str | None:
    """Text that a spreadsheet would take for a formula gets a quote before it. No `custom_id` is such a text."""
    return f"'{text}" if text and text.startswith(FORMULA_STARTS) else text


def _put(parts: Service, batch: Batch, form: str, media_type: str, content: io.TextIOWrapper) -> None:
    content.flush()
    content.seek(0)
    parts.s3.upload_fileobj(
        content.buffer,  # type: ignore[arg-type]  # a binary file, read from its beginning
        parts.settings.bucket,
        batch_results_key(batch.id, form),
        ExtraArgs={"ContentType": media_type},
        Config=TransferConfig(use_threads=False),  # this thread has nothing else to do
    )
