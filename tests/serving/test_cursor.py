"""A list is gone through page by page: nothing twice, nothing lost, whatever happens meanwhile."""

import base64
import random
import struct
import time
import zlib
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.identifiers import ItemNo
from serving.lists import cursor as cursors
from serving.lists.cursor import LONGEST_CURSOR, Scroll, checksum, read_cursor
from serving.placements.placement import Placement
from serving.recommendations.recommendation_query import RecommendationQuery
from serving.runtime.faults import CursorExpiredError, FaultyInputError
from tests.serving.conftest import Gate, Seeds, event, faults, ids, pages, recommended, send

NUMBERS = st.sets(st.integers(1, 2**31 - 1), max_size=500)


@given(first=NUMBERS, second=NUMBERS, binding=st.text(alphabet=st.characters(codec="utf-8")))
def test_a_cursor_holds_what_was_shown(first: set[int], second: set[int], binding: str) -> None:
    scroll = Scroll.begin()
    for numbers in (first, second):
        text = scroll.cursor(map(ItemNo, numbers), binding)
        assert text is not None
        scroll = read_cursor(text, binding)
    assert set(scroll.shown) == first | second
    with pytest.raises(FaultyInputError):
        read_cursor(text, binding + "x")


@given(st.text() | st.binary(max_size=200).map(lambda given: given.hex()))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(FaultyInputError):
        read_cursor(text, "ann")


BINDING = f"ann\n{Placement('default', 0).placed(RecommendationQuery().asked()).scroll_key}"


def forged(body: bytes) -> str:
    """A cursor of ann's list that was not made here, and has the right checksum."""
    return base64.urlsafe_b64encode(body + checksum(body, BINDING)).rstrip(b"=").decode()


def head(*, version: int = 1, packed: int = 0) -> bytes:
    return struct.pack("<BBI", version, packed, int(time.time()))


