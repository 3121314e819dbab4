"""What a seat and its child say to each other, as JSON: plain data only, so that no child can reach into its parent.

The child says once that it is ready, or why it is not. Then each task is answered by a score or an error. The parent
believes nothing of it unseen: an engine may have broken its own process in any way before that answers.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from shared.job import Role
from worker.engines.engine import HIGHEST_MOS, LOWEST_MOS, EngineError, FailureClass, Score

MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # ten times what ViSQOL has to say of 600 s
MAX_WARNINGS = 20  # these go into the job's item, which holds 400 KB: DynamoDB Developer Guide, "Service quotas"
MAX_WARNING_LENGTH = 300
MAX_TOLD_LENGTH = 2000  # of an error's message


@dataclass(frozen=True)
class Task:
    """Two local WAV files to score, by their paths, and an empty directory to work in."""

    reference: str
    degraded: str
    mode: str
    scratch: str


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Error(_Said):
    failure_class: FailureClass
    code: Annotated[str, Field(max_length=100)]
    message: str
    file: Role | None


class _Score(_Said):
    mos_lqo: float = Field(ge=LOWEST_MOS, le=HIGHEST_MOS)  # NaN is in no range
    details: dict[str, JsonValue]
    warnings: list[str]


class _Ready(_Said):
    """Either the version of an engine that is fit, or why it is not."""

    version: str | None = None
    error: _Error | None = None


class _Answer(_Said):
    score: _Score | None = None
    error: _Error | None = None


def encode_task(task: Task) -> bytes:
    """A task as the child reads it."""
    return json.dumps(asdict(task)).encode()


def decode_task(message: bytes) -> Task:
    """A task as the parent wrote it."""
    return Task(**json.loads(message))


def encode_ready(version: str) -> bytes:
    """That the child is ready, and which version its engine is at."""
    return json.dumps({"version": version}).encode()


def encode_score(score: Score) -> bytes:
    """A score as the parent reads it. Raises EngineError (`transient`) where it cannot be sent."""
    try:
        message = json.dumps({"score": vars(score)}, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise _unusable(f"cannot be written as JSON: {error}") from error
    if len(message) > MAX_MESSAGE_BYTES:
        raise _unusable(f"has {len(message)} bytes of details, more than {MAX_MESSAGE_BYTES}")
    return message


def encode_error(error: EngineError) -> bytes:
    """An error as the parent reads it."""
    told = {"failure_class": error.failure_class, "code": error.code, "message": error.message, "file": error.file}
    return json.dumps({"error": told}).encode()


def decode_ready(message: bytes) -> str:
    """The version that the child's engine is at.

    Raises the EngineError that it tells of in place of being ready, and ValueError where it says neither.
    """
    ready = _Ready.model_validate_json(message)
    if ready.error:
        raise _as_error(ready.error)
    if ready.version is None:
        raise ValueError("the child said neither that it is ready nor why it is not")
    return ready.version


def decode_score(message: bytes) -> Score:
    """The child's score, with as many warnings as a result has room for.

    Raises the EngineError that it tells of in place of one, and EngineError (`transient`) where what it says is no
    score, or nothing that JSON can hold.
    """
    try:
        answer = _Answer.model_validate_json(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _unusable(f"is not of the form that was agreed: {first['loc']}: {first['msg']}") from None
    if answer.error:
        raise _as_error(answer.error)
    if answer.score is None:
        raise _unusable("is missing")
    _check_finite(answer.score.details)
    warnings = tuple(words[:MAX_WARNING_LENGTH] for words in answer.score.warnings[:MAX_WARNINGS])
    return Score(answer.score.mos_lqo, answer.score.details, warnings)


def _check_finite(details: dict[str, JsonValue]) -> None:
    """JSON has no NaN and no infinity, but pydantic reads them all the same."""
    try:
        json.dumps(details, allow_nan=False)
    except ValueError as error:
        raise _unusable(f"cannot be written as JSON: {error}") from None


def _unusable(why: str) -> EngineError:
    return EngineError(FailureClass.TRANSIENT, "unusable_score", f"The engine's score {why}.")


def _as_error(told: _Error) -> EngineError:
    return EngineError(told.failure_class, told.code, told.message[:MAX_TOLD_LENGTH], told.file)
