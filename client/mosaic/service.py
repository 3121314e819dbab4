"""The REST API, one call at a time: the key goes out here, and typed errors come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from mosaic.errors import SettingProblem, UnexpectedAnswer, Unreachable, api_error
from mosaic.patience import Patience, retry_after
from mosaic.problem import Problem


@dataclass(frozen=True)
class Request:
    """One call of the API: `path` is what follows the version, `body` goes as JSON."""

    method: str
    path: str
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A good answer: its JSON document, and in how many seconds to ask again, where the service told."""

    document: object
    retry_after: float | None


class Service:
    """The service at one URL, reached with one tenant's API key.

    Raises SettingProblem where no request could be made with the two.
    """

    def __init__(self, url: str, api_key: str, http: httpx.Client, patience: Patience) -> None:
        self._url = _checked_url(url)
        self._headers = {"x-api-key": _checked_key(api_key), "accept": "application/json, application/problem+json"}
        self._http = http
        self._patience = patience

    def call(self, request: Request) -> Answer:
        """The answer to a call that may be repeated; it is where a failure may pass.

        Raises ApiError, Unreachable or UnexpectedAnswer.
        """
        return self._patience.persistently(lambda: self.call_once(request))

    def call_once(self, request: Request) -> Answer:
        """The answer to one request. Raises ApiError, Unreachable or UnexpectedAnswer."""
        url, headers = f"{self._url}/v1{request.path}", {**self._headers, **request.headers}
        try:
            response = self._http.request(request.method, url, json=request.body, headers=headers)
        except httpx.HTTPError as error:
            raise Unreachable(f"{self._url} cannot be reached: {error}") from error
        pause = retry_after(response.headers)
        if not response.is_success:
            raise api_error(Problem.from_answer(response.status_code, _json(response)), pause)
        document = _json(response)
        if document is None:
            raise UnexpectedAnswer(f"{self._url} does not answer as Mosaic does: no JSON; check the URL")
        return Answer(document, pause)


def _json(response: httpx.Response) -> object:
    try:
        document: object = response.json()
    except ValueError:
        return None
    return document


def _checked_url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise SettingProblem(f"the service's URL is not valid: {error}") from error
    if "@" in text or url.query or url.fragment:  # these may be secret: they are not shown
        raise SettingProblem("the service's URL must have no user, query or fragment")
    if url.scheme not in {"http", "https"} or not url.host:
        raise SettingProblem(f"the service's URL must be of the form http://host:port or https://host, not {text!r}")
    return str(url).rstrip("/")


def _checked_key(key: str) -> str:
    # A key read from a file often ends in a newline. What no header can carry must not get as far as the HTTP
    # library, whose error would show it.
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SettingProblem("the API key is empty, or holds characters that no key has")
    return key
