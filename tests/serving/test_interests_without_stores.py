"""Items that a user named are not shown when a store is away or slow either."""

from dataclasses import replace

import httpx
import pytest
import redis
from sqlalchemy import Engine, text

from domain.errors import StoreUnavailableError
from domain.rankings import Ranking
from serving.candidates.live_vector_inputs import ProfileReader
from serving.candidates.user_state import UserState
from serving.lists.additions import AdditionApplier
from serving.lists.request import RecommendationRequest, RequestInterests
from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from serving.runtime.breaker import Breaker, BreakerRules
from tests.serving.conftest import Gate, Start, event, recommended, send, until
from tests.serving.declared import BETWEEN, films, publish_robots_and_noir, put


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> int:
    return publish_robots_and_noir(engine, film_nos)


@pytest.mark.usefixtures("run_id")
async def test_without_postgresql_there_is_the_fallback_without_what_was_named(
    start: Start, gate: Gate
) -> None:
    client = await start(request_budget_seconds=1.0, write_budget_seconds=1.0)
    await put(client, interests={"items": ["film-13"], "words": ["robots"]})
    gate.shut()
    known = await recommended(client, "ann", limit=10)
    assert known.json()["strategy"] == "fallback"
    assert 13 not in films(known)
    asked = await recommended(client, "bob", interest="robots", interest_item="film-14", limit=10)
    assert asked.json()["strategy"] == "fallback"
    assert 14 not in films(asked)
    assert (await client.get("/v1/users/ann")).status_code == 503
    assert (await put(client)).status_code == 503


@pytest.mark.usefixtures("run_id")
async def test_what_is_no_longer_named_is_shown_again_without_postgresql(
    start: Start, gate: Gate
) -> None:
    client, other = [await start(request_budget_seconds=1.0) for _ in range(2)]
    await put(client, interests={"items": ["film-13"]})
    await put(client, interests={"items": ["film-12"]})
    await recommended(other, "ann")
    gate.shut()
    for api in (client, other):

        async def right(api: httpx.AsyncClient = api) -> bool:
            shown = films(await recommended(api, "ann", limit=11))
            return 13 in shown and 12 not in shown

        await until(right)


@pytest.mark.usefixtures("run_id")
async def test_a_new_process_knows_what_was_named_lately_though_redis_has_lost_everything(
    start: Start, gate: Gate, redis_url: str
) -> None:
    await put(await start(), interests={"items": ["film-13"]})
    with redis.Redis.from_url(redis_url) as server:
        server.flushall()
    fresh = await start(request_budget_seconds=1.0)
    gate.shut()
    answer = await recommended(fresh, "ann", limit=10)
    assert answer.json()["strategy"] == "fallback"
    assert 13 not in films(answer)


@pytest.mark.usefixtures("run_id")
@pytest.mark.parametrize("table", ["items", "popular_items"])
async def test_a_list_that_could_not_be_finished_has_no_named_item_either(
    start: Start, engine: Engine, table: str
) -> None:
    client = await start(request_budget_seconds=2.0)
    await send(client, event("ann", 0, "click"))
    await recommended(client, "ann", limit=5)
    for film in BETWEEN:
        with engine.connect() as connection:
            connection.execute(text(f"lock table {table} in access exclusive mode"))
            answer = await recommended(client, "ann", limit=30, interest_item=f"film-{film}")
            connection.rollback()
        assert answer.json()["degraded"] is not None
        assert film not in films(answer)


async def test_where_named_items_cannot_be_looked_up_no_list_is_made_that_may_show_them(
    database_url: str, engine: Engine, film_nos: list[int]
) -> None:
    limits = StoreLimits(
        connections=1, write_connections=1, waiting=1, read_seconds=0.5, write_seconds=0.5
    )
    store = Store.at(database_url, limits, Breaker(BreakerRules()))
    additions, user = AdditionApplier(ProfileReader(store)), UserState(Ranking.empty(), None, 0, ())
    named = RecommendationRequest(5, interests=RequestInterests(item_ids=("film-3",)))
    found, _ = await additions.with_additions(None, None, user, named)
    assert found.excluded == (film_nos[3],)
    with engine.connect() as connection:
        connection.execute(text("lock table items in access exclusive mode"))
        with pytest.raises(StoreUnavailableError):
            await additions.with_additions(None, None, user, named)
        # Where they may be shown, a list made without them is better than none.
        shown = replace(named, exclude_seen=False)
        _, degraded = await additions.with_additions(None, None, user, shown)
    assert degraded is not None
    await store.close()
