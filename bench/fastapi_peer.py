"""`POST /v1/jobs` as one would write it with FastAPI and Mangum: what the API function is measured against.

The models, the AWS clients and what is done with them are Mosaic's own; routing, validation and answers are FastAPI's,
and Mangum makes a Lambda handler of it. Sources: FastAPI's "First Steps", "Header Parameters", "Handling Errors", and
"Concurrency" (a route that blocks is a plain `def`); Mangum's "Lifespan" (off where an application has none) and
"Adapter" (the event is in the request's scope).
"""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from mangum import Mangum

from api import creation, idempotency, problems, uploads
from api.documents import CreatedJob, NewJob, created_job, job_document, job_path
from api.problems import Problem
from api.service import service
from api.tenants import caller
from shared.job import Job
from shared.quotas import QuotaExceeded

app = FastAPI()


@app.post("/v1/jobs", status_code=201)
def create_job(
    body: NewJob,
    request: Request,
    response: Response,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> CreatedJob:
    """Create a job and get an upload policy for each file that is not stored yet."""
    parts = service()
    tenant = caller(request.scope["aws.event"], parts.table)
    once = idempotency.once(tenant, idempotency_key, body)

    def new() -> Job:
        return creation.with_stored_reference(creation.new_job(parts, tenant, body), parts.references.use)

    job, is_new = creation.create_or_find(parts, tenant, new, once)
    response.headers["Location"] = job_path(job.id)
    policies = uploads.policies(parts, job, uploads.wanted(parts, job, is_new=is_new))
    return created_job(job_document(job), policies)


@app.exception_handler(Problem)
def problem(_: Request, problem: Problem) -> JSONResponse:
    """Every error as a problem document."""
    return JSONResponse(problem.document(), problem.status, problem.headers, problems.MEDIA_TYPE)


@app.exception_handler(QuotaExceeded)
def quota(request: Request, exceeded: QuotaExceeded) -> JSONResponse:
    """A quota that is used up."""
    return problem(request, problems.quota_exceeded(exceeded, time.time()))


handler = Mangum(app, lifespan="off")
