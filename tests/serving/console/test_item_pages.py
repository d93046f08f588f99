"""The pages of items, users and settings."""

import re

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine, text

from domain.errors import StoreUnavailableError
from serving.console.item_pages import ItemPageReader
from serving.placements.current_placements import CurrentPlacements
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
    for expected in ("Toys come alive.", "animation", "pixar", "Toy Story 2"):
        assert expected in page
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


async def test_an_item_says_where_it_stands_and_who_would_like_it(
    signed_in: SignedIn, seeds: Seeds, engine: Engine
) -> None:
    films = publish_films(seeds)
    client = await signed_in("operator")
    key = {"X-API-Key": seeds.key("write", "users", "read")}
    events = [{"user_id": user, "item_id": "toys", "kind": "like"} for user in ("ann", "bob")]
    await client.post("/v1/events", json={"events": events}, headers=key)
    rule = {"name": "film of the week", "do": "pin", "item_ids": ["toys"], "position": 2}
    placed = {"definition": {"rules": [rule]}, "base_version": 0, "note": ""}
    assert (await client.put("/v1/placements/home", json=placed)).status_code == 200
    with engine.begin() as connection:
        for n, holds in enumerate((True, True, False), 1):
            held = [films.nos["robot"], films.nos["toys" if holds else "war"]]
            connection.execute(
                text(
                    "with listed as (insert into users (user_id) values (:id) returning user_no)"
                    " insert into batch_recommendations"
                    " select :run_id, user_no, :held, array[1.0, 0.5] from listed"
                ),
                {"id": f"listed-{n}", "run_id": films.run_id, "held": held},
            )
        connection.execute(
            text(
                "with day as (insert into exposure_days values (current_date - 1, 9, 9, 9)"
                " returning day) insert into item_exposure_days"
                " select day, :item_no, 7, 1, 1 from day"
            ),
            {"item_no": films.nos["toys"]},
        )
        connection.execute(
            text(
                "insert into user_embeddings (run_id, user_no, embedding, events_since_cut_off,"
                " position) select :run_id, user_no, embedding, 0, 0 from users"
                " cross join item_embeddings where user_id in ('listed-1', 'ann')"
                " and run_id = :run_id and item_no = :item_no"
            ),
            {"run_id": films.run_id, "item_no": films.nos["toys"]},
        )
    page = (await client.get("/console/items/toys")).text
    assert "2 of 3" in page
    assert "median rank 2" in page
    assert "film of the week" in page
    assert ">toy</span>" in page, "a word that the run knows"
    assert re.search(r"Events that speak for it</span><b>2</b>", page)
    assert re.search(r"Times in a list</span><b>7</b>", page)
    users = (await client.get("/console/items/toys/users")).text
    assert ">listed-1</a>" in users
    assert ">ann</a>" not in users, "who has seen it"


async def test_rules_are_shown_while_the_lists_are_out_of_reach_and_those_of_arms_too(
    signed_in: SignedIn, seeds: Seeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await signed_in("operator")
    pinned = {"name": "film of the week", "do": "pin", "item_ids": ["film-1"], "position": 2}
    hidden = {"name": "not now", "do": "hide", "item_ids": ["film-1"]}
    for base, rules in enumerate(([pinned], [pinned, hidden], [pinned])):
        placed = {"definition": {"rules": rules}, "base_version": base}
        assert (await client.put("/v1/placements/home", json=placed)).status_code == 200
    arms = [{"name": f"v{version}", "version": version, "share": 0.5} for version in (1, 2)]
    drafted = {"definition": {"placement": "home", "arms": arms}, "revision": 0}
    assert (await client.put("/v1/experiments/trial", json=drafted)).is_success
    assert (await client.post("/v1/experiments/trial/start")).is_success
    placements = client.services[CurrentPlacements]  # type: ignore[attr-defined]
    await placements.refresh()
    page = (await client.get("/console/items/film-1")).text
    assert "No run is served yet." in page
    assert page.count("film of the week") == 1
    assert re.search(r"not now</q></th><td>hide, for v2 of <a [^>]*>trial</a>", page)

    async def too_slow(*_: object) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(ItemPageReader, "_standing", too_slow)
    seeds.run()
    reader = client.services[ItemPageReader]  # type: ignore[attr-defined]
    await reader.live_runs.refresh()
    page = (await client.get("/console/items/film-1")).text
    assert "No run is served yet." not in page
    assert "Out of reach just now." in page
    assert "film of the week" in page


async def test_an_item_is_changed_unless_somebody_else_did_meanwhile(
    signed_in: SignedIn, seeds: Seeds
) -> None:
    publish_films(seeds)
    client = await signed_in("operator")

    async def version() -> str:
        page = (await client.get("/console/items/toys")).text
        found = re.search(r'data-version="(\d+)"', page)
        assert found is not None
        return found[1]

    looked_at = await version()
    fields = {"title": "Toys", "categories": ["animation"], "attributes": {"year": 1995}}
    as_scripts = {"Accept": "*/*"}

    async def save(of: str, item_id: str = "toys", **other: str) -> httpx.Response:
        body = {**fields, **other, "version": of}
        return await client.put(f"/console/items/{item_id}", json=body, headers=as_scripts)

    saved = await save(looked_at)
    assert saved.status_code == 204
    page = (await client.get("/console/items/toys")).text
    assert "<h1>Toys " in page
    assert "pixar" not in page
    again = await save(looked_at)
    assert again.status_code == 409
    assert "changed meanwhile" in again.json()["detail"]
    refused = await save(await version(), title=" ")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/title"]
    assert (await save("1", "none")).status_code == 404


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
    page.click("text=Edit …")
    page.fill("#edit-item [name=attributes]", "[1]")
    page.click("text=Save")
    fault = "#edit-item .field:has([name={}]) .fault"
    expect(page.locator(fault.format("attributes"))).to_contain_text("an object")
    page.fill("#edit-item [name=attributes]", "{}")
    page.fill("#edit-item [name=title]", "")
    page.click("text=Save")
    expect(page.locator(fault.format("title"))).not_to_be_empty()
    page.fill("#edit-item [name=attributes]", '{"year": 1995}')
    page.fill("#edit-item [name=title]", "Toys")
    assert serious(page) == []
    page.click("text=Save")
    expect(page.locator("h1")).to_contain_text("Toys")
    expect(page.locator("#notices")).to_contain_text("It is saved.")
    expect(page.locator("#users-of + .note")).to_contain_text("has not seen it")
    for path in ("/console/items", "/console/items/toys", "/console/users", "/console/settings"):
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(path)
        assert serious(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
    page.goto("/console/items/toys")
    page.click("text=Delete …")
    page.click("text=Delete it")
    expect(page.locator("#notices")).to_contain_text("Toys is deleted.")
    expect(page.locator(".lead")).to_contain_text("37 in the catalogue")
    # The browser notes each refused request by itself.
    assert [each for each in page.errors if "422" not in each] == []  # type: ignore[attr-defined]
