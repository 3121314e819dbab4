"""An example of each kind of problem for OpenAPI, made by the code that makes the real ones, where that is callable."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from api import problems
from api.examples import AT, BATCH, HASH, JOB, WAITING
from api.problem_kinds import Kind
from api.problems import Problem
from api.serving import PoolNotServed
from shared.audio_rules import AudioFault, BadAudio
from shared.job import Role
from shared.limits import Quota
from shared.quotas import QuotaExceeded
from shared.resources import DAY
from shared.states import State

if TYPE_CHECKING:
    from pydantic import JsonValue
    from pydantic_core import ErrorDetails


def documents() -> dict[Kind, JsonValue]:
    """A document of each kind; of those that need no more to be said, with the kind's meaning for its detail."""
    plain = {kind: Problem(kind, kind.meaning) for kind in Kind}
    return {kind: problem.document() for kind, problem in (plain | _with_more()).items()}


def _with_more() -> dict[Kind, Problem]:
    running = WAITING.model_copy(update={"state": State.RUNNING})
    stereo = "The degraded file has two channels. Set prepare.degraded.channel to left or right."
    wrong = {"type": "extra_forbidden", "loc": ("body", "lable"), "msg": "", "input": ""}
    made = [
        problems.unknown_job(JOB),
        problems.unknown_batch(BATCH),
        problems.unknown_reference(HASH),
        problems.reference_not_ready(HASH, uploaded=True),
        problems.wrong_state(running, "uploads are taken only while it is awaiting_upload"),
        problems.missing_upload(WAITING, [Role.DEGRADED]),
        problems.batch_not_started(WAITING.model_copy(update={"batch": BATCH})),
        problems.refused_audio(BadAudio(AudioFault.STEREO, stereo, Role.DEGRADED)),
        problems.from_validation([cast("ErrorDetails", wrong)]),
        problems.quota_exceeded(QuotaExceeded(Quota.JOBS_PER_DAY, 100_000, AT // DAY * DAY + DAY), AT),
        PoolNotServed(WAITING),
        Problem(Kind.CHANGED_MEANWHILE, Kind.CHANGED_MEANWHILE.meaning, extensions={"job": JOB}),
        Problem(Kind.INTERNAL, Kind.INTERNAL.meaning, extensions={"request_id": "6f0c3d1e-…"}),
    ]
    return {problem.kind: problem for problem in made}
