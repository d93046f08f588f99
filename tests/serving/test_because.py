"""An explained list names the user's own items behind each recommendation."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, update

from domain.identifiers import RunId, UserNo
from serving.lists.explaining import because
from sql.live_vectors import load_item_vectors, load_live_space, load_transitions
from sql.log import event_horizon
from tests import tables
from tests.events import user_no_of
from tests.histories import load_histories
from tests.passes import store_live_vector
from tests.serving.conftest import Seeds, event, recommended, send
from tests.small_run import publish_small_run
from tests.small_transitions import transitions_of


@pytest.fixture
async def ann(client: httpx.AsyncClient, engine: Engine, film_nos: list[int]) -> UserNo:
    """A user of films 0, 1, 20 and 21 who dislikes film 25, with a live vector in a run.

    Film 5 comes next after film 1.
    """
    await send(client, *(event("ann", film) for film in (0, 1, 20, 21)))
    await send(client, event("ann", 25, "dislike"))
    with engine.begin() as connection:
        user_no = user_no_of(connection, "ann")
        run_id = publish_small_run(
            connection,
            film_nos,
            lists={user_no: [(film_nos[5], 2.0), (film_nos[28], 1.0)]},
            transitions=transitions_of({film_nos[1]: [(film_nos[5], 0.1)]}),
        )
        store_live_vector(connection, run_id, user_no)
    return user_no


async def explained(client: httpx.AsyncClient, **query: Any) -> dict[str, list[dict[str, Any]]]:
    answer = await recommended(client, "ann", explain=True, **query)
    assert answer.status_code == 200, answer.text
    return {item["item_id"]: item["because"] for item in answer.json()["items"]}


@pytest.mark.usefixtures("ann")
async def test_each_item_comes_with_up_to_three_own_items_the_largest_share_first(
    client: httpx.AsyncClient,
) -> None:
    causes_by_item = await explained(client, limit=10)
    assert len(causes_by_item) == 10
    for causes in causes_by_item.values():
        shares = [cause["share"] for cause in causes]
        assert 1 <= len(causes) <= 3
        assert shares == sorted(shares, reverse=True)
        assert all(0 < share <= 1 for share in shares)
        assert sum(shares) <= 1 + 1e-9
        own = {cause["item_id"]: cause["title"] for cause in causes}
        assert own.items() <= {(f"film-{n}", f"Film {n}") for n in (0, 1, 20, 21)}


async def test_the_shares_are_those_of_the_contributions(
    client: httpx.AsyncClient, engine: Engine, ann: UserNo, film_nos: list[int]
) -> None:
    causes_by_item = await explained(client, limit=10)
    with engine.connect() as connection:
        run = load_live_space(connection, RunId(1))
        items = load_item_vectors(connection, RunId(1), film_nos)  # type: ignore[arg-type]
        horizon = event_horizon(connection)
        history = load_histories(connection, [ann], horizon=horizon, events=100)[ann]
        transitions = load_transitions(connection, run, items, [history])
    contributions = because(run.space, items, transitions, history, items.item_nos)
    assert contributions.transitions.sum() > 0.0
    shares = contributions.shares()
    for item_id, causes in causes_by_item.items():
        row = film_nos.index(film_nos[int(item_id.removeprefix("film-"))])
        expected = {
            f"film-{film_nos.index(int(no))}": share
            for no, share in zip(contributions.item_nos, shares[row], strict=True)
        }
        assert {cause["item_id"]: cause["share"] for cause in causes} == pytest.approx(
            dict(sorted(expected.items(), key=lambda pair: -pair[1])[: len(causes)])
        )


@pytest.mark.usefixtures("ann")
async def test_films_of_a_kind_are_brought_by_films_of_that_kind(client: httpx.AsyncClient) -> None:
    causes_by_item = await explained(client, limit=20)
    assert causes_by_item["film-2"][0]["item_id"] in {"film-0", "film-1"}
    assert causes_by_item["film-28"][0]["item_id"] in {"film-20", "film-21"}
    assert causes_by_item["film-5"][0]["item_id"] == "film-1"


@pytest.mark.usefixtures("ann")
async def test_the_reasons_are_reported_only_when_asked_for_and_cached_apart(
    client: httpx.AsyncClient,
) -> None:
    for _ in range(2):
        plain = (await recommended(client, "ann", limit=5)).json()
        explained = (await recommended(client, "ann", limit=5, explain=True)).json()
        assert all("because" not in item for item in plain["items"])
        assert all(item["because"] for item in explained["items"])
    assert plain["source"] == explained["source"] == "cache"
    more = ("because", "sources", "blend_rank", "preferences", "rules")
    without = [{k: v for k, v in i.items() if k not in more} for i in explained["items"]]
    assert without == plain["items"]


@pytest.mark.usefixtures("ann")
async def test_a_key_that_may_not_read_users_gets_scores_and_no_causes_from_the_cache_either(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    reader = {"X-API-Key": seeds.key("read", "write", "admin", name="reader")}
    path = "/v1/users/ann/recommendations?limit=5&explain=true"
    for _ in range(2):
        explained = (await client.get(path)).json()
        withheld = (await client.get(path, headers=reader)).json()
        assert all(item["because"] for item in explained["items"])
        assert [item["because"] for item in withheld["items"]] == [None] * 5
        assert explained["because_withheld"] is None
        assert "scope users" in withheld["because_withheld"]
        scores = [[item["score"] for item in answer["items"]] for answer in (explained, withheld)]
        assert scores[0] == scores[1]
    assert explained["source"] == withheld["source"] == "cache"


@pytest.mark.usefixtures("ann")
async def test_what_the_live_vector_does_not_know_yet_is_no_reason(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    before = await explained(client, limit=5)
    await send(client, event("ann", 9, "purchase"))
    assert await explained(client, limit=5) == before
    with engine.begin() as connection:
        store_live_vector(connection, RunId(1), user_no_of(connection, "ann"))
    await client.post("/v1/events", json={"events": [event("ann", 26, "hide")]})
    after = await explained(client, limit=5)
    assert "film-9" in {cause["item_id"] for causes in after.values() for cause in causes}


async def test_nothing_is_reported_without_a_live_vector(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    f = seeds.film_nos
    bob = seeds.user("bob")
    seeds.run(batch={bob: [(f[0], 3.0)]}, users={bob: (None, 0)}, popular={"": [(f[2], 1.0)]})
    for user in ("bob", "stranger"):
        answer = await recommended(client, user, limit=2, explain=True)
        assert [item["because"] for item in answer.json()["items"]] == [[], []]


@pytest.mark.usefixtures("ann")
async def test_an_item_without_a_vector_has_no_reasons(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    await client.put("/v1/items/new", json={"title": "New"})
    causes_by_item = await explained(client, limit=40)
    assert causes_by_item["new"] == []
    assert causes_by_item["film-2"]


async def test_a_reranked_list_is_explained_as_it_is_given(
    client: httpx.AsyncClient, seeds: Seeds, ann: UserNo, film_nos: list[int]
) -> None:
    vectors = tables.item_embeddings
    well_known = vectors.c.item_no.in_(film_nos[:24])
    seeds.write(update(vectors).where(well_known).values(users=9))
    query = {"limit": 10, "explore": 0.5, "diversity": 0.5, "max_per_category": 9}
    answer = await recommended(client, "ann", explain=True, **query)
    items = answer.json()["items"]
    assert len(items) == 10
    assert any(item["explored"] for item in items)
    assert all(item["because"] for item in items)
