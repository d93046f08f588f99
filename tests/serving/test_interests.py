"""What users say of themselves: kept, told back, and a list of their own before the first event."""

from typing import Any

import httpx
import pytest
import redis
from sqlalchemy import Engine, text

from domain.errors import StoreUnavailableError
from domain.rankings import Ranking
from domain.redis_keys import WAKE_CHANNEL, user_entry
from serving.breaker import Breaker, BreakerRules
from serving.repositories.grounds import GroundsOfLists
from serving.repositories.recommendations import UserState
from serving.repositories.store import Store, StoreLimits
from serving.services.lists.stating import AskedInterests, Stating
from speed.folding import Folder
from speed.settings import SpeedSettings
from tests.removals import rows_of_user
from tests.serving.conftest import Gate, Seeds, Start, event, faults, ids, recommended, send, until
from tests.small_run import publish_small_run
from tests.small_words import teach_words

TERMS = {"robot": (1.0, 0.0), "noir": (0.0, 1.0)}
ROBOTS, NOIR, BETWEEN = range(15), range(15, 30), range(12, 18)


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> int:
    """Films 0 to 14 are near robots, 15 to 29 near noir; those between are popular."""
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos, popular=[film_nos[n] for n in BETWEEN])
        teach_words(connection, run_id, TERMS)
    return run_id


def films(answer: httpx.Response) -> set[int]:
    return {int(item_id.removeprefix("film-")) for item_id in ids(answer)}


def fold(engine: Engine) -> None:
    folder = Folder(SpeedSettings())
    done: Any = True
    while done is not None:
        with engine.begin() as connection:
            done = folder.fold_new(connection)


async def put(client: httpx.AsyncClient, user: str = "ann", **said: Any) -> httpx.Response:
    return await client.put(f"/v1/users/{user}", json=said)


# ---------------------------------------------------------------- keeping


@pytest.mark.usefixtures("run_id")
async def test_what_is_said_of_a_user_is_told_back(client: httpx.AsyncClient) -> None:
    interests = {"words": ["robots", "  film   noir ", "submarines"], "items": ["film-3", "film-1"]}
    stored = await put(client, attributes={"country": "NL"}, interests=interests)
    assert stored.status_code == 201, stored.text
    told = await client.get("/v1/users/ann")
    assert told.status_code == 200
    assert told.json() == stored.json()
    assert told.json()["attributes"] == {"country": "NL"}
    assert told.json()["interests"] == {
        "words": [
            {"word": "robots", "known": True},
            {"word": "film noir", "known": True},
            {"word": "submarines", "known": False},
        ],
        "items": ["film-3", "film-1"],
    }


async def test_a_number_of_any_size_is_told_back(client: httpx.AsyncClient) -> None:
    await put(client, attributes={"a": 1e30})
    told = await client.get("/v1/users/ann")
    assert told.status_code == 200
    assert float(told.json()["attributes"]["a"]) == pytest.approx(1e30)


async def test_before_the_first_run_words_are_kept_and_unknown(client: httpx.AsyncClient) -> None:
    stored = await put(client, interests={"words": ["robots"]})
    assert stored.json()["interests"]["words"] == [{"word": "robots", "known": False}]
    assert ids(await recommended(client, "ann", limit=5))


@pytest.mark.usefixtures("run_id")
async def test_the_same_said_twice_is_harmless(client: httpx.AsyncClient, engine: Engine) -> None:
    first = await put(client, interests={"words": ["robots"], "items": ["film-3"]})
    fold(engine)
    second = await put(client, interests={"words": ["robots"], "items": ["film-3"]})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from user_interests")).scalar_one() == 1


@pytest.mark.usefixtures("run_id")
async def test_what_is_left_out_is_taken_back(client: httpx.AsyncClient) -> None:
    await put(client, attributes={"a": 1}, interests={"words": ["robots"], "items": ["film-3"]})
    assert 3 not in films(await recommended(client, "ann", limit=30))
    assert (await put(client)).status_code == 200
    told = (await client.get("/v1/users/ann")).json()
    assert (told["attributes"], told["interests"]) == ({}, {"words": [], "items": []})
    assert 3 in films(await recommended(client, "ann", limit=30))


async def test_a_user_nobody_knows_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/users/nobody")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:tandem:problem:unknown-user"


async def test_a_user_known_by_events_is_found(client: httpx.AsyncClient) -> None:
    await send(client, event("ann", 1))
    told = (await client.get("/v1/users/ann")).json()
    assert told["interests"] == {"words": [], "items": []}
    assert told["stated_at"] is None


