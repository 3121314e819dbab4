"""The credentials that every client signs with: they may come late, go, and come back, and no client is made anew."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping

import botocore.session
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError

from shared import logs

SOON_SECONDS = 5.0  # how soon to look again where there are none, or AWS refused them: many calls say so at once
# How often to look for others in place of some that tell no end. Where Systems Manager manages a machine that is not
# EC2, its agent replaces those in ~/.aws/credentials every half hour, and they are good for one.
STATIC_SECONDS = 60.0
WELL_SECONDS = 60.0  # keys that were refused are well again if none of their calls was for so long

# AWS does not know the keys, or no longer, or their signature is wrong. SQS API Reference, "Common Error Types", some
# of which SQS gives by the names of its older protocol; DynamoDB Developer Guide, "Error handling"; S3 API Reference,
# "List of error codes".
REFUSALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClient",
        "UnrecognizedClientException",
    }
)
# Good keys that may not do this: perhaps they are of a role that the machine has no longer.
DENIALS = frozenset({"AccessDenied", "AccessDeniedException"})
# A signature is refused for the time of its call, whoever signed it: IAM User Guide, "Troubleshoot signed requests".
OUT_OF_TIME = ("Signature expired", "Signature not yet current")

REMIND_SECONDS = 600.0  # trouble that goes on is told again

MISSING = "missing"
WHERE = "an instance profile, ~/.aws/credentials or the environment"
TO_DO_MISSING = f"Give this machine credentials by {WHERE}. The worker tries on and needs no restart."
TO_DO_REFUSED = f"Renew what the source gives, or give others by {WHERE}. The worker tries on and needs no restart."

log = logs.get(__name__)


def tells(error: BaseException) -> bool:
    """Whether an error of a call is one of credentials, which is told here once, and not by each that calls."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in REFUSALS
    return isinstance(error, (NoCredentialsError, CredentialRetrievalError))


def whole_chain() -> Credentials | None:
    """The credentials that there are now, by a session that remembers nothing. Raises what any of the sources does."""
    return botocore.session.Session().get_credentials()


class LastingCredentials:
    """What a botocore session takes for its credential provider, and its clients for their credentials.

    They are looked for when a call is signed, through the whole chain, where there are none or AWS refused what there
    is; what there is is kept until others are found. Those that refresh by themselves go on doing so.
    """

    def __init__(
        self, find: Callable[[], Credentials | None] = whole_chain, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._find = find
        self._clock = clock
        self._held: Credentials | None = None
        self._keys: ReadOnlyCredentials | None = None  # those given out last
        self._signed = threading.local()  # those that the thread's own call is signed with
        self._doubted = False
        self._looked_at = -math.inf
        self._looking = threading.Lock()
        self._trouble: ReadOnlyCredentials | str | None = None  # what was told: the refused keys, or MISSING
        self._refused_at = -math.inf
        self._told_at = -math.inf
        self._telling = threading.Lock()

    def load_credentials(self) -> LastingCredentials:
        """What a session asks of its credential provider."""
        return self

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys to sign one call with. Raises NoCredentialsError, CredentialRetrievalError."""
        if self._due():
            self._look()
        if self._held is None:
            raise NoCredentialsError
        try:
            keys = self._held.get_frozen_credentials()
        except Exception as error:
            self._doubted = True
            self._missing(error)
            raise CredentialRetrievalError(provider=self._source(), error_msg=_first_line(error)) from None
        self._keys = self._signed.keys = keys
        return keys

    def get_deferred_property(self, name: str) -> Callable[[], str | None]:
        """What DynamoDB's client asks for, to find the account's own endpoint."""
        return lambda: getattr(self.get_frozen_credentials(), name)

    def hear(self, parsed_response: Mapping[str, object] | None, **_: object) -> None:
        """A handler of botocore's `response-received`: whether AWS took the keys that this thread signed with."""
        error = parsed_response.get("Error", {}) if parsed_response else None
        if not isinstance(error, dict):
            return  # nobody answered
        code = error.get("Code")
        if code in REFUSALS:
            error["Message"] = _unquoted(error)
        keys: ReadOnlyCredentials | None = getattr(self._signed, "keys", None)
        if keys is None or keys != self._keys:
            return  # there are others by now
        if not error:
            self._taken(keys)
        elif code in DENIALS:
            self._doubted = True
        elif code in REFUSALS and not error["Message"].startswith(OUT_OF_TIME):
            self._refused(keys, code)

    def _due(self) -> bool:
        if self._held is None or self._doubted:
            pause = SOON_SECONDS
        elif isinstance(self._held, RefreshableCredentials):
            return False
        else:
            pause = STATIC_SECONDS
        return self._clock() - self._looked_at >= pause

    def _look(self) -> None:
        """Look once, whoever comes first. The others go on with what there is, and wait only where that is nothing."""
        if not self._looking.acquire(blocking=self._held is None):
            return
        try:
            if self._due():  # still, for who waited
                self._renew()
        finally:
            self._looking.release()

    def _renew(self) -> None:
        try:
            self._held, self._doubted = self._found(), False
        except Exception as error:
            if self._held is None:
                self._missing(error)
        finally:
            self._looked_at = self._clock()

    def _found(self) -> Credentials:
        found = self._find()
        if found is None:
            raise NoCredentialsError
        keys = found.get_frozen_credentials()  # some are fetched only now, and what cannot be had replaces nothing
        if any(part and part.split() != [part] for part in (keys.access_key, keys.secret_key, keys.token)):
            raise CredentialRetrievalError(provider=found.method, error_msg="There is white space in a key.")
        return found

    def _missing(self, error: Exception) -> None:
        if self._is_news(MISSING):
            log.error("credentials_missing", why=_first_line(error), to_do=TO_DO_MISSING)

    def _refused(self, keys: ReadOnlyCredentials, code: str) -> None:
        self._doubted, self._refused_at = True, self._clock()
        if self._is_news(keys):
            log.error("credentials_refused", code=code, source=self._source(), to_do=TO_DO_REFUSED)

    def _taken(self, keys: ReadOnlyCredentials) -> None:
        trouble = self._trouble
        if trouble is None or (trouble == keys and self._clock() - self._refused_at < WELL_SECONDS):
            return
        if self._is_news(None):
            log.info("credentials_well", source=self._source())

    def _is_news(self, trouble: ReadOnlyCredentials | str | None) -> bool:
        now = self._clock()
        with self._telling:
            news = trouble != self._trouble or (trouble is not None and now - self._told_at >= REMIND_SECONDS)
            if news:
                self._trouble, self._told_at = trouble, now
        return news

    def _source(self) -> str:
        return self._held.method if self._held else ""


def _first_line(error: Exception) -> str:
    """What an error says of credentials; further lines may quote the request, which holds the session token."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _unquoted(error: Mapping[str, str]) -> str:
    """A refusal without what AWS quotes of the request: its canonical form holds the session token."""
    if error["Code"].startswith("IncompleteSignature"):
        return ""  # quotes the header within its one line
    return error.get("Message", "").partition("\n")[0]
