"""Lasting credentials: when others are looked for, by whom, and what is told of it; no key is ever logged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import botocore.session
import pytest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError

from tests.clock import SettableClock
from tests.unit.answering_aws import AnsweringAws, Said
from tests.unit.credentials_for_tests import EXPIRED, QUEUE, SECRET, TOKEN, Log, log_without_credentials
from worker.credentials import REMIND_SECONDS, SOON_SECONDS, STATIC_SECONDS, WELL_SECONDS, LastingCredentials

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


@pytest.fixture
def log() -> Iterator[Log]:
    with log_without_credentials() as lines:
        yield lines


def keys(key_id: str, token: str | None = TOKEN) -> Credentials:
    return Credentials(key_id, SECRET, token, method="shared-credentials-file")


def client_with(lasting: LastingCredentials) -> SQSClient:
    session = botocore.session.Session()
    session.register_component("credential_provider", lasting)
    handler: Callable[..., None] = lasting.hear
    session.register("response-received", handler)
    return boto3.session.Session(botocore_session=session).client("sqs")


class Chain:
    """A chain of sources that finds what a test says, look by look; counts how often it was looked through."""

    def __init__(self, *found: Credentials | None) -> None:
        self.found = list(found)
        self.looks = 0

    def __call__(self) -> Credentials | None:
        found = self.found[min(self.looks, len(self.found) - 1)]
        self.looks += 1
        return found


def test_a_storm_of_refusals_looks_once_in_a_few_seconds(clock: SettableClock, log: Log) -> None:
    chain = Chain(keys("AKIAOLD"))
    client = client_with(LastingCredentials(chain, clock))
    AnsweringAws([client], lambda _: EXPIRED)

    def call(_: int) -> None:
        with pytest.raises(ClientError):
            client.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(80)))
        assert chain.looks == 1
        clock.move(SOON_SECONDS)
        list(pool.map(call, range(80)))
    assert chain.looks == 2
    assert [line["event"] for line in log] == ["credentials_refused"]


def test_where_there_are_none_many_threads_wait_for_one_that_looks(clock: SettableClock, log: Log) -> None:
    asking, looks = threading.Barrier(8), list[int]()

    def look() -> Credentials:
        looks.append(threading.get_ident())
        time.sleep(0.2)  # for the others to come by; who comes later finds the same
        return keys("AKIAFIRST")

    lasting = LastingCredentials(look, clock)

    def ask(_: int) -> str | None:
        asking.wait(30)
        return lasting.get_frozen_credentials().access_key

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == ["AKIAFIRST"] * 8
    assert len(looks) == 1
    assert log == []


def test_where_there_are_none_nobody_looks_again_for_a_few_seconds(clock: SettableClock, log: Log) -> None:
    chain = Chain(None)
    lasting = LastingCredentials(chain, clock)
    for looks in (1, 2):
        for _ in range(10):
            with pytest.raises(NoCredentialsError):
                lasting.get_frozen_credentials()
        assert chain.looks == looks
        clock.move(SOON_SECONDS)
    assert [line["event"] for line in log] == ["credentials_missing"]


def test_one_who_looks_holds_up_nobody_who_has_keys(clock: SettableClock) -> None:
    looking, go_on = threading.Event(), threading.Event()

    def slow() -> Credentials:
        looking.set()
        assert go_on.wait(30)
        return keys("AKIANEW")

    chain: list[Callable[[], Credentials]] = [lambda: keys("AKIAOLD"), slow]
    lasting = LastingCredentials(lambda: chain.pop(0)(), clock)
    lasting.get_frozen_credentials()
    clock.move(STATIC_SECONDS)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lasting.get_frozen_credentials)
        assert looking.wait(30)
        assert lasting.get_frozen_credentials().access_key == "AKIAOLD"
        go_on.set()
        assert other.result(30).access_key == "AKIANEW"


def test_a_late_refusal_of_keys_that_are_gone_casts_no_doubt_on_the_new(clock: SettableClock, log: Log) -> None:
    chain = Chain(keys("AKIAOLD"), keys("AKIANEW"))
    lasting = LastingCredentials(chain, clock)
    client = client_with(lasting)

    def renewed_meanwhile(_: str) -> Said:
        clock.move(STATIC_SECONDS)
        with ThreadPoolExecutor(1) as another:
            assert another.submit(lasting.get_frozen_credentials).result().access_key == "AKIANEW"
        return EXPIRED

    AnsweringAws([client], renewed_meanwhile)
    with pytest.raises(ClientError):
        client.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    clock.move(SOON_SECONDS)
    lasting.get_frozen_credentials()
    assert chain.looks == 2
    assert log == []


def test_trouble_that_goes_on_is_told_again_from_time_to_time(clock: SettableClock, log: Log) -> None:
    lasting = LastingCredentials(Chain(None), clock)
    for _ in range(round(2.5 * REMIND_SECONDS / SOON_SECONDS)):
        with pytest.raises(NoCredentialsError):
            lasting.get_frozen_credentials()
        clock.move(SOON_SECONDS)
    assert [line["event"] for line in log] == ["credentials_missing"] * 3


def test_keys_in_a_file_are_replaced_before_they_expire_and_nothing_is_logged(clock: SettableClock, log: Log) -> None:
    client = client_with(LastingCredentials(Chain(keys("AKIAOLD"), keys("AKIANEW")), clock))
    aws = AnsweringAws([client])
    for _ in range(2):
        client.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
        clock.move(STATIC_SECONDS)
    assert aws.signed_by == ["AKIAOLD", "AKIANEW"]
    assert log == []


def test_keys_that_are_gone_from_their_place_are_used_while_they_are_good(clock: SettableClock, log: Log) -> None:
    lasting = LastingCredentials(Chain(keys("AKIAOLD"), None), clock)
    for _ in range(3):
        assert lasting.get_frozen_credentials().access_key == "AKIAOLD"
        clock.move(STATIC_SECONDS)
    assert log == []


def test_keys_that_may_not_do_a_thing_are_looked_for_again_as_the_role_may_be_another(
    clock: SettableClock, log: Log
) -> None:
    chain = Chain(profile("ASIAOLD", clock), profile("ASIANEW", clock))
    client = client_with(LastingCredentials(chain, clock))
    aws = AnsweringAws([client], lambda key: Said(403, "AccessDenied") if key == "ASIAOLD" else Said())
    with pytest.raises(ClientError):
        client.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    clock.move(SOON_SECONDS)
    client.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    assert aws.signed_by == ["ASIAOLD", "ASIANEW"]
    assert log == []


def profile(
    key_id: str, clock: SettableClock, refresh: Callable[[], dict[str, str]] | None = None
) -> RefreshableCredentials:
    """What an instance profile gives: keys for an hour, and how to have the next ones."""
    return RefreshableCredentials(
        access_key=key_id,
        secret_key=SECRET,
        token=TOKEN,
        expiry_time=datetime.fromtimestamp(clock(), UTC) + timedelta(hours=1),
        refresh_using=refresh or dict,
        method="iam-role",
        time_fetcher=lambda: datetime.fromtimestamp(clock(), UTC),
    )


def test_credentials_of_an_instance_profile_refresh_and_nobody_looks_for_others(clock: SettableClock, log: Log) -> None:
    def refresh() -> dict[str, str]:
        later = datetime.fromtimestamp(clock(), UTC) + timedelta(hours=1)
        return {"access_key": "ASIANEXT", "secret_key": SECRET, "token": TOKEN, "expiry_time": later.isoformat()}

    chain = Chain(profile("ASIAFIRST", clock, refresh))
    lasting = LastingCredentials(chain, clock)
    assert lasting.get_frozen_credentials().access_key == "ASIAFIRST"
    clock.move(50 * 60)
    assert lasting.get_frozen_credentials().access_key == "ASIANEXT"
    assert chain.looks == 1
    assert log == []


def test_where_an_instance_profile_gives_no_more_the_rest_of_the_chain_is_asked(clock: SettableClock, log: Log) -> None:
    lasting = LastingCredentials(Chain(profile("ASIAFIRST", clock), None, keys("AKIANEW")), clock)
    lasting.get_frozen_credentials()
    clock.move(59 * 60)
    for _ in range(2):
        with pytest.raises(CredentialRetrievalError):
            lasting.get_frozen_credentials()
        clock.move(SOON_SECONDS)
    assert lasting.get_frozen_credentials().access_key == "AKIANEW"
    assert [line["event"] for line in log] == ["credentials_missing"]


def test_each_keys_that_are_refused_are_told_once_and_so_is_when_all_is_well(clock: SettableClock, log: Log) -> None:
    client = client_with(LastingCredentials(Chain(keys("AKIAONE"), keys("AKIATWO"), keys("AKIATHREE")), clock))
    AnsweringAws([client], lambda key: Said() if key == "AKIATHREE" else EXPIRED)
    for _ in range(3):
        for _ in range(3):
            try:
                client.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
            except ClientError:
                clock.move(SOON_SECONDS / 4)
        clock.move(SOON_SECONDS)
    assert [line["event"] for line in log] == ["credentials_refused", "credentials_refused", "credentials_well"]
    assert log[0]["code"] == "ExpiredTokenException"
    assert log[0]["source"] == "shared-credentials-file"


def test_keys_that_only_one_service_refuses_are_told_once(clock: SettableClock, log: Log) -> None:
    client = client_with(LastingCredentials(Chain(keys("AKIAONE")), clock))
    aws = AnsweringAws([client])
    for said in [EXPIRED, Said()] * 10:
        aws.answer = lambda _, said=said: said  # type: ignore[misc]
        try:
            client.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
        except ClientError:
            clock.move(WELL_SECONDS / 2)
    assert [line["event"] for line in log] == ["credentials_refused"]
    clock.move(WELL_SECONDS)
    client.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    assert [line["event"] for line in log] == ["credentials_refused", "credentials_well"]


@pytest.mark.parametrize("message", ["Signature expired: 20261122T080000Z is now earlier", "Signature not yet current"])
def test_a_signature_that_the_clock_spoilt_is_not_blamed_on_the_keys(
    message: str, clock: SettableClock, log: Log
) -> None:
    client = client_with(LastingCredentials(Chain(keys("AKIAONE")), clock))
    AnsweringAws([client], lambda _: Said(400, "InvalidSignatureException", message))
    with pytest.raises(ClientError):
        client.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    assert log == []


@pytest.mark.parametrize("part", ["access_key", "secret_key", "token"])
def test_keys_with_white_space_are_not_used_for_errors_would_quote_them(
    part: str, clock: SettableClock, log: Log
) -> None:
    spoilt = keys("AKIAONE")
    setattr(spoilt, part, getattr(spoilt, part) + "\n")
    with pytest.raises(NoCredentialsError):
        LastingCredentials(Chain(spoilt), clock).get_frozen_credentials()
    assert "white space" in str(log[0]["why"])
