"""What the documentation shows of the API is run as it stands, against the running service."""

import asyncio
import os
import re
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser
from sqlalchemy import text

from tests.browser import browser, opened, origin
from tests.serving.conftest import Seeds, seeds, signing_keys_file
from tests.serving.process import RunApi, run_api
from tests.waiting import wait_until

__all__ = ["browser", "origin", "run_api", "seeds", "signing_keys_file"]

DOCS = Path(__file__).parent.parent.parent / "docs"
SHOWN = "http://127.0.0.1:8000"


def blocks(page: str, language: str) -> list[str]:
    written = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", written, re.DOTALL)


def test_each_language_has_two_examples() -> None:
    assert [len(blocks("examples.md", each)) for each in ("bash", "python", "js")] == [2, 2, 2]


@pytest.fixture
def address(run_api: RunApi, seeds: Seeds, signing_keys_file: Path, origin: str) -> str:
    seeds.listed_user("ann", popular=range(5))
    api = run_api(signing_keys_file=signing_keys_file, cors_origins=origin)
    return f"http://127.0.0.1:{api.port}"


def kinds(seeds: Seeds) -> list[str]:
    query = "select kind from interactions join event_kinds using (kind_no) order by position"
    return list(seeds.write(text(query)).scalars())


def run_python(code: str, **names: Any) -> None:
    body = textwrap.indent(code, "    ")
    scope: dict[str, Any] = dict(names)
    exec(f"async def shown():\n{body}\n", scope)
    asyncio.run(scope["shown"]())


def test_examples_in_bash_and_python_do_what_they_show(
    address: str, seeds: Seeds, capsys: pytest.CaptureFixture[str]
) -> None:
    key = seeds.key("read", "write", "users", "token", name="app")
    for code in blocks("examples.md", "bash"):
        subprocess.run(
            ["bash", "-e", "-c", code.replace(SHOWN, address)],
            env={**os.environ, "KEY": key},
            check=True,
            capture_output=True,
        )
    assert kinds(seeds) == ["like"]

    def token() -> str:
        made = httpx.post(
            f"{address}/v1/tokens", json={"user_id": "ann"}, headers={"X-API-Key": key}
        )
        return str(made.json()["token"])

    for code in (*blocks("examples.md", "python"), *blocks("python.md", "python")):
        run_python(code.replace(SHOWN, address), KEY=key, get_token=token)
    assert kinds(seeds) == ["like", "like", "view"]
    assert "There is no item" in capsys.readouterr().out


def test_examples_of_preferences_do_what_they_show(address: str, seeds: Seeds) -> None:
    known = text(
        "update items set categories = '{Horror}', attributes = '{\"language\": \"fr\"}'"
        " where item_id = 'film-3' returning item_no"
    )
    seeds.write(known)
    key = seeds.key("read", "write", "users", name="app")
    for code in blocks("preferences.md", "bash"):
        subprocess.run(
            ["bash", "-e", "-c", code.replace(SHOWN, address)],
            env={**os.environ, "KEY": key},
            check=True,
            capture_output=True,
        )
    for code in blocks("preferences.md", "python"):
        run_python(code.replace(SHOWN, address), KEY=key)
    assert seeds.count("preferences") == 3


def test_examples_in_javascript_do_what_they_show(
    browser: Browser, address: str, seeds: Seeds, origin: str
) -> None:
    made = httpx.post(
        f"{address}/v1/tokens",
        json={"user_id": "ann"},
        headers={"X-API-Key": seeds.key("token", name="backend")},
    )
    page = opened(browser, origin)
    for code in blocks("examples.md", "js"):
        body = f"const getToken = () => token; {code.replace(SHOWN, address)}; await tandem.flush()"
        page.evaluate(f"async (token) => {{ {body} }}", made.json()["token"])
    wait_until(lambda: kinds(seeds) == ["like"])
