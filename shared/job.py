"""The job: one degraded recording to be scored against one reference, and everything known of it."""

import re
import secrets
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.limits import Quota
from shared.pools import Lane
from shared.result import Result
from shared.states import ENDS, State

ID_PATTERN = r"^[0-9a-f]{32}$"  # of a job, and of a batch
JobId = Annotated[str, Field(pattern=ID_PATTERN)]
SHA256_PATTERN = r"^[0-9a-f]{64}$"
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN, description="Lower-case hexadecimal SHA-256.")]

MAX_UPLOAD_BYTES = 64 * 1024 * 1024


def _integral(value: object) -> object:
    """JSON has one kind of number: 8000.0 is an integer to JSON Schema (2020-12, 6.1.1)."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Integral = BeforeValidator(_integral)


class Role(StrEnum):
    """Which of a job's two files."""

    REFERENCE = "reference"  # clean speech
    DEGRADED = "degraded"  # the speech under test


class Start(StrEnum):
    """What makes a job start once it is created."""

    AUTO = "auto"  # the arrival of its last file
    MANUAL = "manual"  # the start call


class ErrorCategory(StrEnum):
    """Whose turn it is, after a job ended without a result."""

    BAD_INPUT = "bad_input"  # the client's: the audio cannot be scored as it is
    SERVICE = "service"  # the operator's: the job was well, the service was not
    CANCELLED = "cancelled"  # nobody's: its owner wanted so
    EXPIRED = "expired"  # the client's: time ran out before its files were there


class JobError(BaseModel):
    """Why a job ended without a result."""

    model_config = ConfigDict(frozen=True)

    category: ErrorCategory
    code: str = Field(description="The rule that was broken, for machines.")
    message: str = Field(description="What is wrong and what to do, for people.")
    file: Role | None = None


class WaitsFor(BaseModel):
    """Why a job whose files are all there has not started by itself: a quota of its owner's is used up."""

    model_config = ConfigDict(frozen=True)

    quota: Quota
    resets_at: float


class Prepare(BaseModel):
    """What the host does to one file before it is scored; nothing of it ever happens by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: Literal["left", "right"] | None = Field(None, description="Keep this channel of a stereo file.")
    decode: bool = Field(False, strict=True, description="Turn G.711 or 8, 24 or 32-bit PCM into 16-bit PCM.")
    resample: Annotated[Literal[8000, 16000, 48000] | None, Integral] = Field(
        None, description="Resample to this rate, in Hz."
    )
    level: float | None = Field(
        None, strict=True, ge=-46, le=-16, description="Active speech level to set (P.56, dBov)."
    )


class AudioFile(BaseModel):
    """One of a job's two files, as declared by its owner and, from `queued` on, as it was found (`etag`)."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: Sha256 | None = None
    bytes: int | None = Field(None, gt=0, le=MAX_UPLOAD_BYTES)
    etag: str | None = None
    prepare: Prepare | None = None


class Job(BaseModel):
    """A job as the table holds it. Times are seconds since the epoch, by the service's corrected clock."""

    model_config = ConfigDict(frozen=True)

    id: JobId
    tenant: str
    state: State = State.AWAITING_UPLOAD
    times: dict[State, float] = Field(default_factory=dict, description="When each state was last entered.")

    pool: str
    engine: str
    mode: str
    lane: Lane = Lane.INTERACTIVE
    reference: AudioFile
    degraded: AudioFile
    start: Start = Start.AUTO
    label: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    batch: str | None = None
    custom_id: str | None = Field(None, description="What its owner calls it within its batch.")
    replay_of: JobId | None = Field(None, description="The failed job whose audio this one scores: see infra.ops.")

    bytes_counted: bool = Field(False, description="Whether its files were counted as it was created.")
    once: str | None = Field(None, description="The partition of the item that holds the key it was created with.")

    upload_deadline: float
    waits_for: WaitsFor | None = None
    run_deadline: float | None = None

    attempt: int = Field(0, description="Grows with each claim: the fence.")
    begun_attempt: int = Field(0, description="The last attempt that was handed to a seat.")
    failures: int = Field(0, description="Begun attempts that did not end well.")
    lost_claims: int = Field(0, description="Claims that died before their attempt had begun.")
    host: str | None = None
    claim_until: float | None = None

    sends: int = Field(0, description="How many messages were sent for it.")
    check_at: float | None = Field(None, description="When it is due to be looked at, should nothing move it before.")

    result: Result | None = None
    result_key: str | None = None
    error: JobError | None = None
    expires_at: int | None = None
    last_op: str | None = Field(None, description="The mark that the last write left.")

    @property
    def ended(self) -> bool:
        """Whether the job reached one of its four ends."""
        return self.state in ENDS

    @property
    def audio_gone(self) -> bool:
        """Whether nothing is due of it any more: it has ended, and its audio was removed."""
        return self.ended and self.check_at is None

    def file(self, role: Role) -> AudioFile:
        """The file of that role."""
        return self.reference if role is Role.REFERENCE else self.degraded


def is_id(text: str) -> bool:
    """Whether that may be a job's id, or a batch's. DynamoDB takes no key over 2 KiB: ask it for no other."""
    return re.fullmatch(ID_PATTERN, text) is not None


def new_job_id() -> str:
    """128 random bits in hexadecimal: never used twice, and a valid W3C trace id."""
    return secrets.token_hex(16)
