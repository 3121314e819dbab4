"""What a host tells of itself: each hearer for itself, and one that cannot be reached is told of once."""

from __future__ import annotations

import threading
from unittest.mock import create_autospec

from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from structlog.testing import capture_logs

from shared.hosts import Hosts
from worker.status import StatusFile
from worker.teller import Teller
from worker.watchdog import LIMIT_SECONDS, Watchdog


def told_of(error: Exception, times: int) -> list[str]:
    """The lines of a teller whose table cannot be reached, for as many turns; each other hearer hears each of them."""
    hosts, status, tried = create_autospec(Hosts, instance=True), create_autospec(StatusFile, instance=True), []
    turned = threading.Semaphore(0)

    def tell(_: object) -> None:
        tried.append(error)
        turned.release()
        raise error

    hosts.tell.side_effect = tell
    teller = Teller(
        hosts=hosts,
        status=status,
        watchdog=Watchdog(LIMIT_SECONDS),
        describe=lambda: None,  # type: ignore[arg-type,return-value]  # nobody looks at it here
        line=lambda: "STATUS=ready",
    )
    with capture_logs() as lines:
        teller.start()
        for _ in range(times):
            assert turned.acquire(timeout=10)
            teller.tell_now()
        teller.stop()
    assert len(tried) >= times
    assert status.write.call_count == len(tried)
    return [line["event"] for line in lines]


def test_a_table_that_cannot_be_reached_is_told_of_once_and_not_at_each_turn() -> None:
    assert told_of(EndpointConnectionError(endpoint_url="http://nowhere"), times=5) == ["host_not_told"]


def test_credentials_that_are_missing_are_told_of_where_they_are_looked_for_and_not_here() -> None:
    assert told_of(NoCredentialsError(), times=2) == []
