"""Recordings on this side: checked, hashed, and read bit by bit."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mosaic.errors import FileProblem

MAX_UPLOAD_BYTES = 64 * 1024 * 1024  # the service's limit for one file
_CHUNK_BYTES = 256 * 1024

FilePath = str | os.PathLike[str]


@dataclass(frozen=True)
class Recording:
    """A file that can be uploaded: there, readable, not empty, at most 64 MiB. `bytes` is its size."""

    path: Path
    bytes: int

    @classmethod
    def find(cls, path: FilePath) -> Recording:
        """The recording at that path. Raises FileProblem where it cannot be uploaded."""
        try:
            status = Path(path).stat()
        except FileNotFoundError:
            raise FileProblem(f"{path} does not exist") from None
        except OSError as error:
            raise _unreadable(path, error) from error
        if stat.S_ISDIR(status.st_mode):
            raise FileProblem(f"{path} is a directory; give the WAV file in it")
        if not stat.S_ISREG(status.st_mode):
            raise FileProblem(f"{path} is no regular file; write it to one first")
        if status.st_size == 0:
            raise FileProblem(f"{path} is empty")
        if status.st_size > MAX_UPLOAD_BYTES:
            raise FileProblem(f"{path} has {status.st_size:,} bytes; at most {MAX_UPLOAD_BYTES:,} (64 MiB) are taken")
        return cls(Path(path), status.st_size)

    def sha256(self, on_read: Callable[[int], None]) -> str:
        """Its SHA-256 in lower-case hexadecimal. Raises FileProblem where it cannot be read."""
        digest = hashlib.sha256()
        with self.open(on_read) as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def open(self, on_read: Callable[[int], None]) -> WatchedFile:
        """Open for reading; `on_read` gets the number of bytes read so far. Raises FileProblem as `find` does."""
        try:
            return WatchedFile(self.path, on_read)
        except OSError as error:
            raise _unreadable(self.path, error) from error


class WatchedFile(io.FileIO):
    """A file that tells how far it was read. What `on_read` raises ends the reading."""

    def __init__(self, path: Path, on_read: Callable[[int], None]) -> None:
        super().__init__(path)
        self._path = path
        self._on_read = on_read

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, at most `size`. Raises FileProblem where they cannot be had."""
        try:
            chunk = super().read(-1 if size is None else size)
        except OSError as error:
            raise _unreadable(self._path, error) from error
        self._on_read(self.tell())
        return chunk or b""


def _unreadable(path: FilePath, error: OSError) -> FileProblem:
    return FileProblem(f"{path} cannot be read: {error.strerror}")
