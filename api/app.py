"""The function behind the REST API: one resolver, its routes, and every error as a problem document."""

from __future__ import annotations

from api import coming_up  # isort: split

import threading
import time
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from importlib import import_module

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from api import bodies, json_text, problems, query, unavailable
from api.problem_kinds import Kind
from api.problems import Problem
from shared import logs
from shared.quotas import QuotaExceeded

logs.configure("api")
log = logs.get(__name__)

BUSY_SECONDS = 2

# Where the routes are, those asked for most often first. A start waits for the first module alone; each other is taken
# in, and stays, once a request has its route in none before it.
MODULES = (
    "job_routes",
    "batch_routes",
    "reference_routes",
    "job_list",
    "batch_list",
    "score_routes",
    "start_routes",
    "service_routes",
)
_taking_in = threading.Lock()  # the sandbox shows all routes as a page while it answers requests

# Without the code of its own, an answer that breaks its model would be called the client's mistake: 422.
app = APIGatewayRestResolver(
    enable_validation=True,
    serializer=json_text.text,
    json_body_deserializer=bodies.parse,
    response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
)


def _known_parameters(resolver: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[object]:
    route = resolver.context["_route"]
    if route in _taken_in():  # or it is the one that answers for paths that are none
        query.refuse_unknown(route, resolver.current_event.query_string_parameters)
    return next_middleware(resolver)


app.use([_known_parameters])


def routes() -> list[Route]:
    """Every route."""
    for module in MODULES:
        _take_in(module)
    return _taken_in()


def _take_in(module: str) -> None:
    with _taking_in:
        _include(module)


@cache
def _include(module: str) -> None:
    app.include_router(import_module(f"api.{module}").router)


def _taken_in() -> list[Route]:
    """Powertools keeps them to itself, in two lists."""
    return [*app._static_routes, *app._dynamic_routes]


def _find(method: object, path: str) -> None:
    """Take modules in until one has the route of a request, or none is left."""
    for module in MODULES:
        if any(route.method == method and route.rule.match(path) for route in _taken_in()):
            return
        _take_in(module)


def handler(event: Mapping[str, object], context: LambdaContext) -> Mapping[str, object]:
    """Answer one request of API Gateway's REST proxy integration.

    One at a time in a process, as in Lambda: the resolver keeps the request on itself.
    """
    _find(event["httpMethod"], str(event["path"]))
    return app.resolve(bodies.plain_type(event), context)


@app.exception_handler(Problem)
def _problem(problem: Problem) -> Response[str]:
    return _answer(problem)


def _answer(problem: Problem) -> Response[str]:
    """The problem document as a response."""
    body = json_text.text(problem.document())
    return Response(problem.status, content_type=problems.MEDIA_TYPE, body=body, headers=problem.headers)


@app.exception_handler(QuotaExceeded)
def _quota(exceeded: QuotaExceeded) -> Response[str]:
    return _answer(problems.quota_exceeded(exceeded, time.time()))


@app.exception_handler(RequestValidationError)
def _invalid(error: RequestValidationError) -> Response[str]:
    unknown = query.unknown(app.context["_route"], app.current_event.query_string_parameters)
    return _answer(problems.from_validation([*error.errors(), *unknown]))


@app.exception_handler(RequestUnsupportedContentType)
def _unsupported(_: RequestUnsupportedContentType) -> Response[str]:
    detail = "This call takes a JSON body: set Content-Type to application/json."
    return _answer(Problem(Kind.UNSUPPORTED_MEDIA_TYPE, detail))


@app.not_found
def _not_found(_: NotFoundError) -> Response[str]:
    method, path = app.current_event.http_method, app.current_event.path
    detail = f"There is no {method[:20]} {path[:200]} here."
    allowed = [route.method for route in routes() if route.rule.match(path)]
    if allowed:
        return _answer(Problem(Kind.METHOD_NOT_ALLOWED, detail, headers={"Allow": ", ".join(allowed)}))
    return _answer(Problem(Kind.UNKNOWN_ROUTE, detail))


@app.exception_handler([ClientError, BotoCoreError])
def _unavailable(error: ClientError | BotoCoreError) -> Response[str]:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if not unavailable.passes(error):
        crash: Response[str] = _crash(error)
        return crash
    log.warning("busy", method=app.current_event.http_method, error=code)
    detail = (
        "The service is busy, or a part of it cannot be reached. Try again: that does no harm, but where a call makes"
        " something, give it an Idempotency-Key, or it may be made twice."
    )
    return _answer(Problem(Kind.UNAVAILABLE, detail, headers={"Retry-After": str(BUSY_SECONDS)}))


@app.exception_handler(Exception)
def _crash(error: Exception) -> Response[str]:
    request_id = app.current_event.request_context.request_id
    log.error("request_failed", request_id=request_id, method=app.current_event.http_method, exc_info=error)
    detail = "Something failed on our side and was logged. Try again; if it stays, tell the operator the request id."
    problem = Problem(Kind.INTERNAL, detail, extensions={"request_id": request_id})
    return _answer(problem)


_take_in(MODULES[0])
coming_up.done()
