"""`/v1/batches`: create a batch, add jobs to it, start it, ask how it goes, get its results."""

from __future__ import annotations

import time
from functools import cache
from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from botocore.exceptions import ClientError

from api import batch_items, errands, idempotency, polling, waiting
from api.answers import answer
from api.batch_documents import (
    BatchDocument,
    ItemAnswers,
    NewBatch,
    NewItems,
    ResultsDocument,
    batch_document,
    batch_path,
)
from api.documents import timestamp
from api.outcomes import Success, outcomes, problems
from api.parameters import BatchPath, IdempotencyHeader
from api.problem_kinds import Kind
from api.problems import batch_in_wrong_state, unknown_batch
from api.service import Service, service
from api.tenants import Tenant, caller
from shared import batch_counts
from shared.batches import OPEN_SECONDS, Batch, BatchState, UnknownBatch
from shared.job import is_id, new_job_id
from shared.object_keys import batch_results_key

router = Router()

RESULTS_SECONDS = 15 * 60


@router.post(
    "/v1/batches",
    status_code=HTTPStatus.CREATED,
    responses=outcomes(
        Success(HTTPStatus.CREATED, "The batch.", BatchDocument, ["open_batch"], ["Location", "Idempotency-Replayed"])
    ),
    openapi_extensions=problems(Kind.IDEMPOTENCY_KEY_REUSED),
)
def create_batch(
    body: Annotated[NewBatch, Body()], idempotency_key: IdempotencyHeader = None
) -> Response[BatchDocument]:
    """Create an empty batch. Add jobs to it, upload their files, start it: the last two in any order."""
    parts, now = service(), time.time()
    tenant = _tenant(parts)
    new = Batch(
        id=new_job_id(),
        tenant=tenant.id,
        times={BatchState.OPEN: now},
        label=body.label,
        metadata=body.metadata,
        expires_at=int(now) + OPEN_SECONDS,
    )
    with idempotency.told_as_problems():
        batch = parts.batches.create(new, idempotency.once(tenant, idempotency_key, body))
    headers = {"Location": batch_path(batch.id), **({} if batch.id == new.id else idempotency.REPLAYED)}
    return answer(HTTPStatus.CREATED, _document(parts, batch), headers)


@router.post(
    "/v1/batches/<batch_id>/jobs",
    responses=outcomes(
        Success(HTTPStatus.OK, "An answer to each item, in their order.", ItemAnswers, ["item_answers"])
    ),
    openapi_extensions=problems(Kind.UNKNOWN_BATCH, Kind.WRONG_STATE),
)
def add_jobs(
    batch_id: BatchPath,
    body: Annotated[NewItems, Body()],
    validate_only: Annotated[
        bool, Query(description="Say what is wrong, and add nothing. Quotas are not looked at.")
    ] = False,
) -> Response[ItemAnswers]:
    """Add up to 100 jobs, each answered by itself. Again is the same as once, by their `custom_id`."""
    parts = service()
    tenant, batch = _own(parts, batch_id)
    if batch.state is not BatchState.OPEN:
        raise batch_in_wrong_state(batch, "jobs are added only while it is open")
    stored = cache(parts.references.use)  # many items name one reference: its life is moved once a call
    if validate_only:
        met: dict[str, str] = {}
        answers = [batch_items.add(parts, tenant, batch, item, stored, met) for item in body.jobs]
    else:
        answers = batch_items.add_all(parts, tenant, batch, body.jobs, stored)
    return answer(HTTPStatus.OK, ItemAnswers(jobs=answers))


@router.post(
    "/v1/batches/<batch_id>/start",
    status_code=HTTPStatus.ACCEPTED,
    responses=outcomes(
        Success(
            HTTPStatus.ACCEPTED, "The batch, started now or before.", BatchDocument, ["started_batch"], ["Location"]
        )
    ),
    openapi_extensions=problems(Kind.UNKNOWN_BATCH),
)
def start_batch(batch_id: BatchPath) -> Response[BatchDocument]:
    """Start what is uploaded, and from now on what will be. Nothing is added any more. Twice is the same as once."""
    parts = service()
    _, batch = _own(parts, batch_id)
    try:
        batch = parts.batches.start(batch)
        errands.take_up(parts, batch)
    except UnknownBatch:
        raise unknown_batch(batch_id) from None
    return answer(HTTPStatus.ACCEPTED, _document(parts, batch), {"Location": batch_path(batch.id)})


