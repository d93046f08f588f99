"""Lists show an item from `publish_at` until `expire_at`, also those that come from the cache."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from domain.identifiers import ItemNo
from domain.limits import dates_fault
from serving.candidates.filters import EVERYTHING, Filters
from serving.fallback.fallback_items import FallbackItems
from serving.lists.recommendation_list import AppliedPolicy, RecommendationList, RecommendedItem
from tests.serving.conftest import Seeds, Start, faults, ids, recommended, until
from tests.serving.non_personalized import publish_lists

NOW = datetime.now(UTC)
LATER, EARLIER = (NOW + timedelta(days=1)).isoformat(), (NOW - timedelta(days=1)).isoformat()
LISTS = (
    "/v1/users/ann/recommendations?limit=100",
    "/v1/users/nobody/recommendations?limit=100",
    "/v1/popular?limit=100",
    "/v1/popular?limit=100&window=week",
    "/v1/popular?limit=100&category=drama",
    "/v1/trending?limit=100",
    "/v1/latest?limit=100",
    "/v1/starter?limit=100",
    "/v1/search?q=Film&limit=100",
    "/v1/search?q=zzz&limit=100",
    "/v1/items/film-9/similar?limit=100",
    "/v1/similar?item_id=film-9&item_id=film-8&limit=100",
)


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(20))


async def put(
    client: httpx.AsyncClient, film: int, attributes: Mapping[str, Any], **more: Any
) -> httpx.Response:
    body = {"title": f"Film {film}", "attributes": dict(attributes), **more}
    return await client.put(f"/v1/items/film-{film}", json=body)


async def test_no_list_shows_an_item_that_is_not_yet_published_or_has_expired(
    client: httpx.AsyncClient, seeds: Seeds, subtests: pytest.Subtests
) -> None:
    publish_lists(seeds)
    seeds.user("ann")
    shown = {"publish_at": EARLIER, "expire_at": LATER}
    for film, attributes in ((0, {"publish_at": LATER}), (1, {"expire_at": EARLIER}), (2, shown)):
        answer = await put(client, film, attributes, categories=["drama"])
        assert answer.status_code == 200, answer.text
    for path in LISTS:
        with subtests.test(path=path):
            listed = ids(await client.get(path))
            assert {"film-0", "film-1"}.isdisjoint(listed)
            assert "film-2" in listed
    body = {"user_id": "ann", "item_ids": ["film-0", "film-1", "film-2"]}
    ranked = await client.post("/v1/rank", json=body)
    assert ids(ranked) == ["film-2"]
    assert ranked.json()["left_out"] == ["film-0", "film-1"]


async def test_an_item_withdrawn_in_one_process_leaves_cached_lists_of_another_at_once(
    start: Start, ann: int
) -> None:
    client, other = await start(), await start()
    assert "film-9" not in ids(await recommended(other, "ann", limit=1))
    for film, fields in (
        (9, {"attributes": {"expire_at": EARLIER}}),
        (8, {"attributes": {"publish_at": LATER}}),
        (7, {"available": False}),
    ):
        assert f"film-{film}" in ids(await recommended(other, "ann", limit=8))
        await client.put(f"/v1/items/film-{film}", json={"title": "Film", **fields})
        assert f"film-{film}" not in ids(await recommended(other, "ann", limit=8))
        # A list without the item is as good as before.
        assert (await recommended(other, "ann", limit=1)).json()["source"] == "cache"


async def test_what_changes_without_the_api_leaves_cached_lists_too(
    client: httpx.AsyncClient, ann: int, seeds: Seeds
) -> None:
    filtered = {"limit": 8, "filter": "year >= 1990 or year missing"}
    for query in ({"limit": 8}, filtered):
        assert {"film-9", "film-8"} <= set(ids(await recommended(client, "ann", **query)))
        assert (await recommended(client, "ann", **query)).json()["source"] == "cache"
    seeds.hide_item(9)
    seeds.write(text("update items set attributes = '{\"year\": 1950}' where item_id = 'film-8'"))

    async def followed() -> bool:
        plain = ids(await recommended(client, "ann", limit=8))
        passing = ids(await recommended(client, "ann", **filtered))
        return "film-9" not in plain and {"film-9", "film-8"}.isdisjoint(passing)

    await until(followed)
    assert "film-8" in ids(await recommended(client, "ann", limit=8))


async def test_an_item_expires_in_a_cached_list(client: httpx.AsyncClient, ann: int) -> None:
    moment = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    await put(client, 9, {"expire_at": moment})
    await recommended(client, "ann", limit=8)

    async def gone() -> bool:
        return "film-9" not in ids(await recommended(client, "ann", limit=8))

    await until(gone)
    assert datetime.now(UTC).isoformat() >= moment


async def test_a_list_is_made_anew_before_its_time_only_where_items_came_in(
    start: Start, ann: int
) -> None:
    client = await start(answer_entry_seconds=0.1)
    whole = {"limit": 100}
    await recommended(client, "ann", **whole)
    await asyncio.sleep(0.2)
    assert (await recommended(client, "ann", **whole)).json()["source"] == "cache"
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    await put(client, 1000, {})
    await put(client, 1001, {"publish_at": soon})

    async def entered() -> bool:
        listed = ids(await recommended(client, "ann", **whole))
        return {"film-1000", "film-1001"} <= set(listed)

    await until(entered)


@pytest.mark.parametrize(
    "attributes",
    [
        {"publish_at": "2026-03-01"},
        {"expire_at": "2026-03-01T09:00:00"},
        {"expire_at": 1_772_355_600},
        {"publish_at": ["2026-03-01T09:00:00Z"]},
        {"publish_at": "now"},
        {"publish_at": "2026-02-30T09:00:00Z"},
        {"publish_at": "2026-03-01T09:00:00+16:00"},
        {"publish_at": "2026-03-01T09:00:00Z", "expire_at": "2026-03-01T10:00:00+01:00"},
    ],
)
async def test_dates_that_no_list_could_follow_are_refused(
    client: httpx.AsyncClient, attributes: dict[str, Any]
) -> None:
    answer = await put(client, 1, attributes)
    assert answer.status_code == 422
    (detail,) = faults(answer).values()
    assert "publish_at" in detail


async def test_null_is_no_date(client: httpx.AsyncClient) -> None:
    answer = await put(client, 1, {"publish_at": None, "expire_at": None})
    assert answer.status_code == 200


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    moment=st.datetimes(timezones=st.timezones() | st.just(UTC)).map(str)
    | st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z")
    | st.from_regex(
        r"\A20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:00:00\.[0-9]+[+-][0-2][0-9]:[0-5][0-9]\Z"
    )
)
def test_postgresql_reads_every_date_that_is_taken(engine: Engine, moment: str) -> None:
    if dates_fault({"publish_at": moment}) is None:
        with engine.connect() as connection:
            read = text("select attribute_moment(to_jsonb(cast(:moment as text)))")
            found = connection.execute(read, {"moment": moment}).scalar_one()
        assert abs(found - datetime.fromisoformat(moment.upper())) <= timedelta(microseconds=1)


def test_the_fallback_shows_no_item_that_has_expired() -> None:
    policy = AppliedPolicy("fixed", {}, 4.0, 0)
    listed = tuple(RecommendedItem(ItemNo(no), f"film-{no}", "Film", 1.0) for no in range(3))
    result = RecommendationList("fallback", None, policy, listed)
    now = datetime.now(UTC).timestamp()
    expiries = {ItemNo(0): now - 10, ItemNo(1): now + 1000}
    fallback = FallbackItems(result, (), expiries)
    for kept in (fallback, FallbackItems.decode(fallback.encode())):
        for filters in (EVERYTHING, Filters.of(none_of=["drama"])):
            items = kept.top(3, frozenset(), filters, None).items
            assert [item.item_no for item in items] == [1, 2]
