"""`/v1/jobs`: create a job, get policies for its uploads, start it, ask for it."""

from __future__ import annotations

import hashlib
import json
import re
import time
from http import HTTPStatus
from typing import Annotated, TypeVar

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Header
from pydantic import BaseModel, Field

from api import polling, starting, uploads, waiting
from api.documents import CreatedJob, JobDocument, NewJob, Uploads, job_members, job_path
from api.problems import Problem, bad_audio, unknown_job, wrong_state
from api.service import Service, service
from api.starting import MissingUploads
from api.stored_file import ChangedMeanwhile
from api.tenants import tenant_of
from shared.errors import KeyReused, UnknownJob
from shared.job import AudioFile, ErrorCategory, Job, Role, new_job_id
from shared.lives import UPLOAD_SECONDS
from shared.object_keys import upload_key
from shared.once import Once
from shared.pools import Pool
from shared.states import State

router = Router()

M = TypeVar("M", bound=BaseModel)

IdempotencyHeader = Annotated[str | None, Header(alias="Idempotency-Key"), Field(min_length=1, max_length=255)]
DETAILS_SECONDS = 15 * 60
_JOB_ID = re.compile(r"[0-9a-f]{32}")  # as shared.job.JobId; DynamoDB takes no key above 2 KiB, so ask for no other


@router.post("/v1/jobs", status_code=HTTPStatus.CREATED)
def create_job(body: Annotated[NewJob, Body()], idempotency_key: IdempotencyHeader = None) -> Response[CreatedJob]:
    """Create a job and get an upload policy for each file that is not stored yet."""
    parts, tenant = service(), _tenant()
    new = _new_job(body, tenant, parts)
    try:
        job = parts.jobs.create(new, _idempotency(tenant, idempotency_key, body))
    except KeyReused:
        raise _key_problem("This Idempotency-Key was used before, with another body. Use a new key.") from None
    except UnknownJob:
        raise _key_problem("The job that this Idempotency-Key made is gone. Use a new key.") from None
    policies = uploads.policies(parts, job, _wanted(parts, job, is_new=job.id == new.id))
    document = CreatedJob.model_validate({**_members(parts, job), "uploads": policies})
    return _json(HTTPStatus.CREATED, document, {"Location": job_path(job.id)})


@router.post("/v1/jobs/<job_id>/uploads")
def renew_uploads(job_id: str) -> Response[Uploads]:
    """Fresh policies for the files that are not stored yet, while the job awaits them."""
    parts = service()
    job = _own(parts, job_id)
    if job.state is not State.AWAITING_UPLOAD:
        raise wrong_state(job, "uploads are taken only while it is awaiting_upload")
    fresh = uploads.policies(parts, job, uploads.missing(parts, job))
    return _json(HTTPStatus.OK, Uploads(uploads=fresh))


@router.post("/v1/jobs/<job_id>/start", status_code=HTTPStatus.ACCEPTED)
def start_job(job_id: str) -> Response[JobDocument]:
    """Check both files and queue the job. Twice is the same as once."""
    parts = service()
    job = _own(parts, job_id)
    try:
        job = starting.start(parts, job)
    except MissingUploads as missing:
        raise _missing_upload(job, missing.roles) from None
    except ChangedMeanwhile:
        detail = "A file was replaced while it was checked. Start the job again."
        raise Problem(HTTPStatus.CONFLICT, "changed_meanwhile", detail, extensions={"job": job.id}) from None
    if job.error and job.error.category is ErrorCategory.BAD_INPUT:
        raise bad_audio(job)
    if job.error:
        raise wrong_state(job, "it has ended")
    eta = waiting.eta_seconds(parts, job)
    headers = {"Retry-After": str(polling.retry_after(eta))}
    return _json(HTTPStatus.ACCEPTED, JobDocument.model_validate(_members(parts, job, eta)), headers)


