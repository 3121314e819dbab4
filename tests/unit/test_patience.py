"""Patience: every call is made until it goes through, but for one that AWS understood and refused; and it tells why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.unit.answering_aws import AnsweringAws, Said
from tests.unit.waits import quick
from worker import clients
from worker.patience import FEW, LONGEST_WAIT_SECONDS, GaveUp, may_pass

Log = list[MutableMapping[str, object]]


class Failing:
    """A call that fails so often, and then goes through."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times = times
        self.error = error

    def __call__(self) -> str:
        self.times -= 1
        if self.times >= 0:
            raise self.error
        return "through"


@pytest.fixture
def log() -> Iterator[Log]:
    with capture_logs() as lines:
        yield lines


def refusal(code: str, operation: str = "UpdateItem", *reasons: str) -> ClientError:
    told = {"CancellationReasons": [{"Code": reason} for reason in reasons]} if reasons else {}
    return ClientError({"Error": {"Code": code, "Message": ""}, **told}, operation)  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("code", "operation"),
    [
        # DynamoDB
        ("ProvisionedThroughputExceededException", "GetItem"),
        ("RequestLimitExceeded", "UpdateItem"),
        ("ThrottlingException", "UpdateItem"),
        ("InternalServerError", "UpdateItem"),
        ("ServiceUnavailable", "UpdateItem"),
        ("TransactionConflictException", "UpdateItem"),
        ("TransactionInProgressException", "TransactWriteItems"),
        ("ReplicatedWriteConflictException", "UpdateItem"),
        ("ResourceNotFoundException", "UpdateItem"),
        ("AccessDeniedException", "UpdateItem"),
        ("UnrecognizedClientException", "UpdateItem"),
        ("ExpiredTokenException", "UpdateItem"),
        ("InvalidSignatureException", "UpdateItem"),
        ("404", "UpdateItem"),
        # SQS
        ("AWS.SimpleQueueService.NonExistentQueue", "ReceiveMessage"),
        ("QueueDoesNotExist", "ReceiveMessage"),
        ("OverLimit", "ReceiveMessage"),
        ("RequestThrottled", "DeleteMessage"),
        ("KmsThrottled", "ReceiveMessage"),
        ("KmsAccessDenied", "ReceiveMessage"),
        ("InvalidClientTokenId", "ReceiveMessage"),
        ("InvalidSecurity", "ReceiveMessage"),
        ("502", "ReceiveMessage"),
        # S3
        ("SlowDown", "GetObject"),
        ("InternalError", "PutObject"),
        ("RequestTimeout", "PutObject"),
        ("RequestTimeTooSkewed", "GetObject"),
        ("OperationAborted", "PutObject"),
        ("NoSuchBucket", "GetObject"),
        ("AccessDenied", "GetObject"),
        ("BadDigest", "PutObject"),
        ("503", "GetObject"),
        ("404", "GetObject"),
        # one that nobody here has heard of
        ("BrandNewException", "UpdateItem"),
    ],
)
def test_what_passes_by_itself_or_by_somebodys_hand_is_waited_out(code: str, operation: str) -> None:
    patience, _ = quick()
    assert patience(Failing(30, refusal(code, operation))) == "through"


@pytest.mark.parametrize(
    ("code", "operation"),
    [
        ("ConditionalCheckFailedException", "UpdateItem"),
        ("IdempotentParameterMismatchException", "TransactWriteItems"),
        ("ValidationException", "UpdateItem"),
        ("ReceiptHandleIsInvalid", "ChangeMessageVisibility"),
        ("InvalidParameterValue", "ChangeMessageVisibility"),
        ("MessageNotInflight", "ChangeMessageVisibility"),
        ("AWS.SimpleQueueService.MessageNotInflight", "ChangeMessageVisibility"),
        ("NoSuchKey", "GetObject"),
        ("InvalidObjectState", "GetObject"),
        ("PreconditionFailed", "GetObject"),
    ],
)
def test_an_answer_is_raised_at_once(code: str, operation: str) -> None:
    patience, waits = quick()
    with pytest.raises(ClientError):
        patience(Failing(1, refusal(code, operation)))
    assert waits.seconds == []


@pytest.mark.parametrize(
    ("reasons", "passes"),
    [
        (["None", "TransactionConflict"], True),
        (["ThrottlingError", "None"], True),
        (["ProvisionedThroughputExceeded", "TransactionConflict"], True),
        (["ConditionalCheckFailed", "None"], False),
        (["ConditionalCheckFailed", "TransactionConflict"], False),
        (["ValidationError"], False),
        (["ItemCollectionSizeLimitExceeded"], False),
        ([], False),
    ],
)
def test_a_transaction_that_was_cancelled_passes_where_all_its_reasons_do(reasons: list[str], passes: bool) -> None:
    assert may_pass(refusal("TransactionCanceledException", "TransactWriteItems", *reasons)) is passes


