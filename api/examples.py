"""Examples of requests and answers for OpenAPI, made by the code that makes the real ones."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from api import problems
from api.batch_documents import (
    BatchDocument,
    BatchPage,
    BatchSummary,
    ItemAnswer,
    ItemAnswers,
    NewBatch,
    NewItem,
    NewItems,
    ResultsDocument,
    batch_document,
)
from api.documents import (
    DeclaredFile,
    JobDocument,
    JobPage,
    JobSummary,
    NewJob,
    PrepareBoth,
    UploadPolicy,
    Uploads,
    created_job,
    job_document,
    job_path,
    timestamp,
)
from api.reference_documents import NewReference, ReferencePage, ReferenceUpload, reference_document, reference_path
from api.service_routes import HostDocument, LaneDocument, LimitsDocument, PoolDocument, ServiceDocument
from shared.batch_counts import Counts, Scale
from shared.batches import Batch, BatchState
from shared.hosts import HostState
from shared.job import AudioFile, ErrorCategory, Job, JobError, Prepare, Role
from shared.object_keys import batch_results_key, result_key, upload_key
from shared.pools import Lane, Mode
from shared.references import Reference, SelfScore
from shared.resources import DAY
from shared.result import Advice, EngineRecord, Result
from shared.states import ENDS, State

if TYPE_CHECKING:
    from pydantic import BaseModel, JsonValue
    from pydantic_core import ErrorDetails

AT = 1768471200.0  # 2026-01-15T10:00:00Z
JOB, BATCH = "4f8c1b0e6d2a4c7f9b3e5d1a0c8f7e62", "b71c9a4d5e8f40c2a6d3817f0e52c9ab"
HASH, OTHER_HASH = "9f2c" * 16, "41d7" * 16
BUCKET = "https://mosaic-audio.s3.eu-central-1.amazonaws.com"
SIGNED = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=900&X-Amz-Signature=…"

WAITING = Job(
    id=JOB,
    tenant="acme",
    times={State.AWAITING_UPLOAD: AT},
    pool="polqa-3",
    engine="polqa",
    mode="swb",
    reference=AudioFile(key=upload_key(JOB, Role.REFERENCE), sha256=HASH, bytes=787_244),
    degraded=AudioFile(
        key=upload_key(JOB, Role.DEGRADED), sha256=OTHER_HASH, bytes=262_444, prepare=Prepare(resample=48000)
    ),
    label="codec=amr,build=812",
    metadata={"call": "17"},
    upload_deadline=AT + DAY,
)
_PASSED = {
    State.QUEUED: (State.AWAITING_UPLOAD, State.QUEUED),
    State.SUCCEEDED: (State.AWAITING_UPLOAD, State.QUEUED, State.RUNNING, State.SUCCEEDED),
    State.FAILED: (State.AWAITING_UPLOAD, State.QUEUED, State.RUNNING, State.FAILED),
    State.CANCELLED: (State.AWAITING_UPLOAD, State.CANCELLED),
}
_RESULT = Result(
    mos_lqo=3.862,
    mode="swb",
    engine=EngineRecord(name="polqa", version="3.1"),
    warnings=[Advice(code="short_speech", message="2.4 s of active speech; 3 s or more is advised.")],
    timings_ms={"queued": 4980, "fetched": 96, "scored": 2140},
)
_SILENT = JobError(
    category=ErrorCategory.BAD_INPUT,
    code="silent",
    message="The reference holds no speech. Upload one that does.",
    file=Role.REFERENCE,
)
_STORED = Reference(
    tenant="acme",
    sha256=HASH,
    bytes=787_244,
    sample_rate_hz=48000,
    seconds=8.2,
    label="female, sentence 4",
    created=AT,
    stored_at=AT,
    expires_at=int(AT) + 30 * DAY,
    self_score=SelfScore(mos_lqo=4.75, mode="swb", engine="polqa", version="3.1"),
)


def requests() -> dict[str, BaseModel]:
    """The body of a request, by the call that takes it."""
    reference, degraded = (
        DeclaredFile(sha256=file.sha256, bytes=file.bytes) for file in (WAITING.reference, WAITING.degraded)
    )
    item = NewItem(custom_id="call-17", reference=DeclaredFile(sha256=HASH), label=WAITING.label)
    return {
        "create_job": NewJob(
            reference=reference,
            degraded=degraded,
            label=WAITING.label,
            metadata=WAITING.metadata,
            prepare=PrepareBoth(degraded=WAITING.degraded.prepare),
        ),
        "create_batch": NewBatch(label="build 812", metadata={"branch": "main"}),
        "add_jobs": NewItems(jobs=[item.model_dump(mode="json", exclude_unset=True)]),
        "store_reference": NewReference(sha256=HASH, bytes=_STORED.bytes, label=_STORED.label),
    }


def answers() -> dict[str, BaseModel]:
    """Bodies of answers, by the names that routes give them."""
    return {**_of_jobs(), **_of_batches(), **_of_references(), "service": _service()}


def _of_jobs() -> dict[str, BaseModel]:
    summary = JobSummary(
        **_succeeded().model_dump(include={"id", "state", "engine", "mode", "label", "error", "times", "expires_at"}),
        custom_id=None,
        mos_lqo=_RESULT.mos_lqo,
        links={"self": job_path(JOB)},
    )
    created = created_job(job_document(WAITING), {role: _policy(WAITING.file(role).key) for role in Role})
    return {
        "created_job": created,
        "uploads": Uploads(uploads=created.uploads),
        "queued_job": job_document(_job(State.QUEUED), eta_seconds=18.5),
        "succeeded_job": _succeeded(),
        "failed_job": job_document(_job(State.FAILED, error=_SILENT)),
        "cancelled_job": job_document(
            _job(
                State.CANCELLED,
                error=JobError(category=ErrorCategory.CANCELLED, code="cancelled", message="Cancelled by its owner."),
            )
        ),
        "job_page": JobPage(jobs=[summary], next_cursor=None),
    }


def _succeeded() -> JobDocument:
    return job_document(_job(State.SUCCEEDED, result=_RESULT), details=f"{BUCKET}/{result_key(JOB, 1)}{SIGNED}")


def _job(state: State, **more: object) -> Job:
    times = {one: AT + 4.5 * number for number, one in enumerate(_PASSED[state])}
    expires_at = int(times[state]) + 7 * DAY if state in ENDS else None
    attempt = int(State.RUNNING in times)
    return WAITING.model_copy(
        update={"state": state, "times": times, "attempt": attempt, "expires_at": expires_at, **more}
    )


def _policy(key: str) -> UploadPolicy:
    fields = {
        "Content-Type": "audio/wav",
        "key": key,
        "policy": "eyJleHBpcmF0aW9uIjoi…",
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": "…/20260115/eu-central-1/s3/aws4_request",
        "x-amz-date": "20260115T100000Z",
        "x-amz-signature": "…",
    }
    return UploadPolicy(url=f"{BUCKET}/", fields=fields, expires_at=timestamp(AT + 15 * 60))


def _of_batches() -> dict[str, BaseModel]:
    wrong = {"type": "missing", "loc": ("body", "custom_id"), "msg": "Field required", "input": None}
    refused = problems.from_validation([cast("ErrorDetails", wrong)])
    created = created_job(
        job_document(WAITING.model_copy(update={"batch": BATCH})), {Role.DEGRADED: _policy(WAITING.degraded.key)}
    )
    url = f"{BUCKET}/{batch_results_key(BATCH, 'jsonl')}{SIGNED}"
    ended = _batch(BatchState.ENDED, {State.SUCCEEDED: 2, State.FAILED: 1}, [3.79, 3.86])
    summary = BatchSummary(**ended.model_dump(include=set(BatchSummary.model_fields)))
    return {
        "open_batch": _batch(BatchState.OPEN, {State.AWAITING_UPLOAD: 3}),
        "started_batch": _batch(BatchState.STARTED, {State.QUEUED: 2, State.SUCCEEDED: 1}, [3.79], 42.0),
        "ended_batch": ended,
        "batch_page": BatchPage(batches=[summary], next_cursor=None),
        "item_answers": ItemAnswers(
            jobs=[
                ItemAnswer(custom_id="call-17", status=HTTPStatus.CREATED, job=created),
                ItemAnswer(custom_id=None, status=refused.status, problem=refused.document()),
            ]
        ),
        "results": ResultsDocument(format="jsonl", url=url, bytes=1843, expires_at=timestamp(AT + 15 * 60)),
    }


def _batch(
    state: BatchState, states: dict[State, int], scores: list[float] | None = None, eta: float | None = None
) -> BatchDocument:
    passed = list(BatchState)[: list(BatchState).index(state) + 1]
    batch = Batch(
        id=BATCH,
        tenant="acme",
        state=state,
        times={one: AT + 600.0 * number for number, one in enumerate(passed)},
        items=sum(states.values()),
        label="build 812",
        expires_at=int(AT) + 40 * DAY,
    )
    scale = Scale("polqa", "3.1", "swb")
    for mos_lqo in scores or []:
        scale.add(mos_lqo)
    return batch_document(batch, Counts(Counter(states), scales={("polqa", "3.1", "swb"): scale}), eta)


def _of_references() -> dict[str, BaseModel]:
    stored = reference_document(_STORED)
    upload = ReferenceUpload(
        sha256=HASH,
        label=_STORED.label,
        upload=_policy(_STORED.key),
        links={"self": reference_path(HASH)},
    )
    return {
        "reference": stored,
        "reference_upload": upload,
        "reference_page": ReferencePage(references=[stored], next_cursor=None),
    }


def _service() -> ServiceDocument:
    mode = Mode(name="swb", reference_rates_hz=(48000,), degraded_rates_hz=(48000,), same_rate=True, ceiling=4.75)
    pool = PoolDocument(
        name=WAITING.pool,
        engine=WAITING.engine,
        versions=["3.1"],
        modes=[mode],
        default_mode=mode.name,
        seats=4,
        hosts=[HostDocument(state=HostState.READY, version="3.1", seats=4, busy=3, paused_until=None)],
        lanes={
            Lane.INTERACTIVE: LaneDocument(waiting=2, expected_wait_seconds=1.6),
            Lane.BULK: LaneDocument(waiting=1840, expected_wait_seconds=1012.0),
        },
    )
    return ServiceDocument(pools=[pool], limits=LimitsDocument())


def values(models: dict[str, BaseModel]) -> dict[str, JsonValue]:
    """Examples as they are sent; of a request, only what is said."""
    return {name: model.model_dump(mode="json", exclude_unset=name in requests()) for name, model in models.items()}
