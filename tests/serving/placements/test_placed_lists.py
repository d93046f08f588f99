"""Lists of placements, over HTTP: what is in them, what they name, and what is kept of them."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.serving.conftest import Gate, OwnRedis, Seeds, Start, faults, ids, recommended, until
from tests.serving.placements.saved_placements import saved

PATH = "/v1/users/ann/recommendations"


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(5, 10))


def placement_of(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["placement"]


async def test_an_answer_and_its_impression_name_the_placement_and_its_version(
    operator: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    plain = await recommended(operator, "ann")
    assert placement_of(plain) == {"name": "default", "version": 0}
    await saved(operator, "home", limit=3)
    placed = await recommended(operator, "ann", placement="home")
    assert (placement_of(placed), len(ids(placed))) == ({"name": "home", "version": 1}, 3)
    body = await operator.post("/v1/recommendations", json={"user_id": "ann", "placement": "home"})
    assert (placement_of(body), ids(body)) == (placement_of(placed), ids(placed))
    await saved(operator, "default", limit=2)
    assert len(ids(await recommended(operator, "ann"))) == 2
    assert len(ids(await recommended(operator, "ann", limit=4, placement="home"))) == 4
    shown = {
        answer.json()["recommendation_id"]: tuple(placement_of(answer).values())
        for answer in (plain, placed, body)
    }
    written = text(
        "select cast(recommendation_id as text), placement, placement_version from impressions"
    )

    async def kept() -> bool:
        with seeds.engine.connect() as connection:
            rows = {key: (name, version) for key, name, version in connection.execute(written)}
        return shown.items() <= rows.items()

    await until(kept)


async def test_lists_that_are_not_to_be_kept_are_no_impressions(
    operator: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    await saved(operator, "quiet", impressions=False)
    for _ in range(3):
        await recommended(operator, "ann", placement="quiet")
    loud = await recommended(operator, "ann")

    async def kept() -> bool:
        return await asyncio.to_thread(seeds.count, "impressions") > 0

    await until(kept)
    with seeds.engine.connect() as connection:
        written = text("select cast(recommendation_id as text) from impressions")
        assert connection.execute(written).scalars().all() == [loud.json()["recommendation_id"]]


async def test_strangers_get_the_list_that_was_decided_and_others_their_own(
    operator: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    await saved(operator, "new", fallback="latest", limit=3)
    await saved(operator, "rising", fallback="trending", limit=3)
    newest = (await operator.get("/v1/latest", params={"limit": 3})).json()["items"]
    shown = await recommended(operator, "stranger", placement="new")
    assert shown.json()["strategy"] == "latest"
    assert ids(shown) == [item["item_id"] for item in newest]
    popular = await recommended(operator, "stranger", limit=3)
    assert popular.json()["strategy"] == "popular"
    # Nothing trends.
    rising = await recommended(operator, "stranger", placement="rising")
    assert (rising.json()["strategy"], ids(rising)) == ("popular", ids(popular))
    own = await recommended(operator, "ann", placement="new")
    assert own.json()["strategy"] == "blend"


async def test_an_unknown_placement_is_refused_with_those_there_are(
    operator: httpx.AsyncClient, ann: int
) -> None:
    await saved(operator, "home", limit=3)
    for name in ("hom", "everywhere", "Home"):
        refused = await recommended(operator, "ann", placement=name)
        assert refused.status_code == 422
        assert faults(refused) == {
            "query:placement": f"There is no placement '{name}'. There are: default, home."
        }
    body = await operator.post("/v1/recommendations", json={"user_id": "ann", "placement": "hom"})
    assert list(faults(body)) == ["/placement"]
    twice = await operator.get(f"{PATH}?context=device:phone&context=device:desk")
    assert list(faults(twice)) == ["query:context"]


async def test_a_filter_of_the_placement_may_ask_for_what_the_caller_may_not_see(
    operator: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    await saved(operator, "own", filter="item_id in user.films", limit=5)
    await operator.patch("/v1/users/ann", json={"attributes": {"films": ["film-6", "film-7"]}})
    operator.headers["X-API-Key"] = seeds.key("read", name="reader")
    for _ in range(2):
        found = await recommended(operator, "ann", placement="own")
        assert sorted(ids(found)) == ["film-6", "film-7"]
    assert ids(await recommended(operator, "stranger", placement="own")) == []
    refused = await recommended(operator, "ann", filter="item_id in user.films", placement="own")
    assert refused.status_code == 403


async def test_a_list_goes_on_though_something_else_is_decided_meanwhile(
    operator: httpx.AsyncClient, ann: int
) -> None:
    await saved(operator, "home", limit=3)
    first = await recommended(operator, "ann", placement="home")
    await saved(operator, "home", 1, limit=4, diversity=1.0)
    cursor = first.json()["next"]
    second = await recommended(operator, "ann", placement="home", cursor=cursor)
    assert (placement_of(second)["version"], len(ids(second))) == (2, 4)
    assert not {*ids(first)} & {*ids(second)}
    other = await recommended(operator, "ann", cursor=cursor)
    assert list(faults(other)) == ["query:cursor"]


async def test_a_change_counts_in_every_process_with_redis_away_too(
    start: Start, seeds: Seeds, ann: int, own_redis: OwnRedis
) -> None:
    first, second = [await start(redis_url=own_redis.url) for _ in range(2)]
    for client in (first, second):
        client.headers["X-API-Key"] = seeds.key("read", "admin", name=str(id(client)))
    await saved(first, "home", limit=3)
    own_redis.kill()
    await saved(first, "home", 1, limit=4)

    async def changed() -> bool:
        answer = await recommended(second, "ann", placement="home")
        return (placement_of(answer)["version"], len(ids(answer))) == (2, 4)

    await until(changed)
    deleted = await first.delete("/v1/placements/home?base_version=2")
    assert deleted.status_code == 204

    async def gone() -> bool:
        return (await recommended(second, "ann", placement="home")).status_code == 422

    await until(gone)


async def test_what_was_decided_holds_while_postgresql_is_away_and_after_a_start(
    start: Start, seeds: Seeds, ann: int, gate: Gate
) -> None:
    client = await start()
    reader = {"X-API-Key": client.headers["X-API-Key"]}
    client.headers["X-API-Key"] = seeds.key("read", "admin", name="operator")
    await saved(client, "home", limit=3)
    await recommended(client, "ann", placement="home")
    gate.shut()
    fallen = await recommended(client, "ann", placement="home", use_cache=False)
    assert (placement_of(fallen)["version"], len(ids(fallen))) == (1, 3)
    late = await start()

    async def answers() -> bool:
        answer = await late.get(f"{PATH}?placement=home", headers=reader)
        return answer.status_code == 200 and placement_of(answer)["version"] == 1

    await until(answers)
    assert (await late.get(f"{PATH}?placement=other", headers=reader)).status_code == 422
    late.headers.update(client.headers)
    gate.open()

    async def saves() -> bool:
        body = {"definition": {"limit": 2}, "base_version": 1}
        return (await late.put("/v1/placements/home", json=body)).status_code == 200

    await until(saves)
