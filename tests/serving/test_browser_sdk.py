"""`/sdk/tandem.js` in a real browser, on pages of another origin, with a real API behind it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route
from sqlalchemy import text

from serving.pages import find_sdk_file
from tests.browser import browser
from tests.http_server import served
from tests.serving.conftest import Seeds
from tests.serving.threaded import ServeApi, serve_api
from tests.waiting import wait_until

__all__ = ["browser", "serve_api"]

ROOT = Path(__file__).parent.parent.parent
WHERE_EVENTS_GO = "**/v1/events"


@dataclass
class Shop:
    """An app with a page, and with a backend that has a key and hands out tokens."""

    origin: str
    address: str
    context: BrowserContext
    seeds: Seeds

    def page(self, *, user: str = "ann") -> Page:
        """A page that has `tandem` for this user, what went wrong in `problems`, `tokens` asked."""
        page = self.context.new_page()
        page.goto(f"{self.origin}/?user={user}")
        page.wait_for_function("window.tandem")
        return page

    def events(self) -> list[tuple[str, str, str]]:
        """User, item and kind of what is in the log, in its order."""
        query = text(
            "select user_id, item_id, kind from interactions join users using (user_no)"
            " join items using (item_no) join event_kinds using (kind_no) order by position"
        )
        return [tuple(row) for row in self.seeds.write(query)]


PAGE = """<!doctype html><title>Shop</title>
<script type="module">
import { connect, TandemError } from "%(address)s/sdk/tandem.js";
const user = new URLSearchParams(location.search).get("user");
window.problems = [];
window.tokens = ["stale.token.here"];
window.lives = 900;
const getToken = async () =>
  window.tokens.shift() ?? (await fetch(`/token?user=ann&seconds=${window.lives}`)).text();
