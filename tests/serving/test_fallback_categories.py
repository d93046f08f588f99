"""With PostgreSQL away every category of the catalogue is answered, as well as is known."""

from typing import Any

import httpx
import pytest
import redis
from sqlalchemy import text

from tests.serving.conftest import Gate, Seeds, Start, event, ids, recommended, send, until

ROOM: dict[str, Any] = {"fallback_items": 100, "fallback_category_items": 100}
"""Of two hundred items; `fallback_items` are never fewer."""
PATHS = (
    "/v1/users/ann/recommendations?limit=9",
    "/v1/users/nobody/recommendations?limit=9&max_per_category=1",
    "/v1/popular?limit=9",
    "/v1/popular?limit=9&window=week&user_id=ann",
    "/v1/trending?limit=9",
    "/v1/latest?limit=9",
    "/v1/starter?limit=9&session=one",
    "/v1/search?q=film&limit=9",
    "/v1/items/film-0/similar?limit=9",
)


def categorise(seeds: Seeds, category: str, *films: int) -> None:
    item_nos = [seeds.film_nos[film] for film in films]
    seeds.write(
        text(
            "update items set categories = categories || array[:category]"
            " where item_no = any(:item_nos)"
        ).bindparams(category=category, item_nos=item_nos)
    )


@pytest.fixture
def run_id(seeds: Seeds) -> int:
    """The first ten films are popular, and 180 newer items of no interest.

    Of `noir` and `silent` nothing is in a popular list; `opera` has one of its own.
    """
    categorise(seeds, "noir", 20)
    categorise(seeds, "silent", 20, 21, 22)
    categorise(seeds, "opera", 22, 23, 24)
    seeds.write(
        text(
            "insert into items (item_id, title, categories)"
            " select 'other-' || n, 'Other ' || n, '{other}' from generate_series(1, 180) as n"
        )
    )
    films = seeds.film_nos
    return seeds.run(
        popular={
            "": [(films[n], 30.0 - n) for n in range(10)],
            "opera": [(films[24], 3.0), (films[23], 2.0)],
        }
    )


def copy(redis_url: str) -> str:
    """What is kept for processes that start without PostgreSQL."""
    with redis.Redis.from_url(redis_url) as store:
        return bytes(store.get("tandem:fallback:popular") or b"").decode()


def films(answer: httpx.Response) -> list[int]:
    return [int(item_id.removeprefix("film-")) for item_id in ids(answer)]


async def test_a_category_that_is_nowhere_popular_is_answered(
    start: Start, run_id: int, gate: Gate, subtests: pytest.Subtests
) -> None:
    client = await start(**ROOM)
    gate.shut()
    for path in PATHS:
        with subtests.test(path=path):
            for category, expected in (
                ("noir", [20]),
                ("silent", [22, 21, 20]),
                ("opera", [24, 23, 22]),
            ):
                answer = await client.get(f"{path}&category={category}")
                assert films(answer) == expected
                assert (answer.json()["strategy"], answer.json()["run"]["id"]) == (
                    "fallback",
                    run_id,
                )


async def test_of_several_categories_the_popular_items_come_first_and_then_the_newest(
    start: Start, run_id: int, gate: Gate
) -> None:
    client = await start(**ROOM)
    gate.shut()
    several = await recommended(client, "ann", category=["noir", "silent", "opera"])
    assert films(several) == [24, 23, 22, 21, 20]
    everything = ids(await recommended(client, "ann", limit=100))
    assert everything[:12] == [*(f"film-{n}" for n in range(10)), "film-24", "film-23"]
    assert everything[12:102] == [f"other-{n}" for n in range(180, 92, -1)]


async def test_a_category_that_is_nowhere_is_answered_as_with_postgresql(
    start: Start, run_id: int, gate: Gate, subtests: pytest.Subtests
) -> None:
    client = await start(**ROOM)
    for path in PATHS:
        assert ids(await client.get(f"{path}&category=nowhere")) == []
    gate.shut()
    fresh = await start(**ROOM)
    for path in PATHS:
        with subtests.test(path=path):
            for api in (client, fresh):
                answer = await api.get(f"{path}&category=never-asked-for")
                assert ids(answer) == []
                assert answer.json()["degraded"]


