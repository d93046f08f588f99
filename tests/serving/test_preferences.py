"""/v1/users/{user_id}/preferences: stored, listed and taken back, by whom it may be."""

from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import Engine, insert, text

from tests import tables
from tests.removals import rows_of_user
from tests.serving.conftest import Seeds, faults, ids, recommended, token_of
from tests.serving.preferring import ann, prefer, preferences, take_back

__all__ = ["ann"]

PATH = "/v1/users/ann/preferences"


async def test_preferences_are_listed_as_they_were_stored_the_newest_first(
    client: httpx.AsyncClient, ann: int
) -> None:
    assert await preferences(client) == []
    things: list[dict[str, Any]] = [
        {"item_id": "film-3"},
        {"category": "war"},
        {"attribute": "tags", "value": "film"},
        {"attribute": "made", "value": 1},
        {"attribute": "short", "value": False},
    ]
    stored = [await prefer(client, "more", **thing) for thing in things]
    assert await preferences(client) == stored[::-1]
    for answer, thing in zip(stored, things, strict=True):
        assert {name: answer[name] for name in thing} == thing
        assert answer["direction"] == "more"
    assert len({answer["preference_id"] for answer in stored}) == len(things)


@pytest.mark.parametrize(
    "value", ["", " ", "o'neil \\ 'x':*", "Ærø & | !", "x" * 200, 0, -1.5, 1e300, True], ids=repr
)
async def test_whatever_an_attribute_holds_can_be_preferred(
    client: httpx.AsyncClient, seeds: Seeds, ann: int, value: Any
) -> None:
    body = {"title": "Odd", "attributes": {"it's \\ :odd": ["other", value]}}
    assert (await client.put("/v1/items/film-29", json=body)).status_code == 200
    vector = {"item_no": seeds.film_nos[29], "embedding": np.array((0.1, 0.1, 0, 0), np.float32)}
    run = {"run_id": 1, "taste_scale": 1.0, "confidence_scale": 1.0}
    seeds.write(insert(tables.item_embeddings).values(**run, **vector))
    assert "film-29" not in ids(await recommended(client, "ann", limit=15))
    await prefer(client, "more", attribute="it's \\ :odd", value=value)
    assert "film-29" in ids(await recommended(client, "ann", limit=15))


async def test_the_same_again_changes_nothing_and_the_other_direction_replaces_it(
    client: httpx.AsyncClient, ann: int
) -> None:
    first = await prefer(client, "more", attribute="made", value=1)
    assert await prefer(client, "more", attribute="made", value=1) == first
    assert await prefer(client, "more", attribute="made", value=1.0) == first
    other = await prefer(client, "less", attribute="made", value=1)
    assert other["preference_id"] == first["preference_id"]
    assert other["created_at"] > first["created_at"]
    assert await preferences(client) == [other]
    assert await take_back(client, other["preference_id"]) == 1
    assert await take_back(client, other["preference_id"]) == 0
    assert await preferences(client) == []


async def test_all_are_taken_back_at_once_and_those_of_others_stay(
    client: httpx.AsyncClient, ann: int
) -> None:
    before = (await recommended(client, "ann", limit=9)).json()["items"]
    for category in ("war", "crime"):
        await prefer(client, "less", category=category)
        await prefer(client, "less", "bob", category=category)
    answer = await client.delete(PATH)
    assert answer.json() == {"user_id": "ann", "deleted": 2}
    assert (await recommended(client, "ann", limit=9)).json()["items"] == before
    assert len(await preferences(client, "bob")) == 2
    assert (await client.delete("/v1/users/nobody/preferences")).json()["deleted"] == 0


@pytest.mark.parametrize(
    ("body", "pointer", "reason"),
    [
        ({"direction": "more", "item_id": "no-film"}, "/item_id", "There is no item 'no-film'"),
        ({"direction": "more", "category": "War"}, "/category", "GET /v1/categories"),
        ({"direction": "more", "attribute": "made", "value": "1"}, "/value", "has '1' as made"),
        ({"direction": "more", "attribute": "short", "value": 1}, "/value", "has 1 as short"),
        ({"direction": "more"}, "", "give one of item_id, category, and attribute"),
        ({"direction": "more", "item_id": "film-1", "category": "war"}, "", "give one of"),
        ({"direction": "more", "attribute": "made"}, "", "attribute and value go together"),
        ({"direction": "more", "category": "war", "value": 1}, "", "go together"),
        ({"direction": "none", "category": "war"}, "/direction", "'more' or 'less'"),
        ({"direction": "more", "category": "war", "weight": 2}, "/weight", "not permitted"),
    ],
)
async def test_what_means_nothing_is_refused_with_what_to_do(
    client: httpx.AsyncClient, ann: int, body: dict[str, Any], pointer: str, reason: str
) -> None:
    answer = await client.put(PATH, json=body)
    assert answer.status_code == 422, answer.text
    assert reason.lower() in (faults(answer).get(pointer) or answer.json()["detail"]).lower()
    assert await preferences(client) == []


