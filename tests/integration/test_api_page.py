"""The sandbox shows the API's document to a browser, without a key and from this machine alone."""

from __future__ import annotations

import re

import httpx
import pytest

from api import openapi
from sandbox.api_page import ASSETS, PATH
from sandbox.gateway import KEY_HEADER
from tests.integration.test_gateway import Recorder, Served, module_served, recorder

__all__ = ["module_served", "recorder"]  # fixtures


@pytest.fixture
def browser(module_served: Served) -> httpx.Client:
    http = module_served.http
    return httpx.Client(base_url=http.base_url, trust_env=False)


def test_the_root_leads_to_the_page(browser: httpx.Client) -> None:
    answer = browser.get("/", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, PATH)
    assert "Mosaic" in answer.text


def test_everything_that_the_page_asks_for_is_served_here(browser: httpx.Client) -> None:
    page = browser.get(PATH).text
    asked = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert not [url for url in asked if url.startswith(("http", "//"))]
    assert len([url for url in asked if url.startswith(PATH)]) == len(ASSETS) + 1
    for url in asked:
        if url.startswith("/"):
            assert browser.get(url).status_code == 200, url


def test_the_document_is_the_one_that_the_code_makes(browser: httpx.Client) -> None:
    answer = browser.get(f"{PATH}/openapi.json")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.text == openapi.text()


def test_the_page_may_load_nothing_from_elsewhere(browser: httpx.Client) -> None:
    policy = browser.get(PATH).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


def test_the_page_is_the_gateway_s_own_and_no_function_hears_of_it(browser: httpx.Client, recorder: Recorder) -> None:
    recorder.events.clear()
    browser.get(PATH)
    assert recorder.events == []


def test_the_calls_themselves_want_a_key(browser: httpx.Client) -> None:
    assert KEY_HEADER not in browser.headers
    assert browser.get("/v1/jobs").status_code == 403
