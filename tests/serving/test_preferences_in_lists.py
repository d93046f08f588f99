"""More and less of an item, a category or a value: the next list follows, and so does undo."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text, update

from serving.postgres.store import Store
from tests import tables
from tests.serving.conftest import Gate, OwnRedis, Seeds, Start, event, ids, recommended, send
from tests.serving.preferring import PLAIN, ann, genre, prefer, take_back

__all__ = ["ann"]

THINGS: list[dict[str, Any]] = [
    {"category": "comedy"},
    {"attribute": "tags", "value": "comedy"},
    {"attribute": "made", "value": 1},
    {"attribute": "short", "value": False},
    {"item_id": "film-17"},
]


def is_of(thing: dict[str, Any], item_id: str) -> bool:
    """Whether an item is of a thing, or is very like it."""
    n = int(item_id.removeprefix("film-"))
    if thing.get("attribute") == "made":
        return n // 10 == thing["value"]
    if thing.get("attribute") == "short":
        return n % 2 == 1
    return abs(n - 17) <= 3 if "item_id" in thing else genre(item_id) == "comedy"


def share(answer: httpx.Response, thing: dict[str, Any]) -> int:
    return sum(is_of(thing, item_id) for item_id in ids(answer))


def without_moments(answer: httpx.Response) -> list[Any]:
    assert answer.status_code == 200, answer.text
    return [answer.json()[name] for name in ("items", "policy", "strategy", "preferences")]


@pytest.mark.parametrize("thing", THINGS, ids=str)
async def test_the_next_list_follows_a_preference_and_taken_back_it_is_exactly_as_before(
    client: httpx.AsyncClient, ann: int, thing: dict[str, Any]
) -> None:
    before = await recommended(client, "ann", limit=8)
    assert (await recommended(client, "ann", limit=8)).json()["source"] == "cache"
    stored = await prefer(client, "more", **thing)
    more = await recommended(client, "ann", limit=8)
    assert more.json()["source"] == "blend"
    assert share(more, thing) > share(before, thing)
    assert more.json()["preferences"] == 1
    assert (await recommended(client, "ann", limit=8)).json()["source"] == "cache"

    assert (await prefer(client, "less", **thing))["preference_id"] == stored["preference_id"]
    less = await recommended(client, "ann", limit=8)
    assert share(less, thing) < max(share(before, thing), 1)

    assert await take_back(client, stored["preference_id"]) == 1
    after = await recommended(client, "ann", limit=8)
    assert after.json()["source"] == "blend"
    assert without_moments(after) == without_moments(before)
    assert await take_back(client, stored["preference_id"]) == 0


@pytest.mark.parametrize("thing", THINGS, ids=str)
async def test_nothing_eligible_is_lost_and_nothing_ineligible_comes_in(
    client: httpx.AsyncClient, seeds: Seeds, ann: int, thing: dict[str, Any]
) -> None:
    await send(client, event("ann", 17), event("ann", 11, "dislike"))
    seeds.hide_item(14)
    eligible = {f"film-{n}" for n in range(30)} - {"film-17", "film-11", "film-14"}
    for direction in ("more", "less"):
        await prefer(client, direction, **thing)
        answer = await recommended(client, "ann", limit=100)
        assert set(ids(answer)) == eligible
        assert len(ids(answer)) == len(eligible)
        of_war = await recommended(client, "ann", limit=100, category="war")
        assert {genre(item_id) for item_id in ids(of_war)} == {"war"}


async def test_what_is_wanted_less_comes_after_the_others_but_is_there_if_nothing_else_is(
    client: httpx.AsyncClient, ann: int
) -> None:
    before = await recommended(client, "ann", limit=6, **PLAIN)
    assert share(before, {"category": "comedy"}) == 2
    await prefer(client, "less", category="comedy")
    after = await recommended(client, "ann", limit=6, **PLAIN)
    assert [item_id for item_id in ids(after) if genre(item_id) == "comedy"] == []
    only = await recommended(client, "ann", limit=20, category="comedy", **PLAIN)
    assert len(ids(only)) == 10


@pytest.mark.parametrize(
    "thing", [{"category": "war"}, {"attribute": "a", "value": "war"}], ids=str
)
async def test_others_come_though_all_that_the_sources_have_is_wanted_less(
    client: httpx.AsyncClient, seeds: Seeds, thing: dict[str, Any]
) -> None:
    added = text(
        "insert into items (item_id, title, categories, attributes)"
        " select 'film-' || n, 'Film ' || n, '{war}', '{\"a\": [\"war\"]}'"
        " from generate_series(30, 259) as n order by n returning item_no"
    )
    war = list(seeds.write(added).scalars())
    ann = seeds.user("ann")
    near = {no: (1.0, n / 1000) for n, no in enumerate(war)}
    far = {no: (0.1, n / 1000) for n, no in enumerate(seeds.film_nos)}
    seeds.run(
        batch={ann: [(no, float(no)) for no in war[:50]]},
        vectors={**near, **far},
        users={ann: ((1.0, 0.0), 0)},
    )

    def others(answer: httpx.Response) -> int:
        return sum(int(item_id.removeprefix("film-")) < 30 for item_id in ids(answer))

    await send(client, event("ann", 7))
    before = await recommended(client, "ann", limit=20)
    assert others(before) == 0
    stored = await prefer(client, "less", **thing)
    after = await recommended(client, "ann", limit=20)
    assert others(after) > 10
    assert "film-7" not in ids(after)
    explained = await recommended(client, "ann", limit=20, explain=True)
    assert ids(explained) == ids(after)
    assert others(await recommended(client, "ann", limit=20, exclude="film-3")) == others(after)
    await take_back(client, stored["preference_id"])
    assert without_moments(await recommended(client, "ann", limit=20)) == without_moments(before)


async def test_more_brings_what_no_source_has(client: httpx.AsyncClient, ann: int) -> None:
    answer = await recommended(client, "ann", limit=20, **PLAIN)
    assert "film-27" not in ids(answer)
    await prefer(client, "more", item_id="film-27")
    answer = await recommended(client, "ann", limit=20, **PLAIN)
    assert ids(answer).index("film-27") < 10
    item = next(each for each in answer.json()["items"] if each["item_id"] == "film-27")
    assert set(item["scores"].values()) == {0.0}


async def test_what_preferences_do_not_concern_keeps_its_score(
    client: httpx.AsyncClient, ann: int
) -> None:
    async def scores() -> dict[str, float]:
        items = (await recommended(client, "ann", limit=30, **PLAIN)).json()["items"]
        return {each["item_id"]: each["score"] for each in items if genre(each["item_id"]) == "war"}

    before = await scores()
    await prefer(client, "more", category="comedy")
    await prefer(client, "less", category="crime")
    assert await scores() == before


async def test_lists_of_what_is_popular_follow_too(client: httpx.AsyncClient, ann: int) -> None:
    before = await recommended(client, "new", limit=6)
    await prefer(client, "more", "new", category="comedy")
    await prefer(client, "less", "new", category="war")
    answer = await recommended(client, "new", limit=6)
    assert answer.json()["strategy"] == "popular"
    assert share(answer, {"category": "comedy"}) > share(before, {"category": "comedy"})
    assert [item_id for item_id in ids(answer) if genre(item_id) == "war"] == []
    explained = (await recommended(client, "new", limit=6, explain=True)).json()["items"]
    assert explained[0]["preferences"][0]["category"] == "comedy"


async def test_before_the_first_run_lists_follow_by_category_and_value(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    for n in range(30):
        row = tables.items.c.item_no == seeds.film_nos[n]
        values = {"categories": ["comedy" if n % 2 else "war"], "attributes": {"n": n}}
        seeds.write(update(tables.items).where(row).values(**values))
    await send(client, *(event("bob", n) for n in range(30)))
    await prefer(client, "less", category="war")
    await prefer(client, "less", item_id="film-1")
    answer = await recommended(client, "ann", limit=14)
    assert {int(item_id.removeprefix("film-")) % 2 for item_id in ids(answer)} == {1}
    assert "film-1" not in ids(answer)


async def test_every_other_way_to_ask_for_a_users_list_follows_and_a_groups_does_not(
    client: httpx.AsyncClient, ann: int
) -> None:
    films = [f"film-{n}" for n in range(12)]

    async def asked() -> dict[str, list[str]]:
        async def post(path: str, **body: Any) -> Any:
            answer = await client.post(f"/v1/{path}", json=body)
            assert answer.status_code == 200, answer.text
            return answer.json()

        def of(answer: Any) -> list[str]:
            return [item["item_id"] for item in answer["items"]]

        many = await post("recommendations", users=["ann"], limit=6, **PLAIN)
        group = {"user_ids": ["ann", "bob"], "limit": 6, **PLAIN}
        return {
            "user": of(await post("recommendations", user_id="ann", limit=6, **PLAIN)),
            "basket": of(
                await post(
                    "recommendations",
                    user_id="ann",
                    limit=6,
                    items=[{"item_id": "film-29"}],
                    **PLAIN,
                )
            ),
            "many": of(many["lists"][0]["answer"]),
            "rank": of(await post("rank", user_id="ann", item_ids=films)),
            "group": of(await post("recommendations", **group)),
        }

    before = await asked()
    await prefer(client, "less", category="war")
    after = await asked()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"user", "basket", "many", "rank"}
    assert sorted(after["rank"]) == sorted(before["rank"])
    war = [[genre(item_id) for item_id in of["rank"][:6]].count("war") for of in (before, after)]
    assert war[1] < war[0]


async def test_pages_show_nothing_twice_though_preferences_change_between_them(
    client: httpx.AsyncClient, ann: int
) -> None:
    shown: list[str] = []
    cursor: dict[str, Any] = {}
    for preference in ({"category": "comedy"}, {"item_id": "film-3"}, {"category": "war"}, None):
        page = await recommended(client, "ann", limit=8, **cursor)
        shown += ids(page)
        cursor = {"cursor": page.json()["next"]}
        if preference:
            await prefer(client, "more" if "item_id" in preference else "less", **preference)
    assert len(shown) == len(set(shown)) == 30


async def test_a_list_is_another_one_to_whoever_keeps_it(
    client: httpx.AsyncClient, ann: int
) -> None:
    first = await recommended(client, "ann", limit=6)
    headers = {"If-None-Match": first.headers["ETag"]}
    path = "/v1/users/ann/recommendations"
    same = await client.get(path, params={"limit": 6}, headers=headers)
    assert same.status_code == 304
    stored = await prefer(client, "less", category="war")
    assert (await client.get(path, params={"limit": 6}, headers=headers)).status_code == 200
    await take_back(client, stored["preference_id"])
    assert (await client.get(path, params={"limit": 6}, headers=headers)).status_code == 304


async def test_the_list_of_every_process_follows_with_redis_and_without(
    start: Start, own_redis: OwnRedis, ann: int
) -> None:
    client, other = [await start(redis_url=own_redis.url) for _ in range(2)]
    before = ids(await recommended(other, "ann", limit=6, **PLAIN))
    stored = await prefer(client, "less", category="war")
    after = ids(await recommended(other, "ann", limit=6, **PLAIN))
    assert after != before
    own_redis.kill()
    assert await take_back(client, stored["preference_id"]) == 1
    assert ids(await recommended(other, "ann", limit=6, **PLAIN)) == before
    await prefer(other, "less", category="war")
    assert ids(await recommended(client, "ann", limit=6, **PLAIN)) == after
    own_redis.start()
    for api in (client, other):
        assert ids(await recommended(api, "ann", limit=6, **PLAIN)) == after


async def test_without_postgresql_a_cached_list_follows_and_another_says_that_it_may_not(
    start: Start, gate: Gate, ann: int
) -> None:
    client = await start(request_budget_seconds=1.0, write_budget_seconds=1.0)
    stored = await prefer(client, "less", category="war")
    cached = await recommended(client, "ann", limit=6, **PLAIN)
    assert cached.json()["preferences"] == 1
    gate.shut()
    again = await recommended(client, "ann", limit=6, **PLAIN)
    assert (again.json()["source"], again.json()["preferences"]) == ("cache", 1)
    assert ids(again) == ids(cached)
    other = await recommended(client, "ann", limit=7, **PLAIN)
    assert (other.json()["strategy"], other.json()["preferences"]) == ("fallback", None)
    path = "/v1/users/ann/preferences"
    body = {"direction": "more", "category": "war"}
    assert (await client.put(path, json=body)).status_code == 503
    assert (await client.delete(f"{path}/{stored['preference_id']}")).status_code == 503


async def test_a_new_item_that_is_wanted_less_is_not_explored(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    f = seeds.film_nos
    embeddings = tables.item_embeddings
    known = embeddings.c.item_no.notin_([f[18]])
    seeds.write(update(embeddings).where(known).values(users=50))
    explored = {"explore": 0.5, "diversity": 0, "limit": 6}

    async def new() -> list[str]:
        items = (await recommended(client, "ann", **explored)).json()["items"]
        return [each["item_id"] for each in items if each["explored"]]

    assert await new() == ["film-18"]
    await prefer(client, "less", category="war")
    assert await new() == []


async def test_an_explained_list_says_what_each_preference_made_of_each_score(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    async def explained() -> dict[str, Any]:
        query = {"limit": 30, "explain": True, **PLAIN}
        items = (await recommended(client, "ann", **query)).json()["items"]
        return {each["item_id"]: each for each in items}

    before = await explained()
    assert all(each["preferences"] == [] for each in before.values())
    more = await prefer(client, "more", attribute="tags", value="comedy")
    both = await explained()
    less = await prefer(client, "less", item_id="film-5")
    after = await explained()
    moved = after["film-5"]
    assert moved["blend_rank"] == before["film-5"]["blend_rank"]
    by_id = {each["preference_id"]: each for each in moved["preferences"]}
    assert by_id[less["preference_id"]]["change"] < 0 < by_id[more["preference_id"]]["change"]
    expected = moved["score"] - both["film-5"]["score"]
    assert by_id[less["preference_id"]]["change"] == pytest.approx(expected)
    assert by_id[more["preference_id"]]["value"] == "comedy"
    alone = both["film-5"]["preferences"][0]["change"]
    expected = both["film-5"]["score"] - before["film-5"]["score"]
    assert alone == pytest.approx(expected)
    client.headers["X-API-Key"] = seeds.key("read", name="reader")
    withheld = (await recommended(client, "ann", limit=3, explain=True)).json()["items"]
    assert {each["preferences"] for each in withheld} == {None}


async def test_who_has_no_preferences_costs_no_statement_more(
    client: httpx.AsyncClient, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    rows = Store.rows

    async def noting(self: Store, statement: Any, parameters: Any = None) -> Any:
        asked.append(statement.get_execution_options().get("statement_name"))
        return await rows(self, statement, parameters)

    monkeypatch.setattr(Store, "rows", noting)
    for user in ("ann", "nobody"):
        await recommended(client, user, limit=6)
    assert "load_user_state_and_candidates" in asked
    assert {"load_preferred", "load_matches"}.isdisjoint(asked)
    await prefer(client, "more", category="war")
    await recommended(client, "ann", limit=6)
    assert {"load_preferred", "load_matches"} <= {*asked}