async def test_a_user_has_no_more_than_a_hundred_and_can_change_those(
    client: httpx.AsyncClient, engine: Engine, ann: int
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into preferences (user_no, preference_id, category, direction)"
                " select :ann, 'p' || n, 'c' || n, 'more' from generate_series(1, 99) as n"
            ),
            {"ann": ann},
        )
    await prefer(client, "more", category="war")
    await prefer(client, "less", category="war")
    refused = await client.put(PATH, json={"direction": "more", "category": "crime"})
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:tandem:problem:too-many-preferences"
    assert "Take others back first" in refused.json()["detail"]
    assert await take_back(client, "p7") == 1
    await prefer(client, "more", category="crime")
    # So many are applied as well.
    assert (await recommended(client, "ann", limit=9)).json()["preferences"] == 100


async def test_nothing_of_it_is_in_the_log_and_the_live_vector_stays(
    client: httpx.AsyncClient, engine: Engine, ann: int
) -> None:
    def log() -> Any:
        with engine.connect() as connection:
            of_log = text("select count(*) from user_changes")
            vector = text("select cast(embedding as text), position from user_embeddings")
            return connection.execute(of_log).scalar_one(), connection.execute(vector).one()

    before = log()
    stored = await prefer(client, "more", category="war")
    await take_back(client, stored["preference_id"])
    assert log() == before
    assert (await client.get("/v1/users/ann/history")).json()["events"] == []


async def test_a_token_reads_and_writes_its_own_users_and_nobody_elses(
    with_tokens: httpx.AsyncClient, ann: int
) -> None:
    headers = await token_of(with_tokens, "ann")
    body = {"direction": "less", "category": "war"}
    mine = await with_tokens.put("/v1/users/me/preferences", json=body, headers=headers)
    assert mine.status_code == 200, mine.text
    assert await preferences(with_tokens) == [mine.json()]
    listed = await with_tokens.get("/v1/users/me/preferences", headers=headers)
    assert listed.json() == {"user_id": "ann", "preferences": [mine.json()]}
    others = "/v1/users/bob/preferences"
    preference_id = mine.json()["preference_id"]
    for answer in (
        await with_tokens.get(others, headers=headers),
        await with_tokens.put(others, json=body, headers=headers),
        await with_tokens.delete(others, headers=headers),
        await with_tokens.delete(f"{others}/{preference_id}", headers=headers),
    ):
        assert answer.status_code == 403
    own = f"/v1/users/me/preferences/{preference_id}"
    assert (await with_tokens.delete(own, headers=headers)).json()["deleted"] == 1


async def test_a_forgotten_user_leaves_none(
    client: httpx.AsyncClient, engine: Engine, ann: int
) -> None:
    await prefer(client, "less", category="war")
    await prefer(client, "more", item_id="film-3")
    removed = (await client.delete("/v1/users/ann")).json()["removed"]
    assert removed["preferences"] == 2
    with engine.connect() as connection:
        assert rows_of_user(connection, ann) == {"forgotten_users": 1}
    assert await preferences(client) == []


async def test_a_merged_visitors_preferences_become_the_users_whose_own_stand(
    client: httpx.AsyncClient, ann: int
) -> None:
    own = await prefer(client, "less", category="war")
    await prefer(client, "more", "visitor", category="war")
    theirs = await prefer(client, "less", "visitor", item_id="film-3")
    before = ids(await recommended(client, "ann", limit=9))
    merged = await client.post("/v1/users/ann/merge", json={"from": "visitor"})
    assert merged.status_code == 200, merged.text
    assert await preferences(client) == [theirs, own]
    assert ids(await recommended(client, "ann", limit=9)) != before
    refused = await client.put(
        "/v1/users/visitor/preferences", json={"direction": "more", "category": "war"}
    )
    assert (refused.status_code, await preferences(client, "visitor")) == (409, [])


async def test_an_id_with_slashes_has_preferences_and_is_not_forgotten_by_taking_one_back(
    client: httpx.AsyncClient, ann: int
) -> None:
    user = "a%2Fpreferences%2Fb"
    stored = await prefer(client, "more", user, category="war")
    assert await preferences(client, user) == [stored]
    assert await take_back(client, stored["preference_id"], user) == 1
    assert (await client.get(f"/v1/users/{user}")).status_code == 200
    # As it was sent, the end of the path names a preference and not a user.
    await prefer(client, "more", category="war")
    assert (await client.delete("/v1/users/ann/preferences/b")).json()["deleted"] == 0
    assert len(await preferences(client)) == 1
