"""Who is near whom, what goes together, what surprises, and how near given pairs are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, text, update

from serving.relations.surprising import surprise_novelty
from tests import tables
from tests.serving.conftest import (
    Gate,
    Seeds,
    Start,
    event,
    faults,
    ids,
    recommended,
    send,
    token_of,
    until,
)

TASTES = {"ann": (1.0, 0.0), "bob": (2.0, 0.2), "cat": (0.0, 1.0), "dan": (0.1, 3.0), "eve": None}
"""Live vectors; lengths say nothing of taste."""


def publish(seeds: Seeds) -> int:
    """A run with five users, and films 0 to 9 from the first taste to the second."""
    films = seeds.film_nos
    users = {seeds.user(name): (taste, 0) for name, taste in TASTES.items()}
    run_id = seeds.run(users=users, vectors={films[n]: (1.0 - n / 9, n / 9) for n in range(10)})
    known = tables.item_embeddings
    for n in range(10):
        seeds.write(update(known).where(known.c.item_no == films[n]).values(users=100 - 10 * n))
    return run_id


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [user["user_id"] for user in answer.json()["users"]]


async def test_users_like_a_user_are_near_in_taste_however_much_they_did(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    run_id = publish(seeds)
    answer = await client.get("/v1/users/ann/similar")
    assert names(answer) == ["bob", "dan", "cat"]
    scores = [user["score"] for user in answer.json()["users"]]
    assert scores[0] == pytest.approx(2 / np.hypot(2, 0.2), rel=1e-5)
    assert answer.json()["run"]["id"] == run_id
    assert names(await client.get("/v1/users/ann/similar?limit=1")) == ["bob"]
    eve = await client.get("/v1/users/eve/similar")
    assert (names(eve), eve.json()["lacking"]) == ([], "user_vector")
    nobody = await client.get("/v1/users/nobody/similar")
    assert (nobody.status_code, "nobody" in nobody.json()["detail"]) == (404, True)


async def test_who_would_like_an_item_has_not_seen_it(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    publish(seeds)
    assert names(await client.get("/v1/items/film-0/users")) == ["ann", "bob", "dan", "cat"]
    await send(client, event("ann", 0), event("dan", 0, "dislike"), event("cat", 0, "click"))
    assert names(await client.get("/v1/items/film-0/users")) == ["bob", "cat"]
    everybody = await client.get("/v1/items/film-0/users?exclude_seen=false&limit=1")
    assert names(everybody) == ["ann"]
    new = await client.get("/v1/items/film-20/users")
    assert (names(new), new.json()["lacking"]) == ([], "item_vector")
    assert (await client.get("/v1/items/film-77/users")).status_code == 404


async def test_before_the_first_run_there_is_nobody_to_compare_with(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.user("ann")
    for path in ("/v1/users/ann/similar", "/v1/items/film-0/users"):
        answer = await client.get(path)
        assert (names(answer), answer.json()["lacking"]) == ([], "run")


def at(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(days=300, minutes=-minutes)).isoformat()


async def test_what_goes_together_is_counted_by_users_in_a_session_or_ever(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    publish(seeds)
    events: list[dict[str, Any]] = []
    for user in ("ann", "bob", "cat"):
        events += [event(user, 8, occurred_at=at(0)), event(user, 9, occurred_at=at(20))]
        events += [event(user, 1, occurred_at=at(3000))]
    events += [event("ann", 7, occurred_at=at(1))]
    await send(client, *events)
    asked = "/v1/items/film-8/together"
    strict = await client.get(asked, params={"mode": "strict", "within_minutes": 30})
    assert ids(strict) == ["film-9"]
    (item,) = strict.json()["items"]
    assert (item["users"], item["share"], strict.json()["strategy"]) == (3, 1.0, "strict")
    # c / (m + 10) * sqrt(N / n), with 20 and 10 users in the run.
    assert item["score"] == pytest.approx(3 / 13 * np.sqrt(20 / 10), rel=1e-5)
    # What all know anyway (film 1) says less; and what ann alone did stays with her.
    assert ids(await client.get(asked)) == ["film-9", "film-1"]
    assert ids(await client.get(asked, params={"mode": "strict", "within_minutes": 10})) == []
    assert ids(await client.get(asked, params={"user_id": "ann"})) == []
    seen_too = {"user_id": "ann", "exclude_seen": "false"}
    assert ids(await client.get(asked, params=seen_too)) == ["film-9", "film-1"]
    filtered = await client.get(asked, params={"filter": 'item_id = "film-1"'})
    assert ids(filtered) == ["film-1"]


async def test_kinds_say_what_together_means_and_new_events_count(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    publish(seeds)
    for user in ("ann", "bob"):
        await send(client, event(user, 8, "purchase"), event(user, 9), event(user, 7, "purchase"))
    asked = "/v1/items/film-8/together"
    assert ids(await client.get(asked, params={"kind": "purchase"})) == ["film-7"]
    assert sorted(ids(await client.get(asked))) == ["film-7", "film-9"]
    await send(client, event("ann", 6, "purchase"), event("bob", 6, "purchase"))
    both = await client.get(asked, params={"kind": ["purchase", "like"], "mode": "strict"})
    assert sorted(ids(both)) == ["film-6", "film-7"]
    unknown = await client.get(asked, params={"kind": "bought"})
    assert "purchase" in faults(unknown)["query:kind.0"]
    assert (await client.get("/v1/items/film-77/together")).status_code == 404


async def test_together_works_before_the_first_run(client: httpx.AsyncClient) -> None:
    await send(client, *(event(user, film) for user in ("ann", "bob") for film in (1, 2)))
    answer = await client.get("/v1/items/film-1/together")
    assert (ids(answer), answer.json()["run"]) == (["film-2"], None)


async def test_what_surprises_is_near_and_little_known_and_is_an_impression(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    publish(seeds)
    answer = await client.get("/v1/users/ann/surprising?limit=5")
    items = answer.json()["items"]
    assert answer.headers["cache-control"] == "private, no-cache"
    tag = {"If-None-Match": answer.headers["etag"]}
    assert (await client.get("/v1/users/ann/surprising?limit=5", headers=tag)).status_code == 304
    for item in items:
        assert item["score"] == pytest.approx(item["relevance"] * item["novelty"])
        assert item["novelty"] == pytest.approx(1 - np.log1p(item["users"]) / np.log1p(100))
    scores = [item["score"] for item in items]
    assert scores == sorted(scores, reverse=True)
    # The nearest of all is the best known one, and no surprise.
    assert ids(await recommended(client, "ann", limit=1)) == ["film-0"]
    assert "film-0" not in [item["item_id"] for item in items]
    await send(client, event("ann", int(items[0]["item_id"].removeprefix("film-"))))
    assert items[0]["item_id"] not in ids(await client.get("/v1/users/ann/surprising"))

    async def is_stored() -> bool:
        with seeds.engine.connect() as connection:
            stored = connection.execute(text("select recommendation_id::text from impressions"))
            return answer.json()["recommendation_id"] in stored.scalars().all()

    await until(is_stored)


async def test_known_items_that_surprise_are_those_least_like_the_user(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    publish(seeds)
    await send(client, *(event("ann", film) for film in (0, 3, 9)))
    answer = await client.get("/v1/users/ann/surprising", params={"known": "true", "limit": 2})
    assert (ids(answer), answer.json()["strategy"]) == (["film-9", "film-3"], "known")
    assert answer.json()["recommendation_id"] is None
    only_read = {"X-API-Key": seeds.key("read", name="reader")}
    refused = await client.get(
        "/v1/users/ann/surprising", params={"known": "true"}, headers=only_read
    )
    assert refused.status_code == 403
    allowed = await client.get("/v1/users/ann/surprising", headers=only_read)
    assert allowed.status_code == 200
    eve = await client.get("/v1/users/eve/surprising")
    assert (ids(eve), eve.json()["strategy"]) == ([], "no_vector")
    assert (await client.get("/v1/users/nobody/surprising")).status_code == 404


async def test_items_that_go_together_or_surprise_carry_the_fields_asked_for(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    publish(seeds)
    seeds.write(text("update items set categories = array[item_id]"))
    await send(client, *(event(user, film) for user in ("ann", "bob") for film in (8, 9)))
    for path in ("/v1/items/film-8/together", "/v1/users/cat/surprising"):
        plain = await client.get(path)
        assert ids(plain)
        assert "fields_unknown" not in plain.json()
        asked = await client.get(path, params={"fields": "categories"})
        assert asked.json()["fields_unknown"] == []
        for before, item in zip(plain.json()["items"], asked.json()["items"], strict=True):
            del before["title"]
            assert item == {**before, "categories": [before["item_id"]]}


async def test_given_pairs_are_scored_as_the_lists_score_them(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    run_id = publish(seeds)
    films = seeds.film_nos
    for n, vector in ((0, (0.6, 0.8)), (1, (1.0, 0.0))):
        row = {"run_id": run_id, "item_no": films[n], "similarity_embedding": np.array(vector)}
        seeds.write(insert(tables.item_similarity_embeddings).values(row))
    live = tables.user_embeddings
    ann = seeds.write(text("select user_no from users where user_id = 'ann'")).scalar_one()
    following = {"next_item_nos": [films[9]], "next_scores": [0.5]}
    seeds.write(update(live).where(live.c.user_no == ann).values(following))
    body = {
        "item_pairs": [["film-0", "film-1"], ["film-1", "film-77"]],
        "user_item_pairs": [["ann", "film-0"], ["ann", "film-9"], ["eve", "film-0"]],
        "user_pairs": [["ann", "bob"], ["nobody", "else"], ["nobody", "ann"]],
    }
    answer = await client.post("/v1/similarity", json=body)
    assert answer.status_code == 200, answer.text
    scored = answer.json()
    assert [pair["score"] for pair in scored["item_pairs"]] == [pytest.approx(0.6), None]
    assert [pair["lacking"] for pair in scored["item_pairs"]] == [None, "second"]
    assert [pair["score"] for pair in scored["user_item_pairs"]] == [1.0, 0.5, None]
    assert scored["user_item_pairs"][2]["lacking"] == "vector"
    similar = (await client.get("/v1/users/ann/similar")).json()["users"][0]
    assert scored["user_pairs"][0]["score"] == pytest.approx(similar["score"])
    assert [pair["lacking"] for pair in scored["user_pairs"]] == [None, "both", "first"]
    assert scored["run"]["id"] == run_id
    none = await client.post("/v1/similarity", json={"item_pairs": []})
    assert "1 to 1,000" in none.json()["detail"]
    many = [["film-0", "film-1"]] * 600
    too_many = await client.post(
        "/v1/similarity", json={"item_pairs": many, "user_item_pairs": many}
    )
    assert too_many.status_code == 422


async def test_pairs_with_users_need_the_scope_users_and_a_token_compares_no_others(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    publish(seeds)
    client = with_tokens
    only_read = {"X-API-Key": seeds.key("read", name="reader")}
    items = {"item_pairs": [["film-0", "film-1"]]}
    of_user, users = {"user_item_pairs": [["ann", "film-0"]]}, {"user_pairs": [["ann", "bob"]]}
    token = await token_of(client, "ann")
    own = {"user_item_pairs": [["me", "film-0"]]}
    other = {"user_item_pairs": [["bob", "film-0"]]}
    for body, headers, status in (
        (items, only_read, 200), (of_user, only_read, 403), (users, only_read, 403),
        (items, token, 200), (own, token, 200), (of_user, token, 200), (other, token, 403),
        (users, token, 403), (own, {}, 422), (users, {}, 200),
    ):  # fmt: skip
        answer = await client.post("/v1/similarity", json=body, headers=headers)
        assert answer.status_code == status, (body, answer.text)
    surprising = await client.get("/v1/users/me/surprising?known=true", headers=token)
    assert surprising.status_code == 200


async def test_active_users_are_those_with_most_events_in_the_window(
    client: httpx.AsyncClient,
) -> None:
    none = await client.get("/v1/active-users")
    assert (names(none), none.json()["is_complete"]) == ([], True)
    now = datetime.now(UTC)
    old = (now - timedelta(days=30)).isoformat()
    await send(
        client,
        *(event("ann", film, occurred_at=old) for film in range(5)),
        *(event("bob", film) for film in range(3)),
        *(event("ann", film) for film in range(2)),
    )
    answer = await client.get("/v1/active-users")
    assert names(answer) == ["bob", "ann"]
    assert [user["events"] for user in answer.json()["users"]] == [3, 2]
    assert answer.json()["is_complete"]
    assert names(await client.get("/v1/active-users?days=60&limit=1")) == ["ann"]


async def test_without_postgresql_each_says_so_in_a_503(
    start: Start, seeds: Seeds, gate: Gate
) -> None:
    publish(seeds)
    client = await start()
    gate.shut()
    for path in (
        "/v1/users/ann/similar", "/v1/items/film-0/users", "/v1/items/film-0/together",
        "/v1/users/ann/surprising", "/v1/active-users",
    ):  # fmt: skip
        answer = await client.get(path)
        assert (answer.status_code, "Try again" in answer.json()["detail"]) == (503, True), path
    pairs = {"item_pairs": [["film-0", "film-1"]]}
    assert (await client.post("/v1/similarity", json=pairs)).status_code == 503


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=50))
def test_novelty_falls_from_one_to_zero(counts: list[int]) -> None:
    users = np.sort(np.array(counts, dtype=np.float64))
    novelty = surprise_novelty(users, float(users[-1]))
    assert np.all(np.diff(novelty) <= 0)
    assert np.all((novelty >= 0) & (novelty <= 1))
    assert novelty[-1] == (1.0 if users[-1] == 0 else 0.0)
