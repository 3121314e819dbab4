"""`POST /v1/jobs/{id}/start`: what few ask for, as jobs start by themselves."""

from __future__ import annotations

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from api import polling, starting, waiting
from api.answers import answer
from api.documents import JobDocument
from api.job_routes import document, own
from api.outcomes import Success, outcomes, problems
from api.parameters import JobPath
from api.problem_kinds import Kind
from api.problems import Problem, bad_audio, batch_not_started, missing_upload, unknown_job, wrong_state
from api.service import Service, service
from api.starting import MissingUploads
from api.stored_file import ChangedMeanwhile
from shared.errors import UnknownJob
from shared.job import ErrorCategory, Job
from shared.states import State

router = Router()


@router.post(
    "/v1/jobs/<job_id>/start",
    status_code=HTTPStatus.ACCEPTED,
    responses=outcomes(
        Success(HTTPStatus.ACCEPTED, "The job, started now or before.", JobDocument, ["queued_job"], ["Retry-After"]),
        Success(HTTPStatus.OK, "It was started before, and has succeeded.", JobDocument, ["succeeded_job"]),
    ),
    openapi_extensions=problems(
        Kind.UNKNOWN_JOB,
        Kind.MISSING_UPLOAD,
        Kind.CHANGED_MEANWHILE,
        Kind.WRONG_STATE,
        Kind.BATCH_NOT_STARTED,
        Kind.POOL_NOT_SERVED,
        Kind.BAD_AUDIO,
        Kind.QUOTA_EXCEEDED,
    ),
)
def start_job(job_id: JobPath) -> Response[JobDocument]:
    """Check both files and queue the job. Twice is the same as once. A job of a batch starts once its batch has.

    Bad audio ends the job: it is `failed`, and the answer names the rule that was broken.
    """
    parts = service()
    job = own(parts, job_id)
    if job.state is State.AWAITING_UPLOAD and starting.waits_for_its_batch(parts, job):
        raise batch_not_started(job)
    return started(parts, job)


def started(parts: Service, job: Job) -> Response[JobDocument]:
    """Start a job and answer how it then is. Raises a Problem: 409 or 422."""
    try:
        job = starting.start(parts, job)
    except UnknownJob:
        raise unknown_job(job.id) from None
    except MissingUploads as missing:
        raise missing_upload(job, missing.roles) from None
    except ChangedMeanwhile:
        detail = "A file was replaced while it was checked. Start the job again."
        raise Problem(Kind.CHANGED_MEANWHILE, detail, extensions={"job": job.id}) from None
    if job.error and job.error.category is ErrorCategory.BAD_INPUT:
        raise bad_audio(job)
    if job.error:
        raise wrong_state(job, "it has ended")
    if job.ended:
        return answer(HTTPStatus.OK, document(parts, job))
    eta = waiting.eta_seconds(parts, job)
    headers = {"Retry-After": str(polling.retry_after(job, eta))}
    return answer(HTTPStatus.ACCEPTED, document(parts, job, eta), headers)
