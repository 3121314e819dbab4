"""What a seat and its child say to each other, as JSON: plain data only, so that no child can reach into its parent.

The child says once that it is ready, or why it is not. Then each task is answered by a score or an error.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from shared.job import Role
from worker.engines.engine import EngineError, FailureClass, Score


@dataclass(frozen=True)
class Task:
    """Two local WAV files to score, by their paths, and an empty directory to work in."""

    reference: str
    degraded: str
    mode: str
    scratch: str


READY = b"{}"


def encode_task(task: Task) -> bytes:
    """A task as the child reads it."""
    return json.dumps(asdict(task)).encode()


def decode_task(message: bytes) -> Task:
    """A task as the parent wrote it."""
    return Task(**json.loads(message))


def encode_score(score: Score) -> bytes:
    """A score as the parent reads it. Raises EngineError (`transient`) where JSON cannot hold it."""
    try:
        return json.dumps({"score": vars(score)}, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        message = f"The engine's score cannot be written as JSON: {error}."
        raise EngineError(FailureClass.TRANSIENT, "unusable_score", message) from error


def encode_error(error: EngineError) -> bytes:
    """An error as the parent reads it."""
    return json.dumps({"error": [error.failure_class, error.code, error.message, error.file or ""]}).encode()


def check_ready(message: bytes) -> None:
    """Raises the EngineError that the child tells of in place of being ready."""
    _raise_error(json.loads(message))


def decode_score(message: bytes) -> Score:
    """The child's score. Raises the EngineError that it tells of in place of one."""
    content = json.loads(message)
    _raise_error(content)
    score = content["score"]
    return Score(score["mos_lqo"], score["details"], tuple(score["warnings"]))


def _raise_error(content: Mapping[str, Sequence[str]]) -> None:
    if "error" in content:
        failure_class, code, message, file = content["error"]
        raise EngineError(FailureClass(failure_class), code, message, Role(file) if file else None)