def test_a_call_that_is_wrong_in_itself_is_not_made_for_ever() -> None:
    assert not may_pass(ParamValidationError(report="no such parameter"))
    assert not may_pass(ValueError("a mistake of ours"))


@given(failures=st.integers(1, 400))
def test_no_wait_is_longer_than_a_watchdogs_step_however_often_it_failed(failures: int) -> None:
    patience, waits = quick()
    patience(Failing(failures, refusal("SlowDown", "GetObject")))
    assert len(waits.seconds) == failures
    assert max(waits.seconds) <= LONGEST_WAIT_SECONDS == 20


def test_one_who_is_to_end_gives_up_and_says_what_failed() -> None:
    patience, waits = quick()
    waits.set()
    with pytest.raises(GaveUp, match="SlowDown"):
        patience(Failing(1, refusal("SlowDown", "GetObject")))


def test_of_a_call_that_fails_on_and_on_ever_fewer_lines_tell_and_one_that_it_went_through(log: Log) -> None:
    patience, _ = quick()
    patience(Failing(100, refusal("SlowDown", "GetObject")))
    failed = [line["attempt"] for line in log if line["event"] == "aws_call_failed"]
    assert failed == [1, 2, 4, 8, 16, 32, 64]
    [through] = [line for line in log if line["event"] == "aws_call_went_through"]
    assert through["attempts"] == 101


def test_a_call_that_fails_once_is_told_once(log: Log) -> None:
    patience, _ = quick()
    patience(Failing(1, refusal("SlowDown", "GetObject")))
    assert [line["event"] for line in log] == ["aws_call_failed"]


def test_transactions_that_meet_are_told_only_where_they_go_on_and_on(log: Log) -> None:
    patience, _ = quick()
    conflict = refusal("TransactionCanceledException", "TransactWriteItems", "TransactionConflict")
    patience(Failing(3, conflict))
    assert log == []
    patience(Failing(4, conflict))
    assert [line["attempt"] for line in log if line["event"] == "aws_call_failed"] == [4]


def test_a_failure_names_the_call_that_failed_whatever_it_failed_of(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens there
    made = clients.make(threads=1)
    give_up(lambda: made.sqs.receive_message(QueueUrl="http://127.0.0.1:9/1/visqol-3-bulk"))
    give_up(made.s3.list_buckets)
    AnsweringAws([made.dynamodb], lambda _: Said(500, "InternalServerError"))
    give_up(made.dynamodb.list_tables)
    assert [(line["operation"], line.get("queue"), line["error"]) for line in log] == [
        ("sqs.ReceiveMessage", "visqol-3-bulk", "EndpointConnectionError"),
        ("s3.ListBuckets", None, "EndpointConnectionError"),
        ("dynamodb.ListTables", None, "InternalServerError"),
    ]


def test_credentials_that_are_missing_are_told_once_and_not_by_every_call(
    log: Log, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = clients.make(threads=1)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for call in (made.sqs.list_queues, made.s3.list_buckets, made.dynamodb.list_tables):
        give_up(call)
    assert [line["event"] for line in log] == ["credentials_missing"]


def give_up(call: Callable[[], object]) -> None:
    """Make the call, and give up after the second try."""
    patience, waits = quick()

    def once() -> object:
        if waits.seconds:
            waits.set()
        return call()

    with pytest.raises(GaveUp):
        patience(once)


@pytest.mark.parametrize("page", [Said(404, page=b"<html>Not here</html>"), Said(502, page=b"nicht verf\xfcgbar")])
def test_the_page_of_a_proxy_is_no_answer_of_the_table(page: Said) -> None:
    dynamodb = clients.make(threads=1).dynamodb
    said = [page, Said()]
    AnsweringAws([dynamodb], lambda _: said.pop(0))
    patience, waits = quick()
    patience(lambda: dynamodb.get_item(TableName="jobs", Key={"pk": {"S": "a"}}))
    assert said == []
    assert len(waits.seconds) == 1


def test_what_is_tried_briefly_is_given_up_after_a_few_tries() -> None:
    patience, waits = quick()
    failing = Failing(FEW, refusal("AccessDenied", "DeleteObject"))
    with pytest.raises(GaveUp):
        patience.briefly(failing)
    assert len(waits.seconds) == FEW - 1
    assert patience.briefly(failing) == "through"