const onError = (error, event) => problems.push([error.status, event?.item_id]);
window.asked = 0;
window.tandem = connect({ userId: user, getToken: () => (asked++, getToken()), onError });
window.TandemError = TandemError;
</script>
<p id="seen">seen</p><div style="height: 300vh"></div><p id="below">below</p>
"""

DOCUMENTED = re.search(
    r"```html\n(.*?)```", (ROOT / "docs" / "browser.md").read_text(encoding="utf-8"), re.DOTALL
)


def handler(backend: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/token":
                body = self._token(parse_qs(parts.query))
            elif parts.path == "/documented":
                body = DOCUMENTED[1].replace("https://tandem.example", backend["address"])  # type: ignore[index]
            else:
                body = PAGE % backend
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def _token(self, query: dict[str, list[str]]) -> str:
            seconds = int(query.get("seconds", ["900"])[0])
            answer = httpx.post(
                f"{backend['address']}/v1/tokens",
                json={"user_id": "ann", "seconds": seconds},
                headers={"X-API-Key": backend["key"]},
            )
            token: str = answer.json()["token"]
            return token

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def open_shop(
    browser: Browser, serve_api: ServeApi, seeds: Seeds, signing_keys_file: Path
) -> Iterator[Shop]:
    seeds.listed_user("ann", popular=range(5))
    backend = {"key": seeds.key("token", name="backend")}
    with served(handler(backend)) as origin:
        port = serve_api(cors_origins=origin, signing_keys_file=signing_keys_file)
        backend["address"] = f"http://127.0.0.1:{port}"
        context = browser.new_context()
        yield Shop(origin, backend["address"], context, seeds)
        context.close()


@pytest.fixture
def shop(
    browser: Browser, serve_api: ServeApi, seeds: Seeds, signing_keys_file: Path
) -> Iterator[Shop]:
    with open_shop(browser, serve_api, seeds, signing_keys_file) as shop:
        yield shop


def track(page: Page, film: int, kind: str = "view", **more: Any) -> str:
    event = json.dumps({"item_id": f"film-{film}", "kind": kind, **more})
    event_id: str = page.evaluate(f"tandem.track({event})")
    return event_id


def waiting(page: Page) -> int:
    return int(page.evaluate("Object.keys(localStorage).length"))


def test_an_event_counts_once_whatever_fails_on_its_way(shop: Shop) -> None:
    page = shop.page()
    page.evaluate("tandem.popular()")
    attempts: list[list[str]] = []

    def fail_in_every_way(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        sent = json.loads(route.request.post_data or "")
        attempts.append([event["event_id"] for event in sent["events"]])
        if len(attempts) == 1:
            route.abort("connectionreset")
        elif len(attempts) == 2:
            headers = {"Retry-After": "1", "Access-Control-Allow-Origin": shop.origin,
                       "Access-Control-Expose-Headers": "Retry-After"}  # fmt: skip
            route.fulfill(status=503, headers=headers, body="{}")
        elif len(attempts) == 3:
            # It is recorded, and the page does not hear of it.
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    shop.context.route(WHERE_EVENTS_GO, fail_in_every_way)
    event_id = track(page, 7)
    page.wait_for_function("!Object.keys(localStorage).length")
    assert attempts == [[event_id]] * 4
    assert shop.events() == [("ann", "film-7", "view")]
    assert [status for status, _ in page.evaluate("problems")] == [None, 503, None]


def test_what_a_page_leaves_is_sent_as_it_closes_or_by_the_next_one(shop: Shop) -> None:
    page = shop.page()
    page.evaluate("tandem.popular()")
    event = json.dumps({"item_id": "film-1", "kind": "like"})
    page.evaluate(f"tandem.track({event}); location.href = 'about:blank'")
    wait_until(lambda: shop.events() == [("ann", "film-1", "like")])

    page = shop.page()
    # What a closing page sends may pass by a route that Playwright has set.
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('no network')); }")
    for film in range(2, 32):
        track(page, film % 30, value=None)
    page.close()
    assert len(shop.events()) == 1
    other = shop.page()
    other.wait_for_function("!Object.keys(localStorage).length")
    films = sorted(int(item.removeprefix("film-")) for _, item, _ in shop.events())
    assert films == sorted([1, *[film % 30 for film in range(2, 32)]])


def test_a_token_is_renewed_once_for_all_stands_in_no_url_and_is_for_its_user_only(
    shop: Shop,
) -> None:
    page = shop.page()
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status))
    page.evaluate("window.lives = 1")
    lists = page.evaluate(
        "Promise.all([tandem.recommendations({limit: 3}), tandem.search('film', {limit: 2}),"
        " tandem.similar('film-1', {exclude_category: ['a', 'b'], user_id: 'me'})])"
    )
    assert [len(found["items"]) for found in lists[:2]] == [3, 2]
    assert lists[0]["user_id"] == "ann"
    # The first one of the page is stale: it was refused, and the next one was asked for once.
    assert statuses.count(401) >= 1
    assert page.evaluate("asked") == 2
    refused = statuses.count(401)
    # Its life of a second is over before it would be refused.
    page.wait_for_timeout(1_100)
    page.evaluate("tandem.get('/v1/trending')")
    assert (page.evaluate("asked"), statuses.count(401)) == (3, refused)
    asked = page.evaluate("performance.getEntriesByType('resource').map(({name}) => name)")
    assert len(asked) > 5
    assert not [url for url in asked if "stale.token" in url or "eyJ" in url]

    # A token of another user reads and writes nothing.
    page = shop.page(user="bob")
    refused = page.evaluate(
        "tandem.recommendations().catch((error) =>"
        " [error instanceof TandemError, error.status, error.title, error.request_id.length > 0])"
    )
    assert refused == [True, 403, "Forbidden", True]
    track(page, 1)
    page.evaluate("tandem.flush()")
    assert page.evaluate("problems.at(-1)[0]") == 403
    assert shop.events() == []
    # It waits for bob, and is not taken for something that ann did.
    ann = shop.page(user="ann")
    ann.evaluate("tandem.flush()")
    assert (waiting(ann), shop.events()) == (1, [])


def test_a_refused_event_is_dropped_and_the_others_are_sent_from_all_tabs(shop: Shop) -> None:
    page, tab = shop.page(), shop.page()
    track(page, 1)
    track(page, 2, kind="unheard_of")
    track(page, 99)
    track(page, 3, occurred_at="2999-01-01T00:00:00Z")
    track(tab, 4)
    for each in (page, tab):
        each.evaluate("tandem.flush()")
    page.wait_for_function("!Object.keys(localStorage).length")
    found = {item for _, item, _ in shop.events()}
    assert found == {"film-1", "film-3", "film-4"}
    assert len(shop.events()) == 3
    problems = page.evaluate("problems") + tab.evaluate("problems")
    assert sorted(item for _, item in problems) == ["film-2", "film-99"]
    assert {status for status, _ in problems} == {422}
    track(page, 5)
    page.evaluate("tandem.close()")
    assert ("ann", "film-5", "view") in shop.events()


def test_an_element_that_is_seen_for_a_second_is_an_impression(shop: Shop) -> None:
    kind = "insert into event_kinds (kind_no, kind, weight, marks_seen, description)"
    shop.seeds.write(text(f"{kind} values (100, 'impression', 0, false, 'was shown the item')"))
    page = shop.page()
    page.evaluate(
        "for (const [id, item_id] of [['seen', 'film-1'], ['below', 'film-2']])"
        " tandem.observe(document.getElementById(id), {item_id})"
    )
    wait_until(shop.events)
    assert shop.events() == [("ann", "film-1", "impression")]
    page.evaluate("document.getElementById('below').scrollIntoView()")
    wait_until(lambda: len(shop.events()) == 2)
    page.evaluate("document.getElementById('seen').scrollIntoView()")
    page.evaluate("tandem.flush()")
    assert shop.events()[1:] == [("ann", "film-2", "impression")]


def test_the_five_lines_of_the_documentation_work(shop: Shop) -> None:
    page = shop.context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{shop.origin}/documented")
    wait_until(shop.events)
    ((user, item, kind),) = shop.events()
    assert (user, kind, problems) == ("ann", "click", [])
    title = item.replace("film-", "Film ")
    assert title in page.evaluate("document.body.innerText")
    assert DOCUMENTED is not None
    around = ("<ul", "<script", "</script")
    lines = [line for line in DOCUMENTED[1].splitlines() if not line.startswith(around)]
    assert len(lines) == 5


async def test_the_script_is_small_and_cached_and_its_types_name_what_it_has(
    client: httpx.AsyncClient,
) -> None:
    del client.headers["X-API-Key"]
    answer = await client.get("/sdk/tandem.js", headers={"Accept-Encoding": "identity"})
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert len(answer.content) < 5_000
    assert "//" not in answer.text
    types = (await client.get("/sdk/tandem.d.ts")).text
    (methods,) = re.findall(r"export interface Tandem \{(.*?)\n\}", types, re.DOTALL)
    declared = re.findall(r"^  (\w+)\(", methods, re.MULTILINE)
    returned = answer.text.rpartition("return{")[2]
    assert sorted(declared) == sorted(re.findall(r"(?:^|,)(\w+)(?=[:,}])", returned))
    assert (await client.get("/sdk/other.js")).status_code == 404
    assert find_sdk_file("sign-in.js") is None
