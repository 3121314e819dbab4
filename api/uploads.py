"""Upload policies: presigned S3 POSTs that let in one file of one job, or one reference, and nothing else.

Conditions and fields: Amazon S3 API Reference, "Creating a POST policy" and "POST Object".
"""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from api.documents import UploadPolicy, timestamp
from shared.job import MAX_UPLOAD_BYTES, AudioFile, Job, Role
from shared.object_keys import parse_reference_key
from shared.states import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from api.service import Service

POLICY_SECONDS = 15 * 60
MEDIA_TYPE = "audio/wav"


def policies(service: Service, job: Job, roles: Iterable[Role]) -> dict[Role, UploadPolicy]:
    """A policy for each of these files."""
    return {role: policy(service, job.file(role)) for role in roles}


def wanted(service: Service, job: Job, *, is_new: bool) -> list[Role]:
    """The files that a created job still takes: all of a new one, of one made before what is missing."""
    if is_new:
        return own(job)
    return missing(service, job) if job.state is State.AWAITING_UPLOAD else []


def missing(service: Service, job: Job) -> list[Role]:
    """The files of a job that are not uploaded yet."""
    return [role for role in own(job) if not _stored(service, job.file(role).key)]


def own(job: Job) -> list[Role]:
    """The files that are uploaded for this very job: not its stored reference."""
    return [role for role in Role if parse_reference_key(job.file(role).key) is None]


def policy(service: Service, file: AudioFile) -> UploadPolicy:
    """What lets in this file, as it was declared, for 15 minutes."""
    fields = {"Content-Type": MEDIA_TYPE}
    if file.sha256:
        fields["x-amz-checksum-algorithm"] = "SHA256"
        fields["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    sizes = ["content-length-range", file.bytes or 1, file.bytes or MAX_UPLOAD_BYTES]
    expires_at = time.time() + POLICY_SECONDS
    signed = service.s3.generate_presigned_post(
        Bucket=service.settings.bucket,
        Key=file.key,
        Fields=dict(fields),
        Conditions=[{name: value} for name, value in fields.items()] + [sizes],
        ExpiresIn=POLICY_SECONDS,
    )
    return UploadPolicy(url=signed["url"], fields=signed["fields"], expires_at=timestamp(expires_at))


def _stored(service: Service, key: str) -> bool:
    try:
        service.s3.head_object(Bucket=service.settings.bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    return True