async def test_unknown_items_are_named_and_nothing_is_stored(client: httpx.AsyncClient) -> None:
    answer = await put(client, interests={"items": ["film-1", "no-film"], "words": ["robots"]})
    assert answer.status_code == 422
    assert list(faults(answer)) == ["/interests/items/1"]
    assert "'no-film'" in faults(answer)["/interests/items/1"]
    assert (await client.get("/v1/users/ann")).status_code == 404


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"interests": {"words": ["x"] * 51}}, "/interests/words"),
        ({"interests": {"words": ["x" * 201]}}, "/interests/words/0"),
        ({"interests": {"words": ["   "]}}, "/interests/words/0"),
        ({"interests": {"words": ["a\u0000b"]}}, "/interests/words/0"),
        ({"interests": {"words": "robots"}}, "/interests/words"),
        ({"interests": {"items": ["film-1"] * 51}}, "/interests/items"),
        ({"interests": {"genres": []}}, "/interests/genres"),
        ({"attributes": [1]}, "/attributes"),
        ({"interest": ["robots"]}, "/interest"),
    ],
)
async def test_bad_input_says_where(
    client: httpx.AsyncClient, said: dict[str, Any], where: str
) -> None:
    answer = await put(client, **said)
    assert answer.status_code == 422, answer.text
    assert where in faults(answer)


