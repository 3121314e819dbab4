"""What can go wrong, as types: one for each thing that a caller would act on differently.

Nothing here ever holds the API key, a signed URL or the fields of an upload policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mosaic.models import Job
    from mosaic.problem import Problem


class MosaicError(Exception):
    """The base of everything that the client raises of its own.

    `transient` says that the same call may well succeed in a moment, `retry_after` in how many seconds, where
    the service told.
    """

    transient: bool = False
    retry_after: float | None = None


class FileProblem(MosaicError):
    """A file on this side cannot be uploaded. Raised before any request, unless it breaks while it is read."""


class SettingProblem(MosaicError):
    """The service's URL or the API key cannot be right. Raised before any request is made."""


class Unreachable(MosaicError):
    """No answer came: the name does not resolve, nobody listens, or the connection broke."""

    transient = True


class UnexpectedAnswer(MosaicError):
    """An answer came, and is not what the contract says: another service, or another version of this one."""


class ApiError(MosaicError):
    """The service answered with an error; `problem` is its problem document (RFC 9457)."""

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem, retry_after)
        self.problem = problem
        self.retry_after = retry_after

    def __str__(self) -> str:
        return str(self.problem)


class Unauthorized(ApiError):
    """401, 403: the API key is missing, wrong, or not allowed to do this."""


class NotFound(ApiError):
    """404: no such job, or it is another tenant's, or its life is over."""


class Conflict(ApiError):
    """409: the job's state does not allow it, or a file is not there yet."""


class Invalid(ApiError):
    """400, 413, 415, 422: the request or the audio is not acceptable; the problem says what to change."""


class TooManyRequests(ApiError):
    """429: asked too often, or a quota is used up."""

    transient = True


class ServerError(ApiError):
    """5xx: the service failed, not the request."""

    transient = True


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: TooManyRequests,
}


def api_error(problem: Problem, retry_after: float | None = None) -> ApiError:
    """The error of the type that the problem's status asks for."""
    kind = ServerError if problem.status >= 500 else _BY_STATUS.get(problem.status, ApiError)
    return kind(problem, retry_after)


class UploadRefused(MosaicError):
    """S3 refused an upload, with its own `code` and `message`.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        # RequestTimeout is a 400: S3 waited too long for the body's next bytes.
        self.transient = status >= 500 or code == "RequestTimeout"

    @property
    def expired(self) -> bool:
        """Whether a fresh policy may help: S3 says AccessDenied for an expired policy as for any broken one."""
        return self.code in {"AccessDenied", "ExpiredToken"}

    def __str__(self) -> str:
        return f"the upload was refused: {self.message} ({self.code}, HTTP {self.status})"


class JobEnded(MosaicError):
    """The job ended without a result: cancelled or expired. `job` is the job, `job.error` says why."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.job = job

    def __str__(self) -> str:
        reason = self.job.error
        return f"job {self.job.id} is {self.job.state}: {reason.message if reason else 'no reason was given'}"


class JobFailed(JobEnded):
    """The job failed: its audio is bad, or the service could not do it."""


class WaitTimeout(MosaicError):
    """The job did not end in the time given. It goes on; `job_id` is where to look again.

    `job` is the job as last seen, None where no poll was ever answered.
    """

    def __init__(self, job_id: str, job: Job | None, timeout: float) -> None:
        super().__init__(job_id, job, timeout)
        self.job_id = job_id
        self.job = job
        self.timeout = timeout

    def __str__(self) -> str:
        state = self.job.state if self.job else "in an unknown state"
        return f"job {self.job_id} is still {state} after {self.timeout:g} s"
