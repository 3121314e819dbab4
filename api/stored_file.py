"""An uploaded file, read by ranges, always of the one version that was seen first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

FIRST_BYTES = 64 * 1024  # what the header check reads first


class NotStored(Exception):
    """There is no such object."""


class ChangedMeanwhile(Exception):
    """The object was replaced while it was being read."""


class StoredFile:
    """Its size in bytes and ETag as first seen, and its bytes."""

    def __init__(self, s3: S3Client, bucket: str, key: str) -> None:
        """Raises NotStored."""
        self._s3, self._bucket, self._key = s3, bucket, key
        self.bytes, self.etag, self._head = 0, "", b""
        try:
            first = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{FIRST_BYTES - 1}")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("NoSuchKey", "404"):
                raise NotStored(key) from None
            if code not in ("InvalidRange", "416"):  # RFC 9110, 15.5.17: no byte of an empty object is in any range
                raise
            return
        self.etag = first["ETag"]
        self.bytes = (
            int(first["ContentRange"].rpartition("/")[2]) if "ContentRange" in first else first["ContentLength"]
        )
        self._head = first["Body"].read()

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`. Raises ChangedMeanwhile."""
        if offset + count <= len(self._head) or len(self._head) == self.bytes:
            return self._head[offset : offset + count]
        try:
            part = self._s3.get_object(
                Bucket=self._bucket, Key=self._key, IfMatch=self.etag, Range=f"bytes={offset}-{offset + count - 1}"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "412", "NoSuchKey"):
                raise ChangedMeanwhile(self._key) from None
            raise
        return part["Body"].read()