async def test_stating_needs_the_scope_write_and_asking_the_scope_read(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    read = {"X-API-Key": seeds.key("read", name="reader")}
    write = {"X-API-Key": seeds.key("write", name="writer")}
    assert (await client.put("/v1/users/ann", json={}, headers=read)).status_code == 403
    assert (await client.put("/v1/users/ann", json={}, headers=write)).status_code == 201
    assert (await client.get("/v1/users/ann", headers=write)).status_code == 403
    assert (await client.get("/v1/users/ann", headers=read)).status_code == 200


async def test_a_user_id_may_hold_slashes(client: httpx.AsyncClient) -> None:
    assert (await put(client, "a/b%2Fc")).status_code == 201
    assert (await client.get("/v1/users/a/b%2Fc")).json()["user_id"] == "a/b/c"


# ---------------------------------------------------------------- lists


@pytest.mark.usefixtures("run_id")
async def test_a_newcomer_gets_what_fits_and_not_what_is_popular(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    popular = films(await recommended(client, "ann", limit=5))
    await put(client, interests={"words": ["robots"]})
    fold(engine)
    answer = await recommended(client, "ann", limit=5)
    assert (answer.json()["level"], answer.json()["policy"]["events_since_cut_off"]) == ("speed", 0)
    assert films(answer) < set(ROBOTS)
    assert films(answer) != popular
    await put(client, "bob", interests={"words": ["noir"]})
    fold(engine)
    assert films(await recommended(client, "bob", limit=5)) < set(NOIR)


@pytest.mark.usefixtures("run_id")
async def test_opposite_events_move_the_list_away_from_the_interests(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    await put(client, interests={"words": ["robots"]})
    fold(engine)
    assert films(await recommended(client, "ann", limit=5)) < set(ROBOTS)
    await send(client, *(event("ann", film, "like") for film in range(20, 26)))
    fold(engine)
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
async def test_stating_drops_the_cached_answers_and_wakes_the_speed_worker(
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
    fold(engine)
    with engine.connect() as connection:
        user_no = connection.execute(text("select user_no from users")).scalar_one()
    removed = (await client.delete("/v1/users/ann")).json()["removed"]
    assert (removed["users"], removed["interests"], removed["user_embeddings"]) == (1, 1, 1)
    with engine.connect() as connection:
        assert rows_of_user(connection, user_no) == {"forgotten_users": 1}
    assert (await client.get("/v1/users/ann")).status_code == 404
    answer = await recommended(client, "ann", limit=30)
    assert answer.json()["level"] == "popular"
    assert 13 in films(answer)


# ---------------------------------------------------------------- in the request


@pytest.mark.usefixtures("run_id")
async def test_interests_in_the_request_make_the_list_of_somebody_unknown(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    answer = await recommended(client, "stranger", interest=["robots", "unheard of"], limit=5)
    assert answer.json()["level"] == "speed"
    assert films(answer) < set(ROBOTS)
    both = await recommended(client, "stranger", interest="noir", interest_item="film-20", limit=30)
    assert films(both) >= set(NOIR) - {20}
    assert 20 not in films(both)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from users")).scalar_one() == 0


@pytest.mark.usefixtures("run_id")
async def test_what_is_said_in_a_request_counts_as_if_it_were_stated(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    await send(client, event("ann", 3), event("ann", 20))
    await send(client, event("bob", 3), event("bob", 20))
    await put(client, interests={"words": ["robots"], "items": ["film-5"]})
    fold(engine)
    stated = await recommended(client, "ann", limit=10)
    asked = await recommended(client, "bob", interest="robots", interest_item="film-5", limit=10)
    assert ids(asked) == ids(stated)
    scores = [[item["speed_score"] for item in one.json()["items"]] for one in (asked, stated)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)


@pytest.mark.usefixtures("run_id")
async def test_lists_with_other_interests_are_cached_apart(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    await send(client, event("ann", 3, "click"))
    fold(engine)
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
    assert answer.json()["level"] == "popular"
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


# ---------------------------------------------------------------- explained


@pytest.mark.usefixtures("run_id")
async def test_an_explained_list_names_words_and_items_of_the_interests(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    await put(client, interests={"words": ["robots"], "items": ["film-2"]})
    fold(engine)
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


# ---------------------------------------------------------------- when a store is away


@pytest.mark.usefixtures("run_id")
async def test_without_postgresql_there_is_the_held_list_without_what_was_named(
    start: Start, gate: Gate
) -> None:
    client = await start(request_budget_seconds=1.0, write_budget_seconds=1.0)
    await put(client, interests={"items": ["film-13"], "words": ["robots"]})
    gate.shut()
    known = await recommended(client, "ann", limit=10)
    assert known.json()["level"] == "held"
    assert 13 not in films(known)
    asked = await recommended(client, "bob", interest="robots", interest_item="film-14", limit=10)
    assert asked.json()["level"] == "held"
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
    for one in (client, other):

        async def right(one: httpx.AsyncClient = one) -> bool:
            shown = films(await recommended(one, "ann", limit=11))
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
    assert answer.json()["level"] == "held"
    assert 13 not in films(answer)


# ---------------------------------------------------------------- while something else happens


@pytest.mark.usefixtures("run_id")
async def test_stating_succeeds_though_the_user_is_forgotten_right_after(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    # Whoever is made is forgotten before anything else can read them.
    with engine.begin() as connection:
        connection.execute(
            text(
                "create function forget_at_once() returns trigger language plpgsql as $$"
                " begin delete from users where user_no = new.user_no; return null; end $$"
            )
        )
        connection.execute(
            text(
                "create constraint trigger forget_at_once after insert on users"
                " deferrable initially deferred for each row execute function forget_at_once()"
            )
        )
    interests = {"words": ["robots", "submarines"], "items": ["film-3"]}
    stored = await put(client, attributes={"country": "NL"}, interests=interests)
    assert stored.status_code == 201, stored.text
    assert (await client.get("/v1/users/ann")).status_code == 404
    told = stored.json()
    assert told["attributes"] == {"country": "NL"}
    assert told["interests"]["items"] == ["film-3"]
    assert [word["known"] for word in told["interests"]["words"]] == [True, False]
    assert told["stated_at"] == told["created_at"]


@pytest.mark.usefixtures("run_id")
async def test_what_stating_answers_is_what_asking_answers(client: httpx.AsyncClient) -> None:
    for said in ({}, {"words": ["noir"]}, {"words": ["noir"]}, {"items": ["film-3"]}, {}):
        stored = await put(client, interests=said)
        assert stored.json() == (await client.get("/v1/users/ann")).json()


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


async def test_where_named_items_cannot_be_told_no_list_is_made_that_may_show_them(
    database_url: str, engine: Engine, film_nos: list[int]
) -> None:
    limits = StoreLimits(
        connections=1, write_connections=1, waiting=1, read_seconds=0.5, write_seconds=0.5
    )
    store = Store.at(database_url, limits, Breaker(BreakerRules()))
    stating, user = Stating(GroundsOfLists(store)), UserState(Ranking.empty(), None, 0, ())
    named = AskedInterests(item_ids=("film-3",))
    found, _ = await stating.heard(None, None, user, named, exclude_seen=True)
    assert found.excluded == (film_nos[3],)
    with engine.connect() as connection:
        connection.execute(text("lock table items in access exclusive mode"))
        with pytest.raises(StoreUnavailableError):
            await stating.heard(None, None, user, named, exclude_seen=True)
        # Where they may be shown, a list without them heard is better than none.
        _, degraded = await stating.heard(None, None, user, named, exclude_seen=False)
    assert degraded is not None
    await store.close()
