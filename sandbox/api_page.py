"""The API's page, for a browser: Swagger UI over the OpenAPI document. In the sandbox only, and from this machine only.

Swagger UI comes with Powertools, so that nothing is fetched from anywhere.
"""

from __future__ import annotations

import asyncio
from functools import cache
from importlib import resources
from pathlib import Path

from aiohttp import web

PATH = "/docs"
ASSETS = {"swagger-ui-bundle.min.js": "text/javascript", "swagger-ui.min.css": "text/css"}
PAGE = Path(__file__).parent / "api_page.html"
# Nothing but what is served here; Swagger UI sets styles by attributes, and has its icons in data URLs.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


def add_to(application: web.Application) -> None:
    """Serve the page at PATH, and lead the root there. No key is asked for: it shows nothing that is not published."""
    application.router.add_get("/", _root)
    application.router.add_get(PATH, _page)
    application.router.add_get(PATH + "/openapi.json", _document)
    application.router.add_get(PATH + "/page.js", _script)
    for name in ASSETS:
        application.router.add_get(f"{PATH}/{name}", _asset)


async def _root(_: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": PATH})


async def _page(_: web.Request) -> web.Response:
    return _response(PAGE.read_text(encoding="utf-8"), "text/html")


async def _script(_: web.Request) -> web.Response:
    return _response(PAGE.with_suffix(".js").read_text(encoding="utf-8"), "text/javascript")


async def _asset(request: web.Request) -> web.Response:
    name = request.path.rpartition("/")[2]
    assets = resources.files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
    return _response(assets.joinpath(name).read_text(encoding="utf-8"), ASSETS[name])


async def _document(_: web.Request) -> web.Response:
    return _response(await asyncio.to_thread(_openapi), "application/json")


@cache
def _openapi() -> str:
    from api import openapi  # takes a third of a second, which most sandboxes need not wait

    return openapi.text()


def _response(text: str, media_type: str) -> web.Response:
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return web.Response(text=text, content_type=media_type, charset="utf-8", headers=headers)
