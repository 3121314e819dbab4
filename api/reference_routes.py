"""`/v1/references`: store clean speech once, to be named by its hash in any number of jobs."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from api import references, self_score, uploads
from api.answers import answer
from api.outcomes import Success, outcomes, problems
from api.parameters import ReferencePath
from api.problem_kinds import Kind
from api.problems import unknown_reference
from api.reference_documents import (
    NewReference,
    ReferenceDocument,
    ReferencePage,
    ReferenceUpload,
    reference_document,
    reference_path,
)
from api.service import Service, service
from api.tenants import caller
from shared.job import AudioFile
from shared.object_keys import ReferenceName, reference_key
from shared.references import Asked

if TYPE_CHECKING:
    pass

router = Router()

MOST = 100
_SHA256 = re.compile(r"[0-9a-f]{64}")


@router.post(
    "/v1/references",
    status_code=HTTPStatus.CREATED,
    responses=outcomes(
        Success(HTTPStatus.CREATED, "Upload it by this policy.", ReferenceUpload, ["reference_upload"], ["Location"]),
        Success(HTTPStatus.OK, "It is stored already.", ReferenceDocument, ["reference"], ["Location"]),
    ),
    openapi_extensions=problems(Kind.QUOTA_EXCEEDED),
)
def store_reference(
    body: Annotated[NewReference, Body()],
    check: Annotated[bool, Query(description="Score it against itself, once, when it is stored.")] = False,
) -> Response[ReferenceDocument | ReferenceUpload]:
    """Store a reference: 201 with an upload policy, or 200 with one that is stored already, which then lives on, and
    takes a label that is given.

    It is there once its upload is verified, a moment later: ask for it by its hash until then. Each second will do.
    """
    parts = service()
    name = ReferenceName(_tenant(parts), body.sha256)
    location = {"Location": reference_path(body.sha256)}
    if stored := parts.references.use(name, body.label):
        if check and stored.self_score is None:
            self_score.ask_for(parts, stored)
        return answer(HTTPStatus.OK, reference_document(stored), location)
    parts.references.ask(name, Asked(label=body.label, check=check))
    policy = uploads.policy(parts, AudioFile(key=reference_key(*name), sha256=body.sha256, bytes=body.bytes))
    links = {"self": reference_path(body.sha256)}
    upload = ReferenceUpload(sha256=body.sha256, label=body.label, upload=policy, links=links)
    return answer(HTTPStatus.CREATED, upload, location)


@router.get(
    "/v1/references",
    responses=outcomes(Success(HTTPStatus.OK, "A page of references.", ReferencePage, ["reference_page"])),
)
def list_references(
    limit: Annotated[int, Query(ge=1, le=MOST, description="References a page, at most.")] = 50,
    cursor: Annotated[
        str | None, Query(pattern=r"^[0-9a-f]{64}$", description="`next_cursor` of the page before.")
    ] = None,
) -> Response[ReferencePage]:
    """The caller's references, by hash."""
    parts = service()
    found, last = parts.references.page(_tenant(parts), limit, cursor)
    page = ReferencePage(references=[reference_document(reference) for reference in found], next_cursor=last)
    return answer(HTTPStatus.OK, page)


@router.get(
    "/v1/references/<sha256>",
    responses=outcomes(Success(HTTPStatus.OK, "The reference.", ReferenceDocument, ["reference"])),
    openapi_extensions=problems(Kind.UNKNOWN_REFERENCE, Kind.REFERENCE_NOT_READY),
)
def get_reference(sha256: ReferencePath) -> Response[ReferenceDocument]:
    """A stored reference. For a day after it was asked for, the 404 of one that is not there says how far it is: it
    waits for its upload, is being verified, which takes seconds, or was refused, and why.
    """
    parts = service()
    reference = references.stored(parts, _named(parts, sha256))
    return answer(HTTPStatus.OK, reference_document(reference))


@router.delete(
    "/v1/references/<sha256>",
    responses=outcomes(Success(HTTPStatus.NO_CONTENT, "It is deleted.")),
    openapi_extensions=problems(Kind.UNKNOWN_REFERENCE, Kind.REFERENCE_NOT_READY),
)
def delete_reference(sha256: ReferencePath) -> Response[None]:
    """Delete a reference. Jobs that name it and have not been fetched by a host yet fail: `reference_removed` or
    `removed_after_start`. One that is not verified yet is not deleted: ask again.
    """
    parts = service()
    reference = references.stored(parts, _named(parts, sha256))
    if not references.delete(parts, reference.name):
        raise unknown_reference(sha256)
    return answer(HTTPStatus.NO_CONTENT, None)


def _tenant(parts: Service) -> str:
    return caller(router.current_event.raw_event, parts.table).id


def _named(parts: Service, sha256: str) -> ReferenceName:
    tenant = _tenant(parts)
    if not _SHA256.fullmatch(sha256):
        raise unknown_reference(sha256)
    return ReferenceName(tenant, sha256)
