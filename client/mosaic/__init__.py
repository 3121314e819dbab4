"""The client of Mosaic: ask for a score, upload two recordings, wait for the result."""

from mosaic.client import JobOptions, Mosaic, ScoreOptions
from mosaic.errors import (
    ApiError,
    Conflict,
    FileProblem,
    Invalid,
    JobEnded,
    JobFailed,
    MosaicError,
    NotFound,
    ServerError,
    SettingProblem,
    TooManyRequests,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    UploadRefused,
    WaitTimeout,
)
from mosaic.files import MAX_UPLOAD_BYTES
from mosaic.models import Advice, AudioFile, Engine, Job, JobFailure, Result, Role, State, UploadPolicy
from mosaic.problem import FieldProblem, Problem
from mosaic.progress import Progress, Step

__all__ = [
    "MAX_UPLOAD_BYTES",
    "Advice",
    "ApiError",
    "AudioFile",
    "Conflict",
    "Engine",
    "FieldProblem",
    "FileProblem",
    "Invalid",
    "Job",
    "JobEnded",
    "JobFailed",
    "JobFailure",
    "JobOptions",
    "Mosaic",
    "MosaicError",
    "NotFound",
    "Problem",
    "Progress",
    "Result",
    "Role",
    "ScoreOptions",
    "ServerError",
    "SettingProblem",
    "State",
    "Step",
    "TooManyRequests",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unreachable",
    "UploadPolicy",
    "UploadRefused",
    "WaitTimeout",
]
