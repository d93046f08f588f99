"""The page to sign in on needs nothing from elsewhere, and nothing inline."""

import re

import httpx

from tests.serving.conftest import Start


async def test_the_page_loads_only_from_this_server_and_for_everybody(start: Start) -> None:
    client = await start(api_docs="off")
    client.headers["X-API-Key"] = ""
    page = await client.get("/sign-in")
    assert page.status_code == 200
    loaded = re.findall(r'(?:src|rel="\w+" href)="([^"]+)"', page.text)
    assert len(loaded) == 4
    for address in loaded:
        assert re.fullmatch(r"sign-in/[a-z.-]+", address), address
        assert (await client.get(f"/{address}")).status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script>|<style|style=|\son[a-z]+=|javascript:", page.text)


async def test_each_page_shows_its_own_files_only(client: httpx.AsyncClient) -> None:
    for path in ("/sign-in/start.js", "/sign-in/docs.html", "/docs/sign-in.js", "/sign-in/x"):
        assert (await client.get(path)).status_code == 404, path
    script = (await client.get("/sign-in/sign-in.js")).text
    assert not re.search(r"innerHTML|document\.write|eval\(|localStorage|sessionStorage", script)
