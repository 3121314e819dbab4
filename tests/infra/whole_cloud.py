"""The embedded cloud with all that it has, run as `python -m tests.infra.whole_cloud PORT DIRECTORY`.

The sandbox's has four services only: so it starts sooner, and nothing runs there that nobody asked for. Here functions
run, as processes of this machine's own interpreter, with the credentials of their roles; and whoever calls is held to
what policies allow (ministack's AUTH), but for the account's own user.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import cloud

if TYPE_CHECKING:
    from collections.abc import Mapping


def main() -> None:
    """Serve until told to end."""
    port, directory = int(sys.argv[1]), Path(sys.argv[2])
    with cloud.hold(directory):
        cloud._configure(directory)
        del os.environ["SERVICES"]
        os.environ["AUTH"] = "true"
        cloud.redirect(os.environ, port)  # for the functions, which inherit it
        for mend in (_call_it_secure, _name_actions_and_resources, _filter_what_is_not_there, _name_the_key):
            mend()
        asyncio.run(cloud._serve(port, around=lambda app: app))


# What ministack 1.5.33 does otherwise than AWS, and our templates count on.


def _call_it_secure() -> None:
    """On loopback there is no TLS, without which bucket and queues refuse whoever calls."""
    from ministack.core import iam_evaluator

    pin = iam_evaluator.pin_request_origin
    iam_evaluator.pin_request_origin = lambda address, _: pin(address, secure_transport=True)


def _name_actions_and_resources() -> None:
    """Batches need the permission for one, and log events that on a stream: Service Authorization Reference."""
    from ministack.core import iam_actions

    action, resource = iam_actions.extract_iam_action, iam_actions.extract_resource_arn

    def of_one(*arguments: object) -> str | None:
        named: str | None = action(*arguments)
        return named.removesuffix("Batch") if named and named.startswith("sqs:") else named

    def of_stream(service: str, *arguments: object) -> str:
        arn: str = resource(service, *arguments)
        return f"{arn}:log-stream:any" if service == "logs" else arn

    iam_actions.extract_iam_action, iam_actions.extract_resource_arn = of_one, of_stream


def _filter_what_is_not_there() -> None:
    """What lies in something that is not there does not exist: EventBridge User Guide, "Exists matching"."""
    from ministack.services import lambda_svc

    known = lambda_svc._match_esm_filter

    def matches(record: Mapping[str, Any], pattern: Mapping[str, Any]) -> bool:
        return all(
            matches(record.get(name) or {}, wanted) if isinstance(wanted, dict) else known(record, {name: wanted})
            for name, wanted in pattern.items()
        )

    lambda_svc._match_esm_filter = matches


def _name_the_key() -> None:
    """API Gateway tells a function whose key it let in, `identity.apiKeyId`."""
    from ministack.services import apigateway_v1 as gateway

    build = gateway._build_lambda_event_v1

    def built(*arguments: object, **named: object) -> dict[str, Any]:
        event: dict[str, Any] = build(*arguments, **named)
        key = gateway._resolve_api_key(gateway._api_key_from_request(event["headers"]))
        event["requestContext"]["identity"]["apiKeyId"] = key["id"]
        return event

    gateway._build_lambda_event_v1 = built


if __name__ == "__main__":
    main()
