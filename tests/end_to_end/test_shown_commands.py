"""What documents show is typed as it stands, page by page, by somebody whose stack is up."""

import gzip
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import browser
from tests.document_blocks import COMMANDS, ON_A_STACK, PAGES, ROOT, Block, blocks
from tests.end_to_end.conftest import System
from tests.waiting import wait_until

__all__ = ["browser"]

SCOPES = ("read", "write", "users", "token", "admin")
CURL = 'curl() { command curl --fail-with-body --silent --show-error "$@"; }'
"""As curl is typed; but an answer that is a refusal ends the script."""

VISITS = '{"user_id": "%s", "item_id": "%s", "kind": "view", "event_id": "%s"}'
PASSWORD = "a-password-of-the-tutorial"


class Reader:
    """Somebody in a folder like a clone, who types what a page says."""

    def __init__(self, system: System, folder: Path, key: str) -> None:
        self.system = system
        self.folder = folder
        self.key = key
        self.written = ""
        bin_folder = ROOT / ".venv" / "bin"
        (folder / ".venv").symlink_to(bin_folder.parent)
        (folder / ".tandem").symlink_to(system.home)
        self.environment = system.environment | {
            "KEY": key,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "NO_PROXY": "127.0.0.1,localhost",
            # What opens pages here: nothing.
            "BROWSER": "true",
        }

    def type(self, script: str) -> str:
        """Type it, to its end; what it wrote."""
        done = subprocess.run(
            ["bash", "-e", "-c", f"{CURL}\n{self.here(script)}\nexport -p > .exported"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
            # What is exported on a page is there in what follows.
            exported = (self.folder / ".exported").read_text()
            if found := re.search(f'declare -x {name}="(.*)"', exported):
                self.environment[name] = found[1]
        self.written = done.stdout
        return done.stdout

    def here(self, script: str) -> str:
        """The script with the addresses of this stack, and the load that was told of last."""
        api, prefect = self.system.api.base_url, self.system.prefect.base_url
        for shown in ("http://127.0.0.1:8000", "http://localhost:8000"):
            script = script.replace(shown, str(api).rstrip("/"))
        script = script.replace("http://127.0.0.1:4200/api", str(prefect).rstrip("/"))
        loads = re.findall(r"This is load (\d+)", self.written)
        return re.sub(r"--undo \d+", f"--undo {loads[-1]}", script) if loads else script

    def visits(self, user_id: str, item_id: str, event_id: str) -> None:
        """An event that a page takes for granted."""
        body = f'{{"events": [{VISITS % (user_id, item_id, event_id)}]}}'
        self.ask("POST", "/v1/events", body)

    def strategy_for(self, user_id: str) -> str:
        """What a list of the user is made of now."""
        path = f"/v1/users/{user_id}/recommendations?limit=3"
        return str(self.ask("GET", path, "").json()["strategy"])

    def ask(self, method: str, path: str, body: str) -> httpx.Response:
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        return self.system.api.request(method, path, content=body, headers=headers)


@pytest.fixture(scope="module")
def reader(system: System, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    key = system.json("key", "create", "--name", "reader", *scopes)["key"]
    made = Reader(system, tmp_path_factory.mktemp("clone"), key)
    for user_id in ("ann", "bob"):
        made.visits(user_id, "alien-1979", f"{user_id}-1")
    return made


def shown_on(page: Path) -> list[Block]:
    """What this test runs of a page."""
    return [
        block
        for block in blocks(page)
        if block.language in COMMANDS and block.run_by() == ON_A_STACK and block.not_run is None
    ]


def of_the_loading_page(reader: Reader) -> None:
    (log,) = re.findall(r"((?:    \S.*\n)+)", (ROOT / "docs" / "loading.md").read_text())[:1]
    (reader.folder / "log.csv").write_text(re.sub(r"^    ", "", log, flags=re.MULTILINE))
    for number in range(1, 5):
        reader.ask("PUT", f"/v1/items/S{number}", '{"title": "A thing"}')


def of_loading_over_http(reader: Reader) -> None:
    events = b"reviewerID,item,kind,time\nann,alien-1979,view,2026-01-01T00:00:00Z\n"
    (reader.folder / "events.csv.gz").write_bytes(gzip.compress(events))


def of_scrolling(reader: Reader) -> None:
    first = reader.ask("GET", "/v1/users/ann/recommendations?limit=20", "")
    reader.environment["NEXT"] = first.json()["next"]


def of_undoing(reader: Reader) -> None:
    reader.visits("ann", "heat-1995", "order-1729-line-1")


def of_writing(reader: Reader) -> None:
    reader.ask("PUT", "/v1/items/seven", '{"title": "Seven"}')
    reader.visits("ann", "seven", "ann-seven")
    reader.visits("visitor-1", "alien-1979", "visitor-1")


TAKEN_FOR_GRANTED: dict[str, Callable[[Reader], None]] = {
    "loading.md": of_the_loading_page,
    "loading-over-http.md": of_loading_over_http,
    "scrolling.md": of_scrolling,
    "undo-and-forget.md": of_undoing,
    "writing.md": of_writing,
}
"""What is there before, by page."""

RUN = [page for page in PAGES if shown_on(page)]


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_what_a_page_shows_can_be_typed(page: Path, reader: Reader) -> None:
    TAKEN_FOR_GRANTED.get(page.name, lambda _: None)(reader)
    reader.written = ""
    written = "".join(reader.type(block.commands()) for block in shown_on(page))
    if page.name == "tutorial.md":
        assert '"title":"' in written
        assert "nDCG@20" in written
        assert "is taken back: 4 events" in written
        wait_until(lambda: reader.strategy_for("ann") == "speed", seconds=60)


def test_python_of_pages_does_what_it_shows(reader: Reader) -> None:
    api = str(reader.system.api.base_url).rstrip("/")
    names = {
        "httpx": httpx,
        "os": os,
        "TANDEM": api,
        "url": api,
        "key": reader.key,
        "KEY": reader.key,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TANDEM_KEY", reader.key)
        patch.setenv("NO_PROXY", "127.0.0.1")
        for name in ("access.md", "writing.md", "placements.md"):
            page = next(page for page in PAGES if page.name == name)
            for block in blocks(page):
                if block.language == "python":
                    exec(block.code.replace("http://127.0.0.1:8000", api), names)
        assert names["token_for"]("ann")  # type: ignore[operator]


def test_the_clicks_of_the_tutorial_change_the_list(browser: Browser, reader: Reader) -> None:
    path = reader.type(".venv/bin/tandem demo --no-browser").splitlines()[-1]
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(path)
    page.fill("#name", "reader@example.org")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_load_state("load")
    page.click("text=New visitor >> nth=0")
    popular = page.locator("[data-list=speed] [data-item]").all_inner_texts()
    for number in range(3):
        page.click("[data-list=blend] .item >> nth=1")
        expect(page.locator(".history li")).to_have_count(number + 1)
    expect(page.locator(".total")).to_contain_text("ms from click to change")
    assert page.locator("[data-list=speed] [data-item]").all_inner_texts() != popular
    expect(page.locator("[data-list=blend]")).to_contain_text("Because of")


def test_curl_is_here() -> None:
    assert shutil.which("curl"), "documents ask with curl: apt-get install curl"
