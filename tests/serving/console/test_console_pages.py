"""What all pages of the console do alike: who sees them, what they load, how they fail."""

import gzip
import re
from urllib.parse import unquote

import httpx
import pytest

from tests.serving.conftest import Gate, Seeds, Start
from tests.serving.console.conftest import VISIT, SignedIn

PATHS = ("/", "/?user=ann")
MOST_BYTES = 150_000


async def test_who_is_not_signed_in_signs_in_and_comes_back(start: Start) -> None:
    client = await start()
    client.headers["X-API-Key"] = ""
    answer = await client.get("/?user=ann", headers=VISIT)
    assert answer.status_code == 303
    page, _, wanted = answer.headers["location"].partition("#next=")
    assert (page, unquote(wanted)) == ("/sign-in", "/?user=ann")


async def test_what_no_browser_visits_gets_a_problem_document(start: Start) -> None:
    client = await start()
    client.headers["X-API-Key"] = ""
    for headers in ({}, {**VISIT, "HX-Request": "true"}):
        answer = await client.get("/", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_key_opens_no_page_and_is_shown_why(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers=VISIT)
    assert answer.status_code == 403
    assert "an API key is nobody" in answer.text
    assert "<h1>" in answer.text


async def test_pages_load_only_from_this_server_and_have_nothing_inline(
    signed_in: SignedIn, seeds: Seeds, subtests: pytest.Subtests
) -> None:
    seeds.listed_user("ann")
    client = await signed_in("operator")
    for path in PATHS:
        with subtests.test(path=path):
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            policy = answer.headers["content-security-policy"]
            assert "script-src 'self'; style-src 'self'" in policy
            assert "unsafe" not in policy
            assert not re.search(r"<script>|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)
            assert not re.search(r'(?:src|href)="(?!/)', answer.text.replace('href="#main"', ""))


@pytest.mark.parametrize(
    "path", ["/?user=ann", "/console/placements/home", "/console/experiments/trial/draft"]
)
async def test_a_whole_page_is_small(signed_in: SignedIn, seeds: Seeds, path: str) -> None:
    seeds.listed_user("ann")
    client = await signed_in("operator")
    rules = [{"name": f"rule {n}", "do": "hide", "category": f"films of {n}"} for n in range(20)]
    body = {"definition": {"rules": rules}, "base_version": 0}
    assert (await client.put("/v1/placements/home", json=body)).status_code == 200
    page = await client.get(path)
    loaded = set(re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page.text))
    assert len(loaded) > 3
    files = [await client.get(address) for address in sorted(loaded)]
    assert {file.status_code for file in files} == {200}
    assert len(page.content) + sum(len(file.content) for file in files) < MOST_BYTES
    assert len(gzip.compress(page.content)) < 10_000


async def test_a_static_file_is_kept_for_good_under_its_version_only(start: Start) -> None:
    client = await start()
    named = await client.get("/console/static/console.css?v=1")
    assert "immutable" in named.headers["cache-control"]
    assert (
        "immutable"
        not in (await client.get("/console/static/console.css")).headers["cache-control"]
    )
    for name in ("pages.py", "..%2fpages.py", "none.css"):
        assert (await client.get(f"/console/static/{name}")).status_code == 404


async def test_a_licence_comes_with_what_is_not_ours(start: Start) -> None:
    answer = await (await start()).get("/console/static/htmx.LICENSE")
    assert "Zero-Clause BSD" in answer.text


async def test_an_error_is_a_page_that_says_what_is_wrong(signed_in: SignedIn, gate: Gate) -> None:
    client = await signed_in("viewer")
    wrong = await client.get("/?user=%20")
    assert wrong.status_code == 422
    assert "<h1>" in wrong.text
    gate.shut()
    away = await client.get("/")
    assert away.status_code == 200, "those who could be chosen are not needed"


async def test_a_page_below_a_path_of_a_proxy_names_that_path(
    signed_in: SignedIn, seeds: Seeds
) -> None:
    client = await signed_in("viewer")
    client._transport.root_path = "/shop"  # type: ignore[attr-defined]
    answer = await client.get("/shop/")
    assert 'href="/shop/console/static/console.css' in answer.text
