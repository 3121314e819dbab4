"""What an operator is told where a command cannot do what it should."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from shared.tenants import HasKeys, TenantExists, TooManyKeys, UnknownTenant

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})


class Refused(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


TOLD = (Refused, ClientError, BotoCoreError, UnknownTenant, TenantExists, HasKeys, TooManyKeys)


def words(error: Exception) -> str:
    """One of TOLD in an operator's words."""
    match error:
        case ClientError():
            return _of_aws(error)
        case NoCredentialsError():
            return "There are no AWS credentials. Set AWS_PROFILE, or sign in with `aws sso login`."
        case NoRegionError():
            return "There is no AWS region. Set AWS_DEFAULT_REGION, or `region` in the deployment's file."
        case UnknownTenant():
            return f"There is no tenant {error}. `tenants list` shows those that there are."
        case TenantExists():
            return f"There is a tenant {error} already. `tenants limits` changes what it may use."
        case HasKeys():
            return f"{error} has keys. `keys list {error}` shows them; remove them first."
        case TooManyKeys():
            return f"{error} has two keys, which is the most. `keys list {error}` shows them; remove one first."
        case _:
            return str(error)


def _of_aws(error: ClientError) -> str:
    told = error.response.get("Error", {})
    if told.get("Code") in EXPIRED:
        return "The AWS credentials have expired. Sign in again."
    return f"AWS refused {error.operation_name}: {told.get('Message') or told.get('Code')}"
