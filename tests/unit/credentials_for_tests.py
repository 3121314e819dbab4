"""Credentials of tests: what is in them, a call that they sign, how AWS refuses them, a log that must hold none."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

from structlog.testing import capture_logs

from tests.unit.answering_aws import Said

Log = list[MutableMapping[str, object]]

QUEUE = "https://sqs.eu-central-1.amazonaws.com/1/queue"
SECRET, TOKEN = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLETOKEN"

EXPIRED = Said(403, "ExpiredTokenException")


@contextmanager
def log_without_credentials() -> Iterator[Log]:
    """What is logged meanwhile; in the end it is looked at whether any of them is told."""
    with capture_logs() as lines:
        yield lines
    told = str(lines)
    assert not [secret for secret in (SECRET, TOKEN, "AKIA", "ASIA") if secret in told], told