@router.get(
    "/v1/batches/<batch_id>",
    responses=outcomes(
        Success(
            HTTPStatus.OK,
            "The batch. `Retry-After` until its results are there, once it is started.",
            BatchDocument,
            ["open_batch", "started_batch", "ended_batch"],
            ["Retry-After?"],
        )
    ),
    openapi_extensions=problems(Kind.UNKNOWN_BATCH),
)
def get_batch(batch_id: BatchPath) -> Response[BatchDocument]:
    """How a batch goes: counts by state, and the scores so far."""
    parts = service()
    _, batch = _own(parts, batch_id)
    document = _document(parts, batch)
    return answer(HTTPStatus.OK, document, polling.of_batch(batch, document.eta_seconds))


@router.delete(
    "/v1/batches/<batch_id>",
    responses=outcomes(Success(HTTPStatus.NO_CONTENT, "It is deleted, and its jobs with it, within minutes.")),
    openapi_extensions=problems(Kind.UNKNOWN_BATCH),
)
def delete_batch(batch_id: BatchPath) -> Response[None]:
    """Delete a batch with all that belongs to it: 404 from now on. Its results go at once, and then its jobs, which are
    cancelled where they have not ended.
    """
    parts = service()
    _, batch = _own(parts, batch_id)
    parts.batches.delete(batch)
    return answer(HTTPStatus.NO_CONTENT, None)


@router.get(
    "/v1/batches/<batch_id>/results",
    responses=outcomes(
        Success(
            HTTPStatus.OK,
            "Where the table is: GET `url`, without a key. In UTF-8: `jsonl` is `application/jsonl`, a ResultLine a"
            " line; `csv` is `text/csv` with a header row (RFC 4180).",
            ResultsDocument,
            ["results"],
        )
    ),
    openapi_extensions=problems(Kind.UNKNOWN_BATCH, Kind.WRONG_STATE),
)
def get_results(
    batch_id: BatchPath,
    form: Annotated[Literal["jsonl", "csv"], Query(alias="format", description="A job a line.")] = "jsonl",
) -> Response[ResultsDocument]:
    """A link to the results of a batch that has ended, its jobs in the order of their creation; good for 15 minutes.

    After jobs of it were deleted they are written anew, one to two minutes after the last: 409 until then.
    """
    parts = service()
    _, batch = _own(parts, batch_id)
    if not batch.results:
        when = "its results are written once it has ended, and anew after jobs of it were deleted: ask again later"
        raise batch_in_wrong_state(batch, when)
    key = batch_results_key(batch.id, form)
    try:
        found = parts.s3.head_object(Bucket=parts.settings.bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):  # the batch is being deleted
            raise unknown_batch(batch_id) from None
        raise
    url = parts.s3.generate_presigned_url(
        "get_object", Params={"Bucket": parts.settings.bucket, "Key": key}, ExpiresIn=RESULTS_SECONDS
    )
    until = timestamp(time.time() + RESULTS_SECONDS)
    document = ResultsDocument(format=form, url=url, bytes=found["ContentLength"], expires_at=until)
    return answer(HTTPStatus.OK, document)


def _tenant(parts: Service) -> Tenant:
    return caller(router.current_event.raw_event, parts.table)


def _own(parts: Service, batch_id: str) -> tuple[Tenant, Batch]:
    """The caller and its batch; for everybody else there is none."""
    tenant = _tenant(parts)
    if not is_id(batch_id):
        raise unknown_batch(batch_id)
    try:
        batch = parts.batches.get(batch_id)
    except UnknownBatch:
        raise unknown_batch(batch_id) from None
    if batch.tenant != tenant.id:
        raise unknown_batch(batch_id)
    return tenant, batch


def _document(parts: Service, batch: Batch) -> BatchDocument:
    counts = batch_counts.read(parts.table, batch.id)
    return batch_document(batch, counts, waiting.batch_eta_seconds(parts, batch, counts))
