"""Whether a call to AWS that failed may go through later: then a client is told to try again."""

from __future__ import annotations

from http import HTTPStatus

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from shared import transactions

# Refusals that pass although their status is of 4xx. DynamoDB Developer Guide, "Error handling"; SQS API Reference,
# "Common errors"; S3 API Reference, "Error responses".
THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "Throttling",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
UNREACHED = (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError)


def passes(error: ClientError | BotoCoreError) -> bool:
    """Whether AWS was busy, broken or out of reach; else something here is wrong, and stays so."""
    if not isinstance(error, ClientError):
        return isinstance(error, UNREACHED)
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or error.response["Error"]["Code"] in THROTTLED
        or transactions.passes(error)
    )
