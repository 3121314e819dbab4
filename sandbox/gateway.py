"""The API's front door as API Gateway keeps it: checks keys and sizes, and hands requests to the function as events."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

from aiohttp import web

from sandbox import api_page, proxy_events
from sandbox.cloud import HOST
from sandbox.function import Function, FunctionFailed
from sandbox.keys import KeyRing
from shared import logs

MAX_BODY_BYTES = 10 * 1024 * 1024  # API Gateway quota "Payload size"
MAX_EVENT_BYTES = 6 * 1024 * 1024  # Lambda quota "Invocation payload", synchronous: base64 fills it by a third more
KEY_HEADER = "x-api-key"


class Gateway:
    """Serves one function over HTTP on the loopback interface."""

    def __init__(self, function: Function, keys: KeyRing, port: int) -> None:
        self._function = function
        self._keys = keys
        self._port = port
        self._log = logs.get(__name__)
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        api_page.add_to(application)
        application.router.add_route("*", r"/{path:[\s\S]*}", self._answer)
        # A compressed body is the function's business: the gateway passes it on as it came.
        self._runner = web.AppRunner(application, access_log=None, auto_decompress=False)

    async def start(self) -> None:
        """Serve from now on. Raises OSError where the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()

    async def stop(self) -> None:
        """Let the requests that run be answered, and take no more."""
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        key_id = self._keys.id_of(request.headers.get(KEY_HEADER))
        if key_id is None:
            return _problem(HTTPStatus.FORBIDDEN, "forbidden", f"Send a valid API key in the header {KEY_HEADER}.")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _too_large()
        event = proxy_events.to_event(request, body, key_id)
        try:
            size = len(json.dumps(event, ensure_ascii=False).encode())
        except UnicodeEncodeError:  # aiohttp reads what is no UTF-8 into surrogates
            return _problem(HTTPStatus.BAD_REQUEST, "bad_request", "Send headers and paths in UTF-8.")
        if size > MAX_EVENT_BYTES:
            return _too_large()
        try:
            answer = await asyncio.wrap_future(self._function.invoke(event))
            return proxy_events.to_response(answer)
        except FunctionFailed:
            pass  # it logged why
        except ValueError as error:
            self._log.error("malformed_response", reason=str(error))
        return _problem(HTTPStatus.BAD_GATEWAY, "bad_gateway", "The service failed to answer. Its log says why.")


def _too_large() -> web.Response:
    detail = "This body is larger than the gateway takes. Upload audio by the policies of POST /v1/jobs."
    return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "payload_too_large", detail)


def _problem(status: HTTPStatus, slug: str, detail: str) -> web.Response:
    document = {"type": f"urn:mosaic:problem:{slug}", "title": status.phrase, "status": status.value, "detail": detail}
    return web.Response(status=status.value, text=json.dumps(document), content_type="application/problem+json")