@router.get("/v1/jobs/<job_id>")
def get_job(job_id: str) -> Response[JobDocument]:
    """A job: 200 once it has ended, before that 202 with the seconds to wait before asking again."""
    parts = service()
    job = _own(parts, job_id)
    if job.ended:
        return _json(HTTPStatus.OK, JobDocument.model_validate(_members(parts, job)))
    eta = waiting.eta_seconds(parts, job)
    seconds = polling.guard(parts.table, job.id, polling.retry_after(eta))
    document = JobDocument.model_validate(_members(parts, job, eta))
    return _json(HTTPStatus.ACCEPTED, document, {"Retry-After": str(seconds)})


def _tenant() -> str:
    identity = router.current_event["requestContext"].get("identity") or {}
    return tenant_of(identity.get("apiKeyId"), service().table)


def _own(parts: Service, job_id: str) -> Job:
    """The job, if it is the caller's; for everybody else there is none."""
    tenant = _tenant()
    if not _JOB_ID.fullmatch(job_id):
        raise unknown_job(job_id)
    try:
        job = parts.jobs.get(job_id)
    except UnknownJob:
        raise unknown_job(job_id) from None
    if job.tenant != tenant:
        raise unknown_job(job_id)
    return job


def _new_job(body: NewJob, tenant: str, parts: Service) -> Job:
    job_id, now = new_job_id(), time.time()
    pool = _pool(parts, body.engine)
    return Job(
        id=job_id,
        tenant=tenant,
        times={State.AWAITING_UPLOAD: now},
        pool=pool.name,
        engine=pool.engine,
        mode=_mode(pool, body.mode),
        reference=_file(job_id, Role.REFERENCE, body),
        degraded=_file(job_id, Role.DEGRADED, body),
        start=body.start,
        label=body.label,
        metadata=body.metadata,
        upload_deadline=now + UPLOAD_SECONDS,
    )


def _file(job_id: str, role: Role, body: NewJob) -> AudioFile:
    declared = body.reference if role is Role.REFERENCE else body.degraded
    prepare = body.prepare.reference if role is Role.REFERENCE else body.prepare.degraded
    return AudioFile(key=upload_key(job_id, role), sha256=declared.sha256, bytes=declared.bytes, prepare=prepare)


def _pool(parts: Service, engine: str | None) -> Pool:
    pools = parts.settings.pools
    for pool in pools:
        if engine in (None, pool.engine):
            return pool
    raise _unknown("/engine", engine, [pool.engine for pool in pools])


def _mode(pool: Pool, name: str | None) -> str:
    try:
        return pool.mode(name).name
    except KeyError:
        raise _unknown("/mode", name, [mode.name for mode in pool.modes]) from None


def _unknown(pointer: str, name: str | None, known: list[str]) -> Problem:
    error = {"pointer": pointer, "detail": f"{name!r} is not served here; there is {', '.join(known)}."}
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", error["detail"], errors=[error])


def _idempotency(tenant: str, key: str | None, body: NewJob) -> Once | None:
    if key is None:
        return None
    # Sorted: JSON objects have no order, and a client that repeats itself may send another.
    same = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    return Once.by_idempotency_key(tenant, key, hashlib.sha256(same.encode()).hexdigest())


def _key_problem(detail: str) -> Problem:
    error = {"pointer": "/header/idempotency-key", "detail": detail}
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail, errors=[error])


def _wanted(parts: Service, job: Job, *, is_new: bool) -> list[Role]:
    if is_new:
        return list(Role)
    return uploads.missing(parts, job) if job.state is State.AWAITING_UPLOAD else []


def _missing_upload(job: Job, roles: list[Role]) -> Problem:
    return Problem(
        HTTPStatus.CONFLICT,
        "missing_upload",
        f"Not uploaded yet: {', '.join(roles)}. Upload it, then start again; POST {job_path(job.id)}/uploads gives"
        " fresh policies.",
        extensions={"job": job.id, "missing": [str(role) for role in roles]},
    )


def _members(parts: Service, job: Job, eta: float | None = None) -> dict[str, object]:
    details = None
    if job.result_key:
        details = parts.s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": parts.settings.bucket, "Key": job.result_key},
            ExpiresIn=DETAILS_SECONDS,
        )
    return dict(job_members(job, eta, details))


def _json(status: HTTPStatus, document: M, headers: dict[str, str] | None = None) -> Response[M]:
    return Response(status, content_type="application/json", body=document, headers=dict(headers or {}))
