"""Credentials come late, expire, are renewed and refused, under clients that were made once; no key is ever logged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore.session
import pytest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError
from structlog.testing import capture_logs

from shared.settings import BadSettings
from tests.clock import SettableClock
from tests.unit.answering_aws import AnsweringAws, Said
from worker import clients, credentials
from worker.clients import Clients
from worker.credentials import REMIND_SECONDS, SOON_SECONDS, STATIC_SECONDS, WELL_SECONDS, LastingCredentials

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

Log = list[MutableMapping[str, object]]

QUEUE = "https://sqs.eu-central-1.amazonaws.com/1/queue"
SECRET, TOKEN = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLETOKEN"

EXPIRED = Said(403, "ExpiredTokenException")

# What AWS says of keys that it does not take, each in the service's own form.
REFUSED = {
    "sqs": [
        Said(403, "InvalidClientTokenId"),
        Said(403, "UnrecognizedClientException", headers={"x-amzn-query-error": "InvalidClientTokenId;Sender"}),
        Said(403, "ExpiredTokenException", headers={"x-amzn-query-error": "ExpiredToken;Sender"}),
        Said(403, "InvalidSignatureException", headers={"x-amzn-query-error": "SignatureDoesNotMatch;Sender"}),
    ],
    "dynamodb": [
        Said(400, "UnrecognizedClientException"),
        Said(400, "ExpiredTokenException"),
        Said(400, "InvalidSignatureException"),
        Said(400, "MissingAuthenticationTokenException"),
    ],
    "s3": [
        Said(403, "InvalidAccessKeyId", form="xml"),
        Said(400, "ExpiredToken", form="xml"),
        Said(400, "InvalidToken", form="xml"),
        Said(403, "SignatureDoesNotMatch", form="xml"),
        Said(400, "TokenRefreshRequired", form="xml"),
    ],
}


@pytest.fixture
def log() -> Iterator[Log]:
    with capture_logs() as lines:
        yield lines
    told = str(lines)
    assert not [secret for secret in (SECRET, TOKEN, "AKIA", "ASIA") if secret in told], told


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


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setattr(credentials, "SOON_SECONDS", 0.0)
    return tmp_path / "credentials"


@pytest.fixture
def made(file: Path) -> Clients:
    return clients.make(threads=2)


@pytest.fixture
def aws(made: Clients) -> AnsweringAws:
    return AnsweringAws([made.sqs, made.dynamodb, made.s3])


def write(file: Path, key_id: str) -> None:
    file.write_text(
        f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n"
    )


def test_clients_are_made_before_there_are_credentials_and_use_them_once_they_are_written(
    made: Clients, aws: AnsweringAws, file: Path, log: Log
) -> None:
    for _ in range(3):
        with pytest.raises(NoCredentialsError):
            made.sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    write(file, "AKIAFIRST")
    made.sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    assert aws.signed_by == ["AKIAFIRST"]
    assert [line["event"] for line in log] == ["credentials_missing", "credentials_well"]
    assert "credentials" in str(log[0]["to_do"])


@pytest.mark.parametrize("service", REFUSED)
def test_keys_that_a_service_refuses_are_replaced_by_those_that_stand_there_now(
    service: str, made: Clients, aws: AnsweringAws, file: Path, log: Log
) -> None:
    call: Callable[[], object] = {
        "sqs": lambda: made.sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle="r"),
        "dynamodb": lambda: made.dynamodb.delete_item(TableName="jobs", Key={"pk": {"S": "a"}}),
        "s3": lambda: made.s3.delete_object(Bucket="bucket", Key="key"),
    }[service]
    write(file, "AKIA0")
    for number, refusal in enumerate(REFUSED[service]):
        aws.answer = lambda _, refusal=refusal: refusal  # type: ignore[misc]
        with pytest.raises(ClientError):
            call()
        write(file, f"AKIA{number + 1}")
        aws.answer = lambda _, refusal=refusal: Said(form=refusal.form)  # type: ignore[misc]
        call()
        assert aws.signed_by[-2:] == [f"AKIA{number}", f"AKIA{number + 1}"], refusal
    assert [line["event"] for line in log] == ["credentials_refused", "credentials_well"] * len(REFUSED[service])


def test_a_file_that_is_being_written_replaces_nothing(made: Clients, aws: AnsweringAws, file: Path, log: Log) -> None:
    write(file, "AKIAOLD")
    made.sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    aws.answer = lambda _: EXPIRED
    for half in ("[default]\naws_access_key_id = AKIANEW\n", f"default]\naws_secret_access_key = {SECRET}", ""):
        file.write_text(half)
        with pytest.raises(ClientError):
            made.sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    assert aws.signed_by == ["AKIAOLD"] * 4


def test_a_refusal_that_quotes_the_request_is_raised_without_the_quotation(
    made: Clients, aws: AnsweringAws, file: Path, log: Log
) -> None:
    quotation = f"The signature does not match.\n\nThe Canonical String was\n'POST\n/\nx-amz-security-token:{TOKEN}'"
    aws.answer = lambda _: Said(403, "InvalidSignatureException", quotation)
    write(file, "AKIAOLD")
    with pytest.raises(ClientError, match=r"The signature does not match\.$") as raised:
        made.sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    assert TOKEN not in str(raised.value)


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


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("AWS_DEFAULT_REGION", None, "AWS_DEFAULT_REGION"),
        ("AWS_DEFAULT_REGION", "eu central", "eu central"),
        ("AWS_ENDPOINT_URL", "nowhere", "nowhere"),
        ("AWS_PROFILE", "nobody", "nobody"),
        ("AWS_DEFAULTS_MODE", "odd", "odd"),
    ],
)
def test_where_no_client_can_be_made_an_operator_is_told_what_to_mend(
    variable: str, value: str | None, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(BadSettings, match=told):
        clients.make(threads=1)
