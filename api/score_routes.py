"""`POST /v1/score`: the one-call form, for a small file against a stored reference."""

from __future__ import annotations

import hashlib
import time
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from api import audio_body, creation, idempotency, problems, references, start_routes, starting
from api.audio_body import Audio
from api.documents import NAME_CHARACTERS, DeclaredFile, JobDocument, NewJob, job_path
from api.outcomes import Success, outcomes
from api.outcomes import problems as problems_of
from api.parameters import IdempotencyHeader
from api.problem_kinds import Kind
from api.problems import Problem, unknown_reference
from api.service import Service, service
from api.stored_file import ChangedMeanwhile, NotStored, StoredFile
from api.tenants import Tenant, caller
from api.uploads import MEDIA_TYPE
from shared import quotas
from shared.audio_rules import BadAudio
from shared.job import Job, Role
from shared.object_keys import ReferenceName
from shared.once import Once
from shared.states import State

router = Router()


@router.post(
    "/v1/score",
    status_code=HTTPStatus.ACCEPTED,
    responses=outcomes(
        Success(
            HTTPStatus.ACCEPTED,
            "The job, queued.",
            JobDocument,
            ["queued_job"],
            ["Location", "Retry-After", "Idempotency-Replayed"],
        ),
        Success(
            HTTPStatus.OK,
            "The job of the same call with this Idempotency-Key, which has succeeded.",
            JobDocument,
            ["succeeded_job"],
            ["Location", "Idempotency-Replayed"],
        ),
    ),
    openapi_extensions={
        **problems_of(
            Kind.UNKNOWN_REFERENCE,
            Kind.REFERENCE_NOT_READY,
            Kind.CHANGED_MEANWHILE,
            Kind.WRONG_STATE,
            Kind.POOL_NOT_SERVED,
            Kind.PAYLOAD_TOO_LARGE,
            Kind.UNSUPPORTED_MEDIA_TYPE,
            Kind.IDEMPOTENCY_KEY_REUSED,
            Kind.BAD_AUDIO,
            Kind.QUOTA_EXCEEDED,
        ),
        "requestBody": audio_body.DESCRIPTION,
    },
)
def score(
    reference: Annotated[str, Query(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of a stored reference.")],
    engine: Annotated[
        str | None, Query(max_length=NAME_CHARACTERS, description="Omitted: the service's first engine.")
    ] = None,
    mode: Annotated[
        str | None,
        Query(max_length=NAME_CHARACTERS, description="The scale of the score. Omitted: the engine's default."),
    ] = None,
    label: Annotated[str | None, Query(max_length=200, description="Of the job, to find it by.")] = None,
    idempotency_key: IdempotencyHeader = None,
) -> Response[JobDocument]:
    """Score the WAV file in the body, up to 4 MiB: the job of it, queued. What cannot be scored makes no job."""
    parts, event = service(), router.current_event
    tenant = caller(event.raw_event, parts.table)
    audio = audio_body.read(event)
    body = NewJob(
        engine=engine,
        mode=mode,
        label=label,
        reference=DeclaredFile(sha256=reference),
        degraded=DeclaredFile(sha256=hashlib.sha256(audio.content).hexdigest(), bytes=audio.bytes or None),
    )
    once = idempotency.once(tenant, idempotency_key, body)
    before = creation.made_before(parts, once)
    job = before or _created(parts, tenant, body, audio, once)
    if job.state is State.AWAITING_UPLOAD:
        parts.s3.put_object(
            Bucket=parts.settings.bucket, Key=job.degraded.key, Body=audio.content, ContentType=MEDIA_TYPE
        )
    response = start_routes.started(parts, job)
    response.headers.update({"Location": job_path(job.id), **(idempotency.REPLAYED if before else {})})
    return response


def _created(parts: Service, tenant: Tenant, body: NewJob, audio: Audio, once: Once | None) -> Job:
    """A job whose bytes are counted with it: a quota refuses both, or neither."""
    new = creation.new_job(parts, tenant, body, said_in="/query").model_copy(update={"bytes_counted": True})
    _check(parts, new, ReferenceName(tenant.id, str(body.reference.sha256)), audio)
    bytes_ = quotas.of_upload(parts.table, tenant.id, audio.bytes, tenant.limits, time.time())
    return creation.create(parts, tenant, creation.with_stored_reference(new, parts.references.use), once, bytes_)


def _check(parts: Service, job: Job, name: ReferenceName, audio: Audio) -> None:
    """Whether the job could be started as it is to be made. Raises a Problem: 404, 409 or 422."""
    stored = references.stored(parts, name)
    try:
        reference = StoredFile(parts.s3, parts.settings.bucket, stored.key)
        starting.check(parts, job, {Role.REFERENCE: reference, Role.DEGRADED: audio})
    except NotStored:
        raise unknown_reference(name.sha256) from None
    except ChangedMeanwhile:
        raise Problem(Kind.CHANGED_MEANWHILE, "The reference was replaced or deleted meanwhile. Call again.") from None
    except BadAudio as bad:
        raise problems.refused_audio(bad) from None
