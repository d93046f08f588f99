"""The page of one user: what is known of them, and that they can be forgotten."""

from pathlib import Path

import httpx
from playwright.sync_api import expect
from sqlalchemy import Engine

from tests.serving.conftest import Seeds
from tests.serving.console.conftest import SignedIn, Visit, serious
from tests.serving.console.test_watch import publish
from tests.serving.films import publish_films

LONG = "auth0|" + "7f3c" * 40


async def known(client: httpx.AsyncClient, seeds: Seeds, user: str = "ann") -> None:
    """Let the app say who a user is and what they did."""
    headers = {"X-API-Key": seeds.key("read", "write", "users", name=f"of {user[:20]}")}
    path = f"/v1/users/{user.replace('|', '%7C')}"
    body = {
        "attributes": {"country": "NL", "tags": ["a", "b"]},
        "interests": {"words": ["robots"], "items": ["film-2"]},
    }
    assert (await client.put(path, json=body, headers=headers)).status_code == 201
    wants = {"direction": "less", "item_id": "film-4"}
    stored = await client.put(f"{path}/preferences", json=wants, headers=headers)
    assert stored.is_success, stored.text
    events = [
        {"user_id": user, "item_id": "film-1", "kind": "like"},
        {"user_id": user, "item_id": "film-3", "kind": "hide"},
    ]
    sent = await client.post("/v1/events", json={"events": events}, headers=headers)
    assert sent.status_code == 202, sent.text


async def test_a_user_is_shown_with_all_that_is_known(
    signed_in: SignedIn, seeds: Seeds, engine: Engine
) -> None:
    client = await signed_in("viewer")
    await known(client, seeds)
    publish(engine, seeds, "bob")
    page = (await client.get("/console/users/ann")).text
    for expected in ("country", "a, b", "robots", "film-2", "film-4", "like", "hide"):
        assert expected in page, expected
    assert "1 disliked or hidden" in page
    assert "What apps get now" in page
    assert "Forget" not in page, "a viewer changes nothing"


async def test_somebody_unknown_has_no_page_and_is_found_by_id(signed_in: SignedIn) -> None:
    client = await signed_in("viewer")
    assert (await client.get("/console/users/nobody")).status_code == 404
    found = await client.get("/console/users", params={"user": "a/b"})
    assert (found.status_code, found.headers["location"]) == (303, "/console/users/a%2Fb")


async def test_without_a_run_the_page_says_so(signed_in: SignedIn, seeds: Seeds) -> None:
    client = await signed_in("viewer")
    await known(client, seeds)
    page = await client.get("/console/users/ann")
    assert page.status_code == 200, page.text
    assert "No run is served yet." in page.text


def test_a_user_is_exported_and_forgotten_after_confirming(
    visit: Visit, seeds: Seeds, tmp_path: Path
) -> None:
    films = publish_films(seeds, {LONG: (0.9, 0.1)})
    assert films.run_id
    page = visit.page("/console/users")
    page.fill("#main [name=user]", LONG)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(LONG)
    assert serious(page) == []
    with page.expect_download() as downloading:
        page.click("text=Export")
    downloading.value.save_as(tmp_path / "user.jsonl")
    assert '"record": "end"' in (tmp_path / "user.jsonl").read_text().replace('":"', '": "')
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.click("text=Forget …")
    page.click("dialog >> text=Leave it")
    assert seeds.count("users") == 1
    page.click("text=Forget …")
    page.click("dialog .primary")
    expect(page.locator(".notice")).to_contain_text("is forgotten")
    assert page.url.endswith("/console/users")
    assert seeds.count("users") == 0
    assert page.errors == []  # type: ignore[attr-defined]
