"""The OpenAPI document, generated from the routes: `python -m api.openapi` writes it to docs/openapi.json.

Powertools knows paths, parameters and models; routes say their outcomes beside themselves (`api.outcomes`). Here that
is spelled out, and what every call has in common is added. Form: OpenAPI Specification 3.1.0.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, cast

from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn
from pydantic.json_schema import models_json_schema

from api import examples, problem_examples, problems
from api.app import app, routes
from api.batch_documents import NewItem, ResultLine
from api.outcomes import PROBLEMS
from api.problem_document import ProblemDocument
from api.problem_kinds import Kind
from api.schemas import of_parameter, plain
from api.uploads import POLICY_SECONDS
from shared.limits import GB, Limits
from shared.lives import DAY, HOUR, LIVES, UPLOAD_SECONDS
from shared.once import LEAST_SECONDS
from shared.references import LIFE_SECONDS
from shared.resources import MINUTE

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.api_gateway import Route
    from pydantic import JsonValue

    Object = dict[str, JsonValue]

FILE = Path(__file__).parent.parent / "docs" / "openapi.json"

TITLE = "Mosaic"
VERSION = "1"
ABOUT = """POLQA (ITU-T P.863) as a service: a degraded speech recording is scored against its clean reference.

Create a job, upload its two WAV files by the policies that come with it, and ask for it until it has ended: each answer
says in `Retry-After` when to ask again. Thousands of pairs go in a batch; a reference that many jobs share is stored
once; one small file against a stored reference takes one call, `POST /v1/score`.

Times are RFC 3339 in UTC, sizes are bytes, scores are MOS. Bodies are JSON but for audio; members and query parameters
that a call does not know are refused. Every error is an RFC 9457 problem document.
"""
TAGS = {
    "jobs": "One degraded recording, to be scored against one reference.",
    "batches": "Jobs that are started and counted together, and whose results come as one table.",
    "references": "Clean speech that is stored once, and named by its hash in any number of jobs.",
    "score": "The one-call form, for a small file against a stored reference.",
    "service": "What there is to score with, and how busy it is.",
}
HEADERS: Object = {
    "Location": {"description": "Where what was made is found.", "required": True, "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` where it was made by an earlier call with this Idempotency-Key.",
        "schema": {"const": "true"},
    },
    "Retry-After": {
        "description": "Seconds to wait before asking again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "Optional-Retry-After": {
        "description": "Seconds to wait before asking again, where that can be told.",
        "schema": {"type": "integer", "minimum": 1},
    },
}
WAITS = {HTTPStatus.TOO_MANY_REQUESTS: "Optional-Retry-After", HTTPStatus.SERVICE_UNAVAILABLE: "Retry-After"}

EVERYWHERE = (
    Kind.BAD_REQUEST,
    Kind.FORBIDDEN,
    Kind.FILTERED,
    Kind.INVALID_REQUEST,
    Kind.TOO_MANY_REQUESTS,
    Kind.PLAN_EXHAUSTED,
    Kind.INTERNAL,
    Kind.BAD_GATEWAY,
    Kind.UNAVAILABLE,
    Kind.GATEWAY_TIMEOUT,
)
WITH_JSON = (Kind.MALFORMED_JSON, Kind.PAYLOAD_TOO_LARGE, Kind.UNSUPPORTED_MEDIA_TYPE)

# What a call makes: the path parameter that it then is, and the member of the answer that says it.
MADE = {
    "create_job": ("job_id", "id"),
    "score": ("job_id", "id"),
    "create_batch": ("batch_id", "id"),
}


def document() -> Object:
    """The whole document, the same each time."""
    every = routes()
    made: Object = json.loads(
        app.get_openapi_json_schema(
            title=TITLE,
            version=VERSION,
            description=ABOUT + _lives() + _quotas() + _kinds(),
            tags=list(TAGS),
            security_schemes={"api_key": APIKey(name="x-api-key", in_=APIKeyIn.header)},
            security=[{"api_key": []}],
        )
    )
    made["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    paths = _object(made["paths"])
    for route in every:
        _spell_out(_object(_object(paths[route.openapi_path])[route.method.lower()]), route)
    _link(paths)
    made["paths"] = dict(sorted(paths.items()))
    made["components"] = _components(_object(made["components"]))
    return made


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), ensure_ascii=False, indent=2) + "\n"


def _lives() -> str:
    return f"""
How long things are there, where the operator did not choose otherwise:

