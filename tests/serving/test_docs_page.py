"""The page of the API's documentation needs nothing from elsewhere, and nothing inline."""

import re

import httpx
import pytest

from tests.serving.conftest import Start


async def test_the_documentation_page_loads_only_from_this_server(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/docs")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(loaded) == 4
    for address in loaded:
        assert re.fullmatch(r"docs/[a-z.-]+", address), address
        assert (await client.get(f"/{address}")).status_code == 200
    assert "openapi.json" in (await client.get("/docs/start.js")).text


async def test_the_documentation_page_has_nothing_inline_that_its_policy_would_forbid(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script>|<style|style=|\son[a-z]+=|javascript:", page.text)


async def test_no_other_file_is_shown(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for path in ("/docs/__init__.py", "/docs/..%2fapp.py", "/docs/docs", "/docs/"):
        with subtests.test(path=path):
            assert (await client.get(path)).status_code == 404


async def test_the_documentation_can_be_kept_for_keys_or_from_everybody(start: Start) -> None:
    for_keys = await start(api_docs="admin")
    anybody = {"X-API-Key": "nobody"}
    assert (await for_keys.get("/openapi.json", headers=anybody)).status_code == 401
    assert (await for_keys.get("/openapi.json")).status_code == 403
    # The page asks for a key, and tells nothing of the API before.
    assert (await for_keys.get("/docs", headers=anybody)).status_code == 200
    nobody = await start(api_docs="off")
    for path in ("/docs", "/docs/start.js", "/openapi.json"):
        assert (await nobody.get(path)).status_code == 404, path
    assert (await nobody.get("/metrics")).status_code == 200
