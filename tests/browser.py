"""A real browser, of the machine, and pages for it."""

import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.http_server import served
from tests.missing import skip_without

PROGRAMS = ("chromium", "google-chrome", "chromium-browser")

FETCH = """
async ([url, options]) => {
    try {
        const answer = await fetch(url, options);
        return {
            status: answer.status,
            headers: Object.fromEntries(answer.headers),
            body: await answer.json(),
        };
    } catch (error) {
        return {failed: String(error)};
    }
}
"""
"""What a page does: it gives what it could read, or `failed`."""


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Without a browser the test is skipped; with BROWSER_NEEDED set it fails."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        missing = f"no browser is installed ({', '.join(PROGRAMS)}): apt-get install chromium"
        skip_without(missing, "BROWSER_NEEDED")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


class _BlankPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = b"<!doctype html><title>A page</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def origin() -> Iterator[str]:
    """Of a server with blank pages."""
    with served(_BlankPage) as origin:
        yield origin


@pytest.fixture
def other_origin() -> Iterator[str]:
    """Of another one."""
    with served(_BlankPage) as origin:
        yield origin


def opened(browser: Browser, origin: str) -> Page:
    """A page of this origin."""
    page = browser.new_page()
    page.goto(origin)
    return page


def fetched(page: Page, url: str, **options: object) -> dict[str, Any]:
    """What the page can read of the answer, as `FETCH` says."""
    result: dict[str, Any] = page.evaluate(FETCH, [url, options])
    return result