async def test_a_process_started_without_postgresql_answers_from_the_copy(
    start: Start, run_id: int, gate: Gate, subtests: pytest.Subtests
) -> None:
    await start(**ROOM)
    gate.shut()
    fresh = await start(**ROOM)
    for path in PATHS:
        with subtests.test(path=path):
            for category, expected in (("noir", [20]), ("opera", [24, 23, 22])):
                answer = await fresh.get(f"{path}&category={category}")
                assert films(answer) == expected
                assert answer.json()["run"]["id"] == run_id


async def test_where_more_may_exist_than_the_fallback_has_there_is_no_empty_answer(
    start: Start, run_id: int, gate: Gate, subtests: pytest.Subtests
) -> None:
    client = await start(fallback_items=100, fallback_category_items=0)
    gate.shut()
    for path in PATHS:
        with subtests.test(path=path):
            for category in ("noir", "never-heard-of"):
                answer = await client.get(f"{path}&category={category}")
                assert answer.status_code == 503
                assert answer.headers["Retry-After"]


async def test_with_room_for_few_each_category_that_is_not_popular_anyway_has_one(
    start: Start, run_id: int, gate: Gate
) -> None:
    client = await start(fallback_items=100, fallback_category_items=2)
    gate.shut()
    assert films(await client.get("/v1/popular?category=opera")) == [24]
    for category in ("noir", "silent"):
        assert films(await client.get(f"/v1/popular?category={category}")) == [20]
    unknown = await client.get("/v1/popular?category=nowhere")
    assert unknown.status_code == 503, "there may be more categories than were kept"


async def test_what_a_user_has_seen_is_left_out_and_an_empty_list_is_answered_if_it_is_true(
    start: Start, run_id: int, gate: Gate
) -> None:
    client = await start(**ROOM)
    await send(client, event("ann", 22), event("ann", 24), event("ann", 20))
    small = await start(fallback_items=100, fallback_category_items=4)
    await recommended(small, "ann")
    gate.shut()
    assert films(await recommended(client, "ann", category="opera")) == [23]
    assert films(await recommended(client, "ann", category="noir")) == []
    assert films(await client.get("/v1/popular?category=noir&user_id=ann")) == []
    assert films(await recommended(client, "ann", category="noir", exclude_seen=False)) == [20]
    assert (await recommended(small, "ann", category="silent")).status_code == 503


async def test_an_excluded_category_leaves_what_else_there_is(
    start: Start, run_id: int, gate: Gate
) -> None:
    client = await start(**ROOM)
    gate.shut()
    others = await recommended(client, "ann", limit=100, exclude_category="other")
    assert len(ids(others)) == 30, "all films"
    silent = await recommended(
        client, "ann", limit=9, category="silent", exclude_category=["noir", "opera"]
    )
    assert films(silent) == [21]


async def test_caps_hold_among_items_of_rare_categories_as_long_as_there_are_others(
    start: Start, run_id: int, gate: Gate
) -> None:
    client = await start(**ROOM)
    gate.shut()
    wanted = {"category": ["silent", "opera", "noir"], "max_per_category": 1}
    two = await recommended(client, "ann", limit=2, **wanted)
    assert films(two) == [24, 21]
    assert len(ids(await recommended(client, "ann", limit=9, **wanted))) == 5


