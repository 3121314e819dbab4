"""Uploads: files sent to S3 as presigned POSTs, at once, each read bit by bit.

The form is S3's: every field of the policy first, the file last.
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass
from threading import Event, Thread

import httpx

from mosaic.errors import Unreachable, UploadRefused
from mosaic.files import Recording
from mosaic.models import Role, UploadPolicy
from mosaic.patience import Patience
from mosaic.progress import OnProgress, Progress, Step

_CODE = re.compile(r"<Code>([^<]{1,100})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,500})</Message>")


@dataclass(frozen=True)
class Upload:
    """One file and the right to upload it."""

    role: Role
    recording: Recording
    policy: UploadPolicy


class _AbandonedError(Exception):
    """Ends the reading, and so the sending, of a file that nobody wants any more."""


class Uploader:
    """Sends files. The HTTP client is one that adds no API key: S3 must never see it."""

    def __init__(self, http: httpx.Client, patience: Patience) -> None:
        self._http = http
        self._patience = patience

    def send(self, uploads: list[Upload], on_progress: OnProgress) -> dict[Role, UploadRefused]:
        """Send all files at once; a failure that may pass is tried again.

        Returns the refusals that a fresh policy may mend. Raises UploadRefused for any other, Unreachable, or
        FileProblem; the first error abandons the other upload, and so does an interruption.
        """
        abandoned = Event()
        calls = {upload.role: _in_thread(self._sending(upload, on_progress, abandoned)) for upload in uploads}
        try:
            done, _ = wait(calls.values(), return_when=FIRST_EXCEPTION)
            for call in done:
                call.result()
        finally:
            abandoned.set()
        return {role: refusal for role, call in calls.items() if (refusal := call.result())}

    def _sending(self, upload: Upload, on_progress: OnProgress, abandoned: Event) -> Callable[[], UploadRefused | None]:
        def on_read(done: int) -> None:
            if abandoned.is_set():
                raise _AbandonedError
            on_progress(Progress(Step.UPLOADING, upload.role, done, upload.recording.bytes))

        def send() -> UploadRefused | None:
            try:
                self._patience.persistently(lambda: self._post(upload, on_read))
            except UploadRefused as refusal:
                if refusal.expired:
                    return refusal
                raise
            return None

        return send

    def _post(self, upload: Upload, on_read: Callable[[int], None]) -> None:
        """One attempt. Raises UploadRefused, Unreachable or FileProblem."""
        with upload.recording.open(on_read) as file:
            try:
                response = self._http.post(
                    upload.policy.url,
                    data=dict(upload.policy.fields),
                    files={"file": (f"{upload.role}.wav", file, "audio/wav")},
                )
            except httpx.HTTPError as error:
                raise Unreachable(f"the upload of the {upload.role} file broke: {error}") from error
        if not response.is_success:
            raise _refusal(response)


def _refusal(response: httpx.Response) -> UploadRefused:
    # Only these two elements: others of S3's errors hold the policy and what was signed.
    code, message = _CODE.search(response.text), _MESSAGE.search(response.text)
    return UploadRefused(
        status=response.status_code,
        code=code[1] if code else "Unknown",
        message=html.unescape(message[1]) if message else "the storage gave no reason",
    )


def _in_thread(call: Callable[[], UploadRefused | None]) -> Future[UploadRefused | None]:
    # A daemon thread, unlike a pool's, does not keep the process when a person interrupts a stalled upload.
    future: Future[UploadRefused | None] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # handed to the thread that waits for it
            future.set_exception(error)

    Thread(target=run, daemon=True, name="mosaic-upload").start()
    return future


def uploads_of(recordings: Mapping[Role, Recording], policies: Mapping[Role, UploadPolicy]) -> list[Upload]:
    """An upload for each recording that there is a policy for: one without is stored already."""
    return [Upload(role, recording, policies[role]) for role, recording in recordings.items() if role in policies]