ZEROS = zlib.compress(bytes(8))
HOSTILE = (
    st.binary(max_size=60)
    | st.binary(max_size=60).map(lambda data: head() + data)
    | st.binary(max_size=60).map(lambda data: head(packed=1) + data)
    | st.binary(max_size=60).map(lambda data: head(packed=1) + zlib.compress(data))
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@example(head(packed=1) + b"no zlib")
@example(head(packed=1) + ZEROS[:-6])
@example(head(packed=1) + ZEROS + b"more")
@example(head(packed=1) + zlib.compress(bytes([1, 0, 0])))
@example(head(packed=7) + struct.pack("<I", 1))
@example(head() + b"abc")
@example(head() + struct.pack("<I", 2**31))
@example(head() + struct.pack("<2I", 2**31 - 1, 1))
@example(head() + struct.pack("<2I", 1, 0))
@example(head(version=2) + struct.pack("<I", 1))
@example(head(packed=1) + zlib.compress(bytes(1_000_000)))
@given(HOSTILE)
async def test_a_forged_cursor_is_taken_only_if_it_is_like_one_made_here(
    client: httpx.AsyncClient, body: bytes
) -> None:
    like_ours = forged(head() + struct.pack("<I", 1))
    assert (await recommended(client, "ann", cursor=like_ours)).status_code == 200
    answer = await recommended(client, "ann", cursor=forged(body))
    if answer.status_code == 200:
        scroll = read_cursor(forged(body), BINDING)
        assert all(0 < no < 2**31 for no in scroll.shown)
        assert len(set(scroll.shown)) == len(scroll.shown)
    elif answer.status_code == 422:
        assert list(faults(answer)) == ["query:cursor"]
    else:
        assert answer.json()["type"] == "urn:tandem:problem:cursor-expired"


def test_two_thousand_items_of_a_million_have_room_in_a_cursor() -> None:
    drawn = random.Random(7)
    text = Scroll.begin().cursor(map(ItemNo, drawn.sample(range(1, 1_000_000), 2_000)), "ann")
    assert text is not None
    assert len(text) <= LONGEST_CURSOR
    endless = Scroll.begin().cursor(map(ItemNo, drawn.sample(range(1, 2**31), 9_000)), "ann")
    assert endless is None


def test_a_list_begun_too_long_ago_does_not_go_on() -> None:
    began = int(time.time()) - cursors.SCROLL_SECONDS - 10
    text = Scroll(began).cursor([ItemNo(1)], "ann")
    assert text is not None
    with pytest.raises(CursorExpiredError):
        read_cursor(text, "ann")


async def scrolled(client: httpx.AsyncClient, user: str, **query: Any) -> list[str]:
    """All items of all pages."""
    read = await pages(client, f"/v1/users/{user}/recommendations", **query)
    return [item["item_id"] for page in read for item in page["items"]]


async def test_all_that_is_eligible_comes_once_the_best_first(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(15))
    for user in ("ann", "nobody"):
        whole = ids(await recommended(client, user, limit=100, explore=0, diversity=0))
        for limit in (1, 7, 30):
            pages = await scrolled(client, user, limit=limit, explore=0, diversity=0)
            assert len(pages) == len(set(pages))
            assert set(pages) == set(whole)
            assert set(pages[:10]) == set(whole[:10]), "personal items come before popular ones"


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_comes_twice_and_nothing_is_lost_whatever_happens_between_pages(
    client: httpx.AsyncClient, seeds: Seeds, seed: int
) -> None:
    drawn = random.Random(seed)
    user_no, films = seeds.listed_user("ann", popular=range(15)), seeds.film_nos
    out: set[str] = set()
    found: list[str] = []
    query = {"limit": 4, "explore": 0.3, "diversity": 0.5}
    asked: dict[str, Any] = query
    for _ in range(20):
        answer = (await recommended(client, "ann", **asked)).json()
        page = [item["item_id"] for item in answer["items"]]
        assert out.isdisjoint(page)
        found += page
        if answer["next"] is None:
            break
        asked = {**query, "cursor": answer["next"]}
        for act in drawn.sample(["run", "seen", "hidden", "withdrawn", "nothing"], 2):
            film = drawn.randrange(len(films))
            if act == "run":
                order = drawn.sample(films, 10)
                seeds.run(
                    batch={user_no: [(no, 10.0 - n) for n, no in enumerate(order[:5])]},
                    vectors={no: (1.0, drawn.random()) for no in order},
                    users={user_no: ((drawn.random(), 1.0), 0)},
                )
            elif act in ("seen", "hidden"):
                await send(client, event("ann", film, "view" if act == "seen" else "hide"))
                out.add(f"film-{film}")
            elif act == "withdrawn":
                gone = {"title": "Gone", "available": False}
                await client.put(f"/v1/items/film-{film}", json=gone)
                out.add(f"film-{film}")
    else:
        raise AssertionError("the list does not end")
    assert len(found) == len(set(found))
    assert {f"film-{n}" for n in range(len(films))} - out <= set(found)


async def test_a_list_goes_on_without_the_database(
    client: httpx.AsyncClient, seeds: Seeds, gate: Gate
) -> None:
    seeds.listed_user("ann", popular=range(15))
    first = (await recommended(client, "ann", limit=5)).json()
    gate.shut()
    second = (await recommended(client, "ann", limit=5, cursor=first["next"])).json()
    assert second["source"] == "fallback"
    pages = [{item["item_id"] for item in page["items"]} for page in (first, second)]
    assert pages[0].isdisjoint(pages[1])
    assert second["next"]


async def test_the_cursor_of_another_list_is_refused(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    cursor = (await recommended(client, "ann", limit=5)).json()["next"]
    assert (await recommended(client, "ann", limit=3, cursor=cursor)).status_code == 200
    for user, query in (
        ("bob", {}),
        ("ann", {"exclude_seen": False}),
        ("ann", {"filter": "year > 1990"}),
        ("ann", {"not_again": "1d"}),
    ):
        refused = await recommended(client, user, limit=5, cursor=cursor, **query)
        assert refused.status_code == 422
        assert "query:cursor" in faults(refused)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/search?q=film",
        "/v1/search?q=film&only_words=true&user_id=ann",
        "/v1/items/film-1/similar?user_id=ann",
        "/v1/similar?item_id=film-1&item_id=film-2&exclude=film-9",
        "/v1/popular",
        "/v1/popular?window=week&user_id=ann",
        "/v1/trending?exclude=film-9",
        "/v1/latest",
        "/v1/starter?session=visit",
    ],
)
async def test_every_list_goes_on_until_all_of_it_was_shown(
    client: httpx.AsyncClient, seeds: Seeds, path: str
) -> None:
    seeds.listed_user("ann", popular=range(15))
    address = httpx.URL(path)
    asked: dict[str, Any] = {name: address.params.get_list(name) for name in address.params}
    whole = ids(await client.get(address.path, params=asked | {"limit": 100}))
    assert len(whole) > 20
    found = await pages(client, address.path, **asked, limit=7)
    item_ids = [item["item_id"] for page in found for item in page["items"]]
    assert set(item_ids[:7]) == set(whole[:7])
    assert sorted(item_ids) == sorted(whole)
    others = {"/v1/search": {"q": "other"}, "/v1/starter": {"session": "other"}}
    other = {**asked, "user_id": "bob", **others.get(address.path, {}), "cursor": found[0]["next"]}
    refused = await client.get(address.path, params=other)
    assert "query:cursor" in faults(refused)


async def test_the_lists_for_everybody_go_on_without_the_database(
    client: httpx.AsyncClient, seeds: Seeds, gate: Gate
) -> None:
    seeds.listed_user("ann", popular=range(15))
    for path in ("/v1/popular", "/v1/search?q=film", "/v1/items/film-1/similar"):
        address = httpx.URL(path)
        first = (await client.get(path)).json()
        gate.shut()
        asked = {**address.params, "cursor": first["next"]}
        second = (await client.get(address.path, params=asked)).json()
        gate.open()
        assert second["strategy"] == "fallback", path
        shown = [{item["item_id"] for item in page["items"]} for page in (first, second)]
        assert shown[0].isdisjoint(shown[1]), path


async def test_opened_again_a_list_begins_anew(client: httpx.AsyncClient, seeds: Seeds) -> None:
    seeds.listed_user("ann")
    first = await recommended(client, "ann", limit=5)
    await recommended(client, "ann", limit=5, cursor=first.json()["next"])
    assert ids(await recommended(client, "ann", limit=5)) == ids(first)


async def test_without_the_cache_a_list_is_made_anew(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    assert (await recommended(client, "ann")).json()["source"] == "blend"
    assert (await recommended(client, "ann")).json()["source"] == "cache"
    assert (await recommended(client, "ann", use_cache=False)).json()["source"] == "blend"
