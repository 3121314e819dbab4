"""Credentials come late, are refused and replaced, under clients that were made once; no key is ever logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from shared.settings import BadSettings
from tests.unit.answering_aws import AnsweringAws, Said
from tests.unit.credentials_for_tests import EXPIRED, QUEUE, SECRET, TOKEN, Log, log_without_credentials
from worker import clients, credentials
from worker.clients import Clients

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
    with log_without_credentials() as lines:
        yield lines


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
