"""What can be wrong, by name: each kind of problem with its status and its meaning, for code and for OpenAPI."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus


class Kind(Enum):
    """A kind of problem. Its name in lower case is the end of a problem's `type`."""

    MALFORMED_JSON = HTTPStatus.BAD_REQUEST, "The body is not JSON."
    BAD_REQUEST = HTTPStatus.BAD_REQUEST, "The gateway cannot read the request."
    FORBIDDEN = HTTPStatus.FORBIDDEN, "There is no API key, or it is nobody's."
    FILTERED = HTTPStatus.FORBIDDEN, "The firewall refused the request: too many from one address, or its form."
    UNKNOWN_ROUTE = HTTPStatus.NOT_FOUND, "There is no such path."
    UNKNOWN_JOB = HTTPStatus.NOT_FOUND, "There is no such job, it is another's, or its life is over."
    UNKNOWN_BATCH = HTTPStatus.NOT_FOUND, "There is no such batch, it is another's, or its life is over."
    UNKNOWN_REFERENCE = (
        HTTPStatus.NOT_FOUND,
        "There is no such reference, it is another's, its life is over, or its upload was refused.",
    )
    REFERENCE_NOT_READY = (
        HTTPStatus.NOT_FOUND,
        "The reference is not there yet: `state` says whether it is `awaiting_upload` or `verifying`.",
    )
    METHOD_NOT_ALLOWED = HTTPStatus.METHOD_NOT_ALLOWED, "The path has no such method; `Allow` lists those it has."
    WRONG_STATE = HTTPStatus.CONFLICT, "What it is about is in a state that this call cannot follow."
    MISSING_UPLOAD = HTTPStatus.CONFLICT, "A file is not uploaded yet; `missing` names it."
    CHANGED_MEANWHILE = HTTPStatus.CONFLICT, "A file was replaced while it was checked: call again."
    BATCH_NOT_STARTED = HTTPStatus.CONFLICT, "The job belongs to a batch that is open: start the batch."
    POOL_NOT_SERVED = HTTPStatus.CONFLICT, "The job's engine or mode is not served any more."
    PAYLOAD_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large."
    UNSUPPORTED_MEDIA_TYPE = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is of a type that this call does not take."
    INVALID_REQUEST = HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not of this call's form; `errors` says where."
    IDEMPOTENCY_KEY_REUSED = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The key was used before with another body, or what it made is gone.",
    )
    BAD_AUDIO = HTTPStatus.UNPROCESSABLE_ENTITY, "A file cannot be scored as it is; `rule` and `file` say why."
    POLLING_TOO_FAST = HTTPStatus.TOO_MANY_REQUESTS, "The job was asked for again and again before its `Retry-After`."
    QUOTA_EXCEEDED = HTTPStatus.TOO_MANY_REQUESTS, "A quota is used up: `quota` names it, `resets_at` says until when."
    TOO_MANY_REQUESTS = HTTPStatus.TOO_MANY_REQUESTS, "More requests a second than the key's usage plan has."
    PLAN_EXHAUSTED = HTTPStatus.TOO_MANY_REQUESTS, "More requests a month than the key's usage plan has."
    INTERNAL = HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed, and logged why under `request_id`."
    BAD_GATEWAY = HTTPStatus.BAD_GATEWAY, "The service failed to answer."
    UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE, "The service is busy, or a part of it is out of reach: try again."
    GATEWAY_TIMEOUT = HTTPStatus.GATEWAY_TIMEOUT, "The service took too long to answer: try again."

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status of its answers."""
        return self.value[0]

    @property
    def meaning(self) -> str:
        """What it says, in a sentence."""
        return self.value[1]

    @property
    def slug(self) -> str:
        """What ends the `type` of its documents."""
        return self.name.lower()

    @property
    def type(self) -> str:
        """The `type` of its documents (RFC 9457, 3.1.1)."""
        return f"urn:mosaic:problem:{self.slug}"
