"""The pages of items, users and settings."""

import httpx
from playwright.sync_api import expect

from tests.serving.conftest import Seeds, ids
from tests.serving.console.conftest import SignedIn, Visit, serious
from tests.serving.films import publish_films


async def test_items_are_found_by_words_and_listed_page_by_page(
    signed_in: SignedIn, seeds: Seeds
) -> None:
    publish_films(seeds)
    client = await signed_in("viewer")
    found = (await client.get("/console/items", params={"q": "toy"})).text
    assert found.index("Toy Story") > 0
    assert "Nothing is called so" in (await client.get("/console/items?q=zzzz")).text
    first = (await client.get("/console/items")).text
    assert "38 in the catalogue" in first


async def test_an_item_is_shown_with_what_is_said_of_it_and_what_is_like_it(
    signed_in: SignedIn, seeds: Seeds
) -> None:
    publish_films(seeds)
    client = await signed_in("viewer")
    page = (await client.get("/console/items/toys")).text
    for said in ("Toys come alive.", "animation", "pixar", "Toy Story 2"):
        assert said in page
    assert "Withdraw" not in page, "a viewer changes nothing"
    missing = await client.get("/console/items/none")
    assert missing.status_code == 404


async def test_a_withdrawn_item_is_in_no_list_until_it_is_offered_again(
    signed_in: SignedIn, seeds: Seeds
) -> None:
    publish_films(seeds)
    client = await signed_in("operator")
    key = {"X-API-Key": seeds.key("read")}

    async def popular() -> list[str]:
        return ids(await client.get("/v1/popular?limit=100", headers=key))

    async def make_available(*, available: bool) -> httpx.Response:
        return await client.post("/console/items/toys/availability", json={"available": available})

    assert "toys" in await popular()
    assert "Offer again" in (await make_available(available=False)).text
    assert "toys" not in await popular()
    assert "Withdraw from all lists" in (await make_available(available=True)).text
    assert "toys" in await popular()


async def test_an_id_may_hold_whatever_an_id_may_hold(signed_in: SignedIn, seeds: Seeds) -> None:
    client = await signed_in("operator")
    key = {"X-API-Key": seeds.key("write")}
    await client.put("/v1/items/a%2Fb%3Fc", json={"title": "Odd"}, headers=key)
    page = (await client.get("/console/items?q=odd")).text
    assert "/console/items/a%2Fb%3Fc" in page
    assert "Odd" in (await client.get("/console/items/a%2Fb%3Fc")).text


async def test_active_users_are_listed(signed_in: SignedIn, seeds: Seeds) -> None:
    client = await signed_in("viewer")
    assert "Nobody yet" in (await client.get("/console/users")).text
    key = {"X-API-Key": seeds.key("write")}
    events = [{"user_id": "ann", "item_id": "film-1", "kind": "view"}]
    await client.post("/v1/events", json={"events": events}, headers=key)
    assert ">ann</a>" in (await client.get("/console/users")).text


async def test_settings_are_shown_without_secrets_and_the_audit_log_to_admins_alone(
    signed_in: SignedIn, database_url: str
) -> None:
    admin = (await (await signed_in("admin")).get("/console/settings")).text
    assert "TANDEM_BLEND_BATCH_WEIGHT" in admin
    assert "Audit log" in admin
    assert database_url not in admin
    viewer = (await (await signed_in("viewer")).get("/console/settings")).text
    assert "TANDEM_BLEND_BATCH_WEIGHT" in viewer
    assert "Audit log" not in viewer


def test_pages_of_items_keep_nobody_from_using_them(visit: Visit, seeds: Seeds) -> None:
    publish_films(seeds)
    page = visit.page("/console/items")
    page.fill("#main input", "toy")
    expect(page.locator(".rows li")).not_to_have_count(38)
    expect(page.locator(".rows li >> nth=0")).to_contain_text("Toy Story")
    page.click("text=Toy Story >> nth=0")
    page.click("text=Withdraw from all lists")
    expect(page.locator("h1 .state")).to_have_text("Withdrawn")
    assert serious(page) == []
    for path in ("/console/items", "/console/items/toys", "/console/users", "/console/settings"):
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(path)
        assert serious(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
    assert page.errors == []  # type: ignore[attr-defined]
