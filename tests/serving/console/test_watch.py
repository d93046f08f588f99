"""The page Watch over HTTP: the lists it shows are those of the API, and its clicks count."""

import asyncio
import re

import httpx
from sqlalchemy import Engine

from serving.answering.list_values import SOURCE_NAMES
from tests.passes import fold_all
from tests.serving.conftest import Seeds, ids, recommended
from tests.serving.console.conftest import SignedIn
from tests.small_run import publish_small_run


def listed(answer: httpx.Response, name: str) -> list[str]:
    """The items of one list of the page."""
    assert answer.status_code == 200, answer.text
    part = answer.text.partition(f'data-list="{name}"')[2].partition("</section>")[0]
    return re.findall(r'data-item="([^"]+)"', part)


def publish(engine: Engine, seeds: Seeds, *user_ids: str) -> None:
    """A run with a nightly list of films 20 to 24 for each of these users."""
    films = seeds.film_nos
    lists = {
        seeds.user(user_id): [(films[n], 30.0 - n) for n in range(20, 25)] for user_id in user_ids
    }
    with engine.begin() as connection:
        publish_small_run(connection, films, lists, popular=films[10:20])


async def click(client: httpx.AsyncClient, kind: str = "view", film: int = 2) -> httpx.Response:
    body = {"user_id": "ann", "item_id": f"film-{film}", "kind": kind}
    return await client.post("/console/watch/events", json=body)


async def test_the_lists_are_those_that_apps_get(
    signed_in: SignedIn, seeds: Seeds, engine: Engine
) -> None:
    publish(engine, seeds, "ann")
    client = await signed_in("viewer")
    page = await client.get("/?user=ann")
    client.headers["X-API-Key"] = seeds.key("read", "users")
    for name, weights in (("batch", ["batch:1"]), ("blend", None)):
        query = {"limit": 10, **({"weights": weights} if weights else {})}
        assert listed(page, name) == ids(await recommended(client, "ann", **query)), name
    assert listed(page, "batch")[:5] == [f"film-{n}" for n in range(20, 25)]
    assert "There is no live vector yet" in page.text


async def test_after_a_click_the_speed_list_knows_of_it_and_the_batch_list_stays(
    signed_in: SignedIn, seeds: Seeds, engine: Engine
) -> None:
    await asyncio.to_thread(publish, engine, seeds, "ann")
    client = await signed_in("operator")
    before = await client.get("/?user=ann")
    clicked = asyncio.create_task(click(client))
    while not clicked.done():
        await asyncio.to_thread(fold_all, engine)
        await asyncio.sleep(0.02)
    after = clicked.result()
    assert "data-folded=" in after.text
    near = {f"film-{n}" for n in range(15)} - {"film-2"}
    assert set(listed(after, "speed")) <= near
    assert listed(after, "batch")[:5] == listed(before, "batch")[:5]
    assert listed(after, "blend") != listed(before, "blend")
    assert "Because of <em>Film 2</em>" in after.text


async def test_a_click_says_so_where_no_speed_worker_takes_it_up(
    signed_in: SignedIn, seeds: Seeds, engine: Engine
) -> None:
    publish(engine, seeds, "ann")
    answer = await click(await signed_in("operator"))
    assert "Is the speed worker running?" in answer.text
    assert seeds.count("interactions") == 1


async def test_what_is_hidden_leaves_all_lists_and_comes_back_when_that_is_undone(
    signed_in: SignedIn, seeds: Seeds, engine: Engine
) -> None:
    publish(engine, seeds, "ann")
    client = await signed_in("operator")
    hidden = await click(client, "hide", film=20)
    assert "film-20" not in listed(hidden, "batch") + listed(hidden, "blend")
    event_id = re.search(r'"event_id": "([^"]+)"', hidden.text)
    assert event_id is not None
    body = {"user_id": "ann", "event_id": event_id[1]}
    undone = await client.post("/console/watch/undo", json=body)
    assert listed(undone, "batch")[0] == "film-20"
    assert "Nothing yet" in undone.text


async def test_the_weights_of_the_sliders_make_the_blend(
    signed_in: SignedIn, seeds: Seeds, engine: Engine
) -> None:
    publish(engine, seeds, "ann")
    client = await signed_in("operator")
    await click(client, film=2)
    await asyncio.to_thread(fold_all, engine)
    query = {"user_id": "ann", "neighbours": "0"}
    lists = "/console/watch/lists"
    batch_only = await client.get(lists, params={**query, "batch": "100", "speed": "0"})
    speed_only = await client.get(lists, params={**query, "batch": "0", "speed": "100"})
    assert listed(batch_only, "blend") == listed(batch_only, "batch")
    assert listed(speed_only, "blend") == listed(speed_only, "speed")
    assert listed(speed_only, "blend") != listed(batch_only, "blend")
    assert (await client.get(lists, params={**query, "batch": "101"})).status_code == 422
    assert (await client.get(lists, params={**query, "nothing": "1"})).status_code == 422
    page = await client.get("/?user=ann")
    assert set(re.findall(r'type="range" name="(\w+)"', page.text)) == set(SOURCE_NAMES)


async def test_looking_is_no_impression(signed_in: SignedIn, seeds: Seeds, engine: Engine) -> None:
    publish(engine, seeds, "ann")
    client = await signed_in("viewer")
    await client.get("/?user=ann")
    await asyncio.sleep(0.2)
    assert seeds.count("impressions") == 0


async def test_who_may_only_look_writes_no_event(
    signed_in: SignedIn, seeds: Seeds, engine: Engine
) -> None:
    publish(engine, seeds, "ann")
    client = await signed_in("viewer")
    page = await client.get("/?user=ann")
    assert "hx-post" not in page.text
    assert "needs the role operator" in page.text
    assert (await click(client)).status_code == 403
    assert seeds.count("interactions") == 0


async def test_a_click_without_the_token_of_the_page_is_refused(
    signed_in: SignedIn, seeds: Seeds, engine: Engine
) -> None:
    publish(engine, seeds, "ann")
    client = await signed_in("operator")
    del client.headers["X-CSRF-Token"]
    assert (await click(client)).status_code == 403
    assert seeds.count("interactions") == 0


async def test_the_catalogue_is_searched(signed_in: SignedIn, seeds: Seeds, engine: Engine) -> None:
    publish(engine, seeds, "ann")
    client = await signed_in("operator")
    path = "/console/watch/search"
    found = await client.get(path, params={"user_id": "ann", "q": "film 7"})
    assert "Film 7" in found.text
    assert (await client.get(path, params={"user_id": "ann", "q": ""})).text.strip() == ""


async def test_titles_are_text_whatever_they_are(signed_in: SignedIn, seeds: Seeds) -> None:
    client = await signed_in("operator")
    client.headers["X-API-Key"] = seeds.key("write")
    title = "<img src=x onerror=alert(1)>'\""
    await client.put("/v1/items/evil'%22%3E", json={"title": title})
    client.headers["X-API-Key"] = ""
    page = await client.get("/", params={"user": "ann'\"><b>"})
    assert page.status_code == 200
    assert "<img src=x" not in page.text
    assert "<b>" not in page.text.replace("<b>operator</b>", "")
