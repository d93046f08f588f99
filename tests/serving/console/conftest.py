"""People who look at the console, by HTTP and in a real browser; and a speed worker for them."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text

from sql.engine import SPEED_WORKER
from tests.browser import browser
from tests.serving.accounts.conftest import cheap_hashes, people
from tests.serving.accounts.people import PASSWORD, People
from tests.serving.conftest import Start
from tests.serving.threaded import ServeApi, serve_api
from tests.waiting import wait_until

__all__ = ["browser", "cheap_hashes", "people", "serve_api"]

# The machine may be busy; what is fast is not waited for.
_PATIENCE_MS = 120_000
expect.set_options(timeout=_PATIENCE_MS)

VISIT = {"Accept": "text/html,application/xhtml+xml"}
"""What a browser sends that goes to an address."""

SignedIn = Callable[..., Awaitable[httpx.AsyncClient]]
"""Given a role, and maybe settings of the app."""


@pytest.fixture
async def signed_in(start: Start, people: People) -> SignedIn:
    """Clients of the app, each with the cookie of somebody of a role, and the token for forms."""

    async def sign_in(role: str, **settings: Any) -> httpx.AsyncClient:
        client = await start(**settings)
        client.headers["X-API-Key"] = ""
        people.add(role, role)
        answer = await client.post("/v1/auth/session", json={"name": role, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        client.headers.update(VISIT)
        return client

    return sign_in


@pytest.fixture
def speed(engine: Engine, database_url: str, redis_url: str) -> Iterator[None]:
    """A speed worker of the test's stores."""
    environment = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    process = subprocess.Popen([sys.executable, "-m", "speed"], env=environment)
    wait_until(lambda: _is_connected(engine), seconds=120)
    yield
    process.terminate()
    process.wait(timeout=60)


def _is_connected(engine: Engine) -> bool:
    query = text(
        "select count(*) from pg_stat_activity"
        " where application_name = :name and datname = current_database()"
    )
    with engine.connect() as connection:
        return bool(connection.execute(query, {"name": SPEED_WORKER}).scalar_one())


@dataclass
class Visit:
    """A browser in which somebody of the team is signed in."""

    browser: Browser
    port: int
    people: People

    def page(self, path: str, role: str = "operator", width: int = 1280) -> Page:
        """A page as somebody of this role sees it; the test fails on any error of its console."""
        if self.people.find(role) is None:
            self.people.add(role, role)
        context = self.browser.new_context(
            base_url=f"http://127.0.0.1:{self.port}", viewport={"width": width, "height": 800}
        )
        context.set_default_timeout(_PATIENCE_MS)
        page = context.new_page()
        page.errors = []  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: page.errors.append(str(error)))  # type: ignore[attr-defined]
        page.on("console", lambda message: _note(page, message.type, message.text))
        page.goto(path)
        page.fill("#name", role)
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector(".side")
        # Before its scripts have run nothing that is typed is heard.
        page.wait_for_load_state("load")
        return page


def _note(page: Page, kind: str, text: str) -> None:
    # That nobody is signed in yet is what the page to sign in on finds out first.
    if kind == "error" and "401" not in text:
        page.errors.append(text)  # type: ignore[attr-defined]


def serious(page: Page) -> list[str]:
    """What axe-core finds wrong with a page that keeps somebody from using it."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.fixture
def visit(browser: Browser, serve_api: ServeApi, people: People) -> Visit:
    return Visit(browser, serve_api(), people)