async def test_an_item_that_changes_is_in_the_fallback_as_it_is_now(
    start: Start, run_id: int, gate: Gate
) -> None:
    client = await start(**ROOM, popular_refresh_seconds=3600)
    for film, body in (
        (20, {"categories": ["western"]}),
        (21, {"categories": ["silent"], "available": False}),
        (25, {"categories": ["unheard"]}),
    ):
        stored = await client.put(f"/v1/items/film-{film}", json={"title": "Film", **body})
        assert stored.status_code == 200
    gate.shut()
    assert films(await client.get("/v1/popular?category=western")) == [20]
    assert films(await client.get("/v1/popular?category=noir")) == []
    assert films(await client.get("/v1/popular?category=silent")) == [22]
    assert films(await client.get("/v1/popular?category=unheard")) == [25]


async def test_an_item_that_came_to_a_category_since_the_last_refresh_may_be_missing_but_not_denied(
    start: Start, seeds: Seeds, run_id: int, gate: Gate
) -> None:
    seeds.hide_item(26)
    client = await start(**ROOM, popular_refresh_seconds=3600)
    for item_id, category in (("film-26", "back"), ("brand-new", "new")):
        body = {"title": "Now there", "categories": [category]}
        assert (await client.put(f"/v1/items/{item_id}", json=body)).status_code in (200, 201)
    gate.shut()
    for category in ("back", "new"):
        assert (await client.get(f"/v1/popular?category={category}")).status_code == 503
    assert ids(await client.get("/v1/popular?category=nowhere")) == []


async def test_what_other_processes_change_is_in_the_fallback_with_the_next_refresh(
    start: Start, run_id: int, gate: Gate, redis_url: str
) -> None:
    other = await start(**ROOM)
    client = await start(**ROOM, popular_refresh_seconds=0.05)
    await other.put("/v1/items/film-20", json={"title": "Film", "available": False})
    await other.put("/v1/items/film-24", json={"title": "Film", "categories": ["noir"]})
    await other.put("/v1/items/another", json={"title": "Another", "categories": ["new"]})

    async def received() -> bool:
        return "another" in copy(redis_url)

    await until(received)
    gate.shut()
    assert films(await client.get("/v1/popular?category=noir")) == [24]
    assert films(await client.get("/v1/popular?category=opera")) == [23, 22]
    assert ids(await client.get("/v1/popular?category=new")) == ["another"]


async def test_after_a_promotion_all_of_the_fallback_is_of_the_new_run(
    start: Start, seeds: Seeds, run_id: int, gate: Gate, redis_url: str
) -> None:
    client = await start(**ROOM, popular_refresh_seconds=0.05)
    no = seeds.film_nos
    newer = seeds.run(popular={"": [(no[9], 2.0)], "opera": [(no[22], 2.0), (no[23], 1.0)]})

    async def promoted() -> bool:
        return f'"run_id":{newer},' in copy(redis_url)

    await until(promoted)
    gate.shut()
    for path in PATHS[:2]:
        answer = await client.get(f"{path}&category=opera")
        assert films(answer) == [22, 23, 24]
        assert answer.json()["run"]["id"] == newer


async def test_before_the_first_run_every_category_is_answered(
    start: Start, seeds: Seeds, gate: Gate
) -> None:
    categorise(seeds, "noir", 1)
    seeds.write(
        text(
            "insert into items (item_id, title) select 'o-' || n, '' from generate_series(1, 200) n"
        )
    )
    client = await start(**ROOM)
    gate.shut()
    answer = await client.get("/v1/popular?category=noir")
    assert films(answer) == [1]
    assert answer.json()["run"] is None


async def test_processes_with_the_same_fallback_send_one_copy_and_mend_a_lost_one(
    start: Start, run_id: int, redis_url: str
) -> None:
    await start(**ROOM, popular_refresh_seconds=0.05)
    await start(**ROOM, popular_refresh_seconds=0.05)
    with redis.Redis.from_url(redis_url) as store:
        first = store.get("tandem:fallback:popular")
        for lost in ("tandem:fallback:popular", "tandem:fallback:popular-digest"):
            store.delete(lost)

            async def back() -> bool:
                return bool(store.get("tandem:fallback:popular") == first)

            await until(back)
        assert store.ttl("tandem:fallback:popular") > 0
