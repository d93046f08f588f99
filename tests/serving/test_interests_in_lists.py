"""What users say of themselves makes a list of their own before the first event."""

import httpx
import pytest
import redis
from sqlalchemy import Engine, text

from domain.redis_keys import WAKE_CHANNEL, user_entry
from tests.passes import fold_all
from tests.removals import rows_of_user
from tests.serving.conftest import event, faults, ids, recommended, send
from tests.serving.declared import NOIR, ROBOTS, films, publish_robots_and_noir, put


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> int:
    return publish_robots_and_noir(engine, film_nos)


@pytest.mark.usefixtures("run_id")
async def test_a_newcomer_gets_what_fits_and_not_what_is_popular(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    popular = films(await recommended(client, "ann", limit=5))
    await put(client, interests={"words": ["robots"]})
    fold_all(engine)
    answer = await recommended(client, "ann", limit=5)
    assert (answer.json()["strategy"], answer.json()["policy"]["events_since_cut_off"]) == (
        "speed",
        0,
    )
    assert films(answer) < set(ROBOTS)
    assert films(answer) != popular
    await put(client, "bob", interests={"words": ["noir"]})
    fold_all(engine)
    assert films(await recommended(client, "bob", limit=5)) < set(NOIR)


@pytest.mark.usefixtures("run_id")
async def test_opposite_events_move_the_list_away_from_the_interests(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    await put(client, interests={"words": ["robots"]})
    fold_all(engine)
    assert films(await recommended(client, "ann", limit=5)) < set(ROBOTS)
    await send(client, *(event("ann", film, "like") for film in range(20, 26)))
    fold_all(engine)
    assert films(await recommended(client, "ann", limit=5)) < set(NOIR)


@pytest.mark.usefixtures("run_id")
async def test_named_items_are_not_recommended_at_once_and_from_the_cache_either(
    client: httpx.AsyncClient,
) -> None:
    assert 13 in films(await recommended(client, "ann", limit=30))
    await send(client, event("ann", 0, "click"))
    assert 13 in films(await recommended(client, "ann", limit=30))
    await put(client, interests={"items": ["film-13", "film-14"]})
    answer = await recommended(client, "ann", limit=30)
    assert films(answer).isdisjoint({13, 14})
    assert len(films(answer)) >= 27
    assert 13 in films(await recommended(client, "ann", limit=30, exclude_seen=False))


@pytest.mark.usefixtures("run_id")
async def test_declaring_drops_the_cached_answers_and_wakes_the_speed_worker(
    client: httpx.AsyncClient, redis_url: str, wakes: redis.client.PubSub, engine: Engine
) -> None:
    await send(client, event("ann", 0, "click"))
    assert wakes.get_message(timeout=5)
    await recommended(client, "ann")
    with engine.connect() as connection:
        user_no = connection.execute(text("select user_no from users")).scalar_one()
    with redis.Redis.from_url(redis_url) as own:
        assert own.hlen(user_entry(user_no)) == 1
        await put(client, interests={"words": ["robots"]})
        assert own.hlen(user_entry(user_no)) == 0
    message = wakes.get_message(timeout=5)
    assert message is not None
    assert message["channel"].decode() == WAKE_CHANNEL


@pytest.mark.usefixtures("run_id")
async def test_a_forgotten_user_has_said_nothing(client: httpx.AsyncClient, engine: Engine) -> None:
    await put(client, interests={"words": ["robots"], "items": ["film-13"]})
    fold_all(engine)
    with engine.connect() as connection:
        user_no = connection.execute(text("select user_no from users")).scalar_one()
    removed = (await client.delete("/v1/users/ann")).json()["removed"]
    assert (removed["users"], removed["interests"], removed["user_embeddings"]) == (1, 1, 1)
    with engine.connect() as connection:
        assert rows_of_user(connection, user_no) == {"forgotten_users": 1}
    assert (await client.get("/v1/users/ann")).status_code == 404
    answer = await recommended(client, "ann", limit=30)
    assert answer.json()["strategy"] == "popular"
    assert 13 in films(answer)


@pytest.mark.usefixtures("run_id")
async def test_interests_in_the_request_make_the_list_of_somebody_unknown(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    answer = await recommended(client, "stranger", interest=["robots", "unheard of"], limit=5)
    assert answer.json()["strategy"] == "speed"
    assert films(answer) < set(ROBOTS)
    both = await recommended(client, "stranger", interest="noir", interest_item="film-20", limit=30)
    assert films(both) >= set(NOIR) - {20}
    assert 20 not in films(both)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from users")).scalar_one() == 0


@pytest.mark.usefixtures("run_id")
async def test_what_is_said_in_a_request_counts_as_if_it_were_declared(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    await send(client, event("ann", 3), event("ann", 20))
    await send(client, event("bob", 3), event("bob", 20))
    await put(client, interests={"words": ["robots"], "items": ["film-5"]})
    fold_all(engine)
    declared = await recommended(client, "ann", limit=10)
    asked = await recommended(client, "bob", interest="robots", interest_item="film-5", limit=10)
    assert ids(asked) == ids(declared)
    assert ids(asked)[0] == "film-29", "it comes next after the film"
    scores = [
        [item["scores"]["speed"] for item in answer.json()["items"]] for answer in (asked, declared)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)


@pytest.mark.usefixtures("run_id")
async def test_lists_with_other_interests_are_cached_apart(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    await send(client, event("ann", 3, "click"))
    fold_all(engine)
    plain = await recommended(client, "ann", limit=5)
    noir = await recommended(client, "ann", interest="noir", limit=5)
    assert ids(noir) != ids(plain)
    again = await recommended(client, "ann", interest="noir", limit=5)
    assert (again.json()["source"], ids(again)) == ("cache", ids(noir))
    assert ids(await recommended(client, "ann", limit=5)) == ids(plain)


@pytest.mark.usefixtures("run_id")
async def test_words_the_run_does_not_know_leave_the_list_as_it_is(
    client: httpx.AsyncClient,
) -> None:
    answer = await recommended(client, "stranger", interest="submarines", limit=5)
    assert answer.json()["strategy"] == "popular"
    assert ids(answer) == ids(await recommended(client, "stranger", limit=5))


@pytest.mark.usefixtures("run_id")
async def test_an_unknown_item_in_a_request_is_named(client: httpx.AsyncClient) -> None:
    answer = await recommended(client, "ann", interest_item=["film-1", "no-film"])
    assert answer.status_code == 422
    assert list(faults(answer)) == ["query:interest_item.1"]


async def test_a_request_may_name_fifty_interests(client: httpx.AsyncClient) -> None:
    words = [f"word {no}" for no in range(51)]
    assert (await recommended(client, "ann", interest=words[:50])).status_code == 200
    assert (await recommended(client, "ann", interest=words)).status_code == 422


@pytest.mark.usefixtures("run_id")
async def test_an_explained_list_names_words_and_items_of_the_interests(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    await put(client, interests={"words": ["robots"], "items": ["film-2"]})
    fold_all(engine)
    listed = (await recommended(client, "ann", explain=True, limit=5)).json()["items"]
    for item in listed:
        causes = {cause["interest"]: cause["item_id"] for cause in item["because"]}
        assert causes == {"robots": None, None: "film-2"}
        assert 0 < sum(cause["share"] for cause in item["because"]) <= 1 + 1e-9
    again = await recommended(client, "ann", explain=True, limit=5)
    assert again.json()["source"] == "cache"
    assert again.json()["items"] == listed


@pytest.mark.usefixtures("run_id")
async def test_a_list_for_interests_in_the_request_is_explained_by_them(
    client: httpx.AsyncClient,
) -> None:
    answer = await recommended(client, "stranger", interest="noir", explain=True, limit=3)
    for item in answer.json()["items"]:
        assert [cause["interest"] for cause in item["because"]] == ["noir"]
