"""`/v1/jobs`: create a job, get policies for its uploads, ask for it, cancel or delete it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from api import creation, idempotency, polling, uploads, waiting
from api.answers import answer
from api.documents import CreatedJob, JobDocument, NewJob, Uploads, created_job, job_document, job_path
from api.outcomes import Success, outcomes, problems
from api.parameters import IdempotencyHeader, JobPath
from api.problem_kinds import Kind
from api.problems import unknown_job, wrong_state
from api.service import Service, service
from api.tenants import Tenant, caller
from shared.errors import AlreadyEnded, UnknownJob
from shared.job import Job, is_id
from shared.states import State

router = Router()

DETAILS_SECONDS = 15 * 60


@router.post(
    "/v1/jobs",
    status_code=HTTPStatus.CREATED,
    responses=outcomes(
        Success(
            HTTPStatus.CREATED,
            "The job, with an upload policy for each file that is not stored yet. Upload both within 15 minutes, or ask"
            " for fresh policies: POST to `url` as multipart/form-data, all of `fields` first, then the part `file`.",
            CreatedJob,
            ["created_job"],
            ["Location", "Idempotency-Replayed"],
        )
    ),
    openapi_extensions=problems(Kind.IDEMPOTENCY_KEY_REUSED, Kind.QUOTA_EXCEEDED),
)
def create_job(body: Annotated[NewJob, Body()], idempotency_key: IdempotencyHeader = None) -> Response[CreatedJob]:
    """Create a job and get an upload policy for each file that is not stored yet."""
    parts, tenant = service(), _tenant()
    once = idempotency.once(tenant, idempotency_key, body)

    def new() -> Job:
        return creation.with_stored_reference(creation.new_job(parts, tenant, body), parts.references.use)

    job, is_new = creation.create_or_find(parts, tenant, new, once)
    policies = uploads.policies(parts, job, uploads.wanted(parts, job, is_new=is_new))
    headers = {"Location": job_path(job.id), **({} if is_new else idempotency.REPLAYED)}
    return answer(HTTPStatus.CREATED, created_job(document(parts, job), policies), headers)


@router.post(
    "/v1/jobs/<job_id>/uploads",
    responses=outcomes(Success(HTTPStatus.OK, "A policy for each file that is not stored yet.", Uploads, ["uploads"])),
    openapi_extensions=problems(Kind.UNKNOWN_JOB, Kind.WRONG_STATE),
)
def renew_uploads(job_id: JobPath) -> Response[Uploads]:
    """Fresh policies for the files that are not stored yet, while the job awaits them."""
    parts = service()
    job = own(parts, job_id)
    if job.state is not State.AWAITING_UPLOAD:
        raise wrong_state(job, "uploads are taken only while it is awaiting_upload")
    fresh = uploads.policies(parts, job, uploads.missing(parts, job))
    return answer(HTTPStatus.OK, Uploads(uploads=fresh))


@router.get(
    "/v1/jobs/<job_id>",
    responses=outcomes(
        Success(HTTPStatus.OK, "The job has ended.", JobDocument, ["succeeded_job", "failed_job"]),
        Success(HTTPStatus.ACCEPTED, "It has not ended yet.", JobDocument, ["queued_job"], ["Retry-After"]),
    ),
    openapi_extensions=problems(Kind.UNKNOWN_JOB, Kind.POLLING_TOO_FAST),
)
def get_job(job_id: JobPath) -> Response[JobDocument]:
    """A job: 200 once it has ended, before that 202 with the seconds to wait before asking again."""
    parts = service()
    job = own(parts, job_id)
    if job.ended:
        return answer(HTTPStatus.OK, document(parts, job))
    eta = waiting.eta_seconds(parts, job)
    seconds = polling.guard(parts.table, job.id, polling.retry_after(job, eta))
    return answer(HTTPStatus.ACCEPTED, document(parts, job, eta), {"Retry-After": str(seconds)})


@router.delete(
    "/v1/jobs/<job_id>",
    responses=outcomes(
        Success(HTTPStatus.OK, "It had not ended, and is cancelled.", JobDocument, ["cancelled_job"]),
        Success(HTTPStatus.NO_CONTENT, "It had ended, and is deleted with all that belongs to it."),
    ),
    openapi_extensions=problems(Kind.UNKNOWN_JOB),
)
def delete_job(job_id: JobPath) -> Response[JobDocument | None]:
    """Cancel a job that has not ended: 200 with what became of it. Delete one that has: 204, and 404 from then on."""
    parts = service()
    job = own(parts, job_id)
    try:
        cancelled = parts.jobs.cancel(job)
    except AlreadyEnded as race:
        parts.jobs.delete(race.job)
        return answer(HTTPStatus.NO_CONTENT, None)
    except UnknownJob:
        raise unknown_job(job_id) from None
    return answer(HTTPStatus.OK, document(parts, cancelled))


def _tenant() -> Tenant:
    return caller(router.current_event.raw_event, service().table)


def own(parts: Service, job_id: str) -> Job:
    """The job, if it is the caller's; for everybody else there is none. Raises a Problem: 404."""
    tenant = _tenant()
    if not is_id(job_id):
        raise unknown_job(job_id)
    try:
        job = parts.jobs.get(job_id)
    except UnknownJob:
        raise unknown_job(job_id) from None
    if job.tenant != tenant.id:
        raise unknown_job(job_id)
    return job


def document(parts: Service, job: Job, eta: float | None = None) -> JobDocument:
    """A job's document; of one that has a result, with a link to the whole of it."""
    details = None
    if job.result_key:
        details = parts.s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": parts.settings.bucket, "Key": job.result_key},
            ExpiresIn=DETAILS_SECONDS,
        )
    return job_document(job, eta, details)
