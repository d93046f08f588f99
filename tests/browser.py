"""A real browser, of the machine, and pages for it."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.http_server import served
from tests.missing import skip_without

PROGRAMS = ("chromium", "google-chrome", "chromium-browser")

# The address bar that nobody sees has two pages of its own in every window, which cost more than
# what a test opens. The other names are Playwright's: the last list replaces the others.
_FEATURES_OFF = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
    *("DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades"),
    *("MediaRouter", "OptimizationHints", "PaintHolding", "ThirdPartyStoragePartitioning"),
)
ARGUMENTS = [f"--disable-features={','.join(_FEATURES_OFF)}"]

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


class SharedBrowser:
    """One browser for all tests of a worker: what a test opens in it is closed after the test.

    Playwright's loop counts as running from its start to its end, and none of a test could run
    meanwhile. So it counts only during the tests that use the browser.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._playwright = sync_playwright().start()
        self._loop = asyncio.get_running_loop()
        self._browser = self._launched()
        asyncio._set_running_loop(None)

    @contextmanager
    def lent(self) -> Iterator[Browser]:
        """The browser, for the time of the block."""
        with self._counting_as_running():
            if not self._browser.is_connected():
                self._browser = self._launched()
            yield self._browser
            for context in self._browser.contexts:
                context.close()

    def stop(self) -> None:
        with self._counting_as_running():
            self._browser.close()
            self._playwright.stop()

    def _launched(self) -> Browser:
        return self._playwright.chromium.launch(executable_path=self._program, args=ARGUMENTS)

    @contextmanager
    def _counting_as_running(self) -> Iterator[None]:
        asyncio._set_running_loop(self._loop)
        try:
            yield
        finally:
            asyncio._set_running_loop(None)


def find_browser() -> str:
    """The program. Without one the test is skipped; with BROWSER_NEEDED set it fails."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        missing = f"no browser is installed ({', '.join(PROGRAMS)}): apt-get install chromium"
        skip_without(missing, "BROWSER_NEEDED")
    return program


@pytest.fixture
def browser(shared_browser: SharedBrowser) -> Iterator[Browser]:
    """The worker's browser, in which nothing is open."""
    with shared_browser.lent() as browser:
        yield browser


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
