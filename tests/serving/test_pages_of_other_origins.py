"""In a real browser, only pages of the origins that are set can read what the API answers."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from playwright.sync_api import Browser

from tests.browser import browser, fetched, opened, origin, other_origin, served
from tests.serving.conftest import Seeds
from tests.serving.process import RunApi, run_api

__all__ = ["browser", "origin", "other_origin", "run_api"]

LIST = "/v1/users/ann/recommendations?limit=3"
AUTHORIZED = {"headers": {"Authorization": "Bearer of-the-page"}}
"""The browser asks first whether the page may send such a header."""


@contextmanager
def adding_key(port: int, key: str) -> Iterator[str]:
    """The origin of a proxy that passes requests on to the API with a key, as a backend would."""

    class AddsKey(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            headers = {**self.headers, "X-API-Key": key, "Connection": "close"}
            connection.request(self.command, self.path, headers=headers)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.read())
            connection.close()

        do_OPTIONS = do_GET  # noqa: N815 -- as above

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with served(AddsKey) as origin:
        yield origin


def test_a_page_of_an_origin_that_is_set_reads_a_list_and_no_other_page_does(
    browser: Browser, origin: str, other_origin: str, run_api: RunApi, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(5))
    api = run_api(cors_origins=origin)
    with adding_key(api.port, seeds.key("read", name="backend")) as api_origin:
        page = opened(browser, origin)
        for options in ({}, AUTHORIZED):
            answer = fetched(page, api_origin + LIST, **options)
            assert answer["status"] == 200
            assert len(answer["body"]["items"]) == 3
            assert answer["headers"]["x-request-id"]
        foreign = opened(browser, other_origin)
        for options in ({}, AUTHORIZED):
            assert "failed" in fetched(foreign, api_origin + LIST, **options)


def test_a_page_reads_why_it_was_refused_and_can_send_no_key(
    browser: Browser, origin: str, run_api: RunApi
) -> None:
    api = run_api(cors_origins=origin)
    page = opened(browser, origin)
    url = f"http://127.0.0.1:{api.port}{LIST}"
    refused = fetched(page, url, **AUTHORIZED)
    assert refused["status"] == refused["body"]["status"] == 401
    assert "failed" in fetched(page, url, headers={"X-API-Key": "tdm_a-key-in-a-page"})