- a job that is not started is `expired` **{UPLOAD_SECONDS // HOUR} hours** after its creation; in a batch, each of its
  jobs by itself, counted from when that was added;
- a job's audio goes **{LIVES.audio // MINUTE} minutes** after the job ended, in a batch after the batch ended;
- a job and its result go **{LIVES.job // DAY} days** after it ended; a batch, its jobs and its results
  **{LIVES.batch // DAY} days** after it ended;
- a stored reference goes **{LIFE_SECONDS // DAY} days** after a job last named it;
- upload policies and links to results are good for **{POLICY_SECONDS // MINUTE} minutes**;
- an `Idempotency-Key` is known for as long as what it made, and {LEAST_SECONDS // HOUR} hours at least; a `custom_id`
  for as long as its batch.
"""


def _quotas() -> str:
    limits = Limits()
    return f"""
A tenant has quotas, which the operator sets. By default: {limits.jobs_per_day:,} jobs and
{limits.bytes_per_day // GB:,} GB of audio a day (UTC), {limits.in_flight:,} jobs that have not ended,
{limits.batch_items:,} jobs a batch. Beyond them a call is 429. A job whose files are there, and whose start a day's
quota refuses, waits for the next day by itself.
"""


def _kinds() -> str:
    rows = "".join(f"| {kind.status.value} | `{kind.slug}` | {kind.meaning} |\n" for kind in Kind)
    table = f"| status | kind | meaning |\n|---|---|---|\n{rows}"
    return (
        f"\n<details><summary>Every kind of problem: its type ends in one of these</summary>\n\n{table}\n</details>\n"
    )


def _spell_out(operation: Object, route: Route) -> None:
    name = route.func.__name__
    operation["operationId"] = name
    operation["summary"] = name.replace("_", " ").capitalize()
    operation["description"] = inspect.getdoc(route.func) or ""
    operation["tags"] = [route.openapi_path.split("/")[2]]
    for parameter in _objects(operation.get("parameters")):
        parameter["schema"] = of_parameter(parameter["schema"])
    body = _object(operation.get("requestBody"))
    for content in _object(body.get("content")).values():
        if name in examples.requests():
            _object(content)["examples"] = {name: {"$ref": f"#/components/examples/{name}"}}
    responses = _object(operation["responses"])
    kinds = [*EVERYWHERE, *(Kind[str(kind)] for kind in cast("list[str]", operation.pop(PROBLEMS, [])))]
    kinds += WITH_JSON if "application/json" in _object(body.get("content")) else ()
    kinds += [Kind.UNKNOWN_ROUTE] if "{" in route.openapi_path else ()
    responses.update(_refusals(kinds))
    operation["responses"] = dict(sorted(responses.items()))


def _refusals(kinds: Iterable[Kind]) -> Object:
    refusals: Object = {}
    for status in {kind.status for kind in kinds}:
        these = [kind for kind in Kind if kind in kinds and kind.status is status]
        response: Object = {
            "description": "\n".join(f"- `{kind.slug}`: {kind.meaning}" for kind in these),
            "content": {
                problems.MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                    "examples": {kind.slug: {"$ref": f"#/components/examples/{kind.slug}"} for kind in these},
                }
            },
        }
        if status in WAITS:
            response["headers"] = {"Retry-After": {"$ref": f"#/components/headers/{WAITS[status]}"}}
        refusals[str(status.value)] = response
    return refusals


def _link(paths: Object) -> None:
    operations = [
        (path, _object(operation)) for path, methods in paths.items() for operation in _object(methods).values()
    ]
    for _, operation in operations:
        parameter, member = MADE.get(str(operation["operationId"]), (None, None))
        links: Object = {
            str(other["operationId"]): {
                "operationId": other["operationId"],
                "parameters": {parameter: f"$response.body#/{member}"},
            }
            for path, other in operations
            if parameter and f"{{{parameter}}}" in path
        }
        for status, response in _object(operation["responses"]).items():
            if links and status.startswith("2"):
                _object(response)["links"] = dict(links)


def _components(made: Object) -> Object:
    models = [(ProblemDocument, "serialization"), (NewItem, "validation"), (ResultLine, "serialization")]
    _, more = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    schemas = {**_object(made["schemas"]), **_object(more["$defs"])}
    for name in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(name)  # Powertools' own, which `api.app` replaces
    problem: JsonValue = {"$ref": "#/components/schemas/ProblemDocument"}
    item: JsonValue = {"$ref": "#/components/schemas/NewItem"}
    _members(schemas, "ItemAnswer")["problem"] = {"anyOf": [problem, {"type": "null"}]}
    _object(_members(schemas, "NewItems")["jobs"])["items"] = {"anyOf": [item, {"type": "object"}]}
    said = examples.values({**examples.requests(), **examples.answers()})
    said |= {kind.slug: document for kind, document in problem_examples.documents().items()}
    return {
        "schemas": {name: plain(schema) for name, schema in sorted(schemas.items())},
        "headers": HEADERS,
        "examples": {name: {"value": value} for name, value in said.items()},
        "securitySchemes": made["securitySchemes"],
    }


def _members(schemas: Object, name: str) -> Object:
    return _object(_object(schemas[name])["properties"])


def _object(value: JsonValue) -> Object:
    return cast("Object", value if isinstance(value, dict) else {})


def _objects(value: JsonValue) -> list[Object]:
    return [_object(one) for one in value] if isinstance(value, list) else []


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{FILE.name}: written\n")
