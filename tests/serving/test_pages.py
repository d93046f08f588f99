"""POST /v1/pages: rows of one run, and no item in two of them."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from tests import tables
from tests.serving.conftest import Gate, Seeds, event, faults, send, token_of, until
from tests.statements import noticed

KINDS = ("for_you", "because_of", "trending", "new_for_you", "continue", "popular")


def row(kind: str, title_id: str | None = None, **more: Any) -> dict[str, Any]:
    return {"row": kind, "title_id": title_id or kind, **more}


async def page(client: httpx.AsyncClient, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/pages", json={"user_id": "ann", "rows": [*rows], **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def films(row: dict[str, Any]) -> list[int]:
    return [int(item["item_id"].removeprefix("film-")) for item in row["items"]]


def publish(seeds: Seeds) -> int:
    """Thirty films around a circle, every third of the category war; what trends are 20 to 25."""
    f = seeds.film_nos
    angles = np.linspace(0.0, np.pi / 2, 30)
    seeds.write(text("update items set categories = array['war'] where item_no % 3 = 1"))
    with seeds.engine.connect() as connection:
        numbers = connection.execute(text("select user_id, user_no from users")).all()
    users = {row.user_no: ((1.0, 0.2, 0.0, 0.0), 1) for row in numbers}
    run_id = seeds.run(
        batch={no: [(f[n], 9.0 - n) for n in range(6)] for no in users},
        vectors={f[n]: (np.cos(a), np.sin(a), 0.0, 0.0) for n, a in enumerate(angles)},
        users=users,
        popular={"": [(f[n], 30.0 - n) for n in range(10, 20)]},
        live=False,
    )
    similarity = [(np.cos(a), np.sin(a), 0.0, 0.0) for a in angles]
    for n, vector in enumerate(similarity):
        seeds.write(
            insert(tables.item_similarity_embeddings).values(
                run_id=run_id, item_no=f[n], similarity_embedding=np.array(vector)
            )
        )
    trending = {"": range(20, 26), "war": (21, 24)}
    for category, listed in trending.items():
        scored = {"item_nos": [f[n] for n in listed], "scores": [float(30 - n) for n in listed]}
        seeds.write(
            insert(tables.popular_items).values(
                run_id=run_id, list="trending_week", category=category, **scored
            )
        )
    seeds.promote(run_id)
    return run_id


@pytest.fixture
async def run_id(client: httpx.AsyncClient, seeds: Seeds) -> int:
    """Ann likes films 3 and then 9, has begun 2 and 27, bought 28 and dislikes 4."""
    events = [("view", 2), ("like", 3), ("view", 28), ("purchase", 28), ("view", 27), ("like", 9)]
    times = [f"2026-11-2{n}T12:00:00Z" for n in range(len(events))]
    sent = [event("ann", film, kind, occurred_at=at)
            for (kind, film), at in zip(events, times, strict=True)]  # fmt: skip
    assert (await send(client, *sent, event("ann", 4, "dislike"))).status_code == 202
    return publish(seeds)


@pytest.mark.usefixtures("run_id")
async def test_each_row_is_what_its_title_says(client: httpx.AsyncClient) -> None:
    days = {"days": 3650}
    found = await page(
        client,
        row("continue", **days),
        row("because_of", "last", limit=3),
        row("because_of", "before", limit=3),
        row("because_of", "named", item_id="film-29", limit=2),
        row("trending", limit=4),
        row("popular", limit=2),
        row("for_you", limit=3),
    )
    rows = {each["title_id"]: each for each in found["rows"]}
    assert films(rows["continue"]) == [27, 2]
    assert [rows[name]["because_of"] for name in ("last", "before", "named")] == [
        {"item_id": "film-9", "title": "Film 9"},
        {"item_id": "film-27", "title": "Film 27"},
        {"item_id": "film-29", "title": None},
    ]
    # The nearest on the circle that ann has not seen and no row before has.
    assert set(films(rows["last"])) == {7, 8, 10}
    assert set(films(rows["before"])) == {25, 26, 29}
    assert set(films(rows["named"])) == {23, 24}
    # Of what ann likes most is of the category war, in which 21 and 24 trend; the others fill up.
    assert rows["trending"]["category"] == "war"
    assert films(rows["trending"]) == [21, 18, 15, 12]
    assert films(rows["popular"]) == [11, 13]
    assert len(rows["for_you"]["items"]) == 3
    assert found["dropped"] == []
    ids = [each["recommendation_id"] for each in found["rows"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.usefixtures("run_id")
async def test_what_is_begun_and_finished_is_said_by_event_kinds(
    client: httpx.AsyncClient,
) -> None:
    async def continued(**more: Any) -> list[int]:
        rows = (await page(client, row("continue", days=3650, **more)))["rows"]
        return films(rows[0]) if rows else []

    assert await continued() == [27, 2]
    assert await continued(finished=[]) == [27, 28, 2]
    assert await continued(begun=["like"]) == [9, 3]
    assert await continued(begun=["view", "like"], filter='category = "war"') == [9, 27, 3]
    # Begun again after it was finished.
    await send(client, event("ann", 28))
    assert await continued() == [28, 27, 2]
    await send(client, event("ann", 27, "dislike"))
    assert await continued() == [28, 2]
    old = await page(client, row("continue", days=1), row("for_you"))
    assert [films(each) for each in old["rows"][:1]] == [[28]]


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.builds(
            lambda kind, limit, least: row(kind, limit=limit, min=min(limit, least)),
            st.sampled_from(KINDS),
            st.integers(1, 30),
            st.integers(1, 6),
        ),
        min_size=1,
        max_size=6,
    ),
    user=st.sampled_from(["ann", "nobody"]),
)
async def test_no_item_stands_in_two_rows_and_none_that_is_excluded_in_any(
    client: httpx.AsyncClient, run_id: int, rows: list[dict[str, Any]], user: str
) -> None:
    found = await page(client, *rows, user_id=user)
    known = user == "ann"
    assert found["run"]["id"] == run_id
    shown = [film for each in found["rows"] for film in films(each)]
    assert len(shown) == len(set(shown))
    assert 4 not in shown or not known
    for each in found["rows"]:
        if known and each["row"] != "continue":
            assert {2, 3, 9, 27, 28}.isdisjoint(films(each))
    asked = [each["row"] for each in rows]
    assert sorted(each["row"] for each in (*found["rows"], *found["dropped"])) == sorted(asked)
    by_kind = {each["row"]: each for each in rows}
    if len(by_kind) == len(rows):
        for each in found["rows"]:
            asked_row = by_kind[each["row"]]
            assert asked_row["min"] <= len(each["items"]) <= asked_row["limit"]


@pytest.mark.usefixtures("run_id")
async def test_a_row_that_is_too_short_is_left_out_and_its_items_are_free_for_others(
    client: httpx.AsyncClient,
) -> None:
    alone = await page(client, row("popular", limit=30))
    found = await page(
        client, row("trending", category="opera", min=3, limit=4), row("popular", limit=30)
    )
    assert found["dropped"] == [{"row": "trending", "title_id": "trending", "reason": "too_few"}]
    assert films(found["rows"][0]) == films(alone["rows"][0])


async def test_new_for_you_is_of_the_last_days(
    client: httpx.AsyncClient, seeds: Seeds, run_id: int
) -> None:
    del run_id
    seeds.write(text("update items set created_at = now() - interval '40 days'"))
    seeds.write(text("update items set created_at = now() where item_id in ('film-7', 'film-8')"))
    found = await page(client, row("new_for_you"), row("new_for_you", "older", days=50))
    assert set(films(found["rows"][0])) == {7, 8}
    assert {7, 8}.isdisjoint(films(found["rows"][1]))
    war = await page(client, row("new_for_you", days=50, filter='category = "war"'))
    assert {film % 3 for film in films(war["rows"][0])} == {0}


async def test_rows_that_tell_what_the_user_did_need_the_scope_users(
    client: httpx.AsyncClient, seeds: Seeds, run_id: int
) -> None:
    del run_id
    reader = {"X-API-Key": seeds.key("read", name="reader")}
    rows = [row("continue", days=3650), row("because_of"), row("trending"), row("for_you")]
    body = {"user_id": "ann", "rows": rows}
    found = (await client.post("/v1/pages", json=body, headers=reader)).json()
    assert [each["reason"] for each in found["dropped"]] == ["withheld"] * 2
    assert [each["row"] for each in found["rows"]] == ["trending", "for_you"]
    # Nor is the category that ann likes most.
    assert found["rows"][0]["category"] == ""
    named = {"rows": [row("because_of", item_id="film-1")], "user_id": "ann"}
    assert (await client.post("/v1/pages", json=named, headers=reader)).json()["dropped"] == []


async def test_each_row_is_shown_under_its_own_id_and_carries_the_fields(
    client: httpx.AsyncClient, seeds: Seeds, run_id: int
) -> None:
    found = await page(
        client, row("for_you", limit=2), row("popular", limit=2), fields=["categories"]
    )
    assert found["fields_unknown"] == []
    for each in found["rows"]:
        for item in each["items"]:
            number = int(item["item_id"].removeprefix("film-"))
            assert item["categories"] == (["war"] if number % 3 == 0 else [])
            assert "title" not in item
    expected = {
        each["recommendation_id"]: [seeds.film_nos[film] for film in films(each)]
        for each in found["rows"]
    }

    async def written() -> bool:
        with seeds.engine.connect() as connection:
            shown = connection.execute(text("select * from impressions")).all()
        return {str(each.recommendation_id): each.item_nos for each in shown} == expected and {
            each.run_id for each in shown
        } == {run_id}

    await until(written)


@pytest.mark.usefixtures("run_id")
async def test_without_postgresql_rows_are_those_the_fallback_can_stand_in_for(
    client: httpx.AsyncClient, gate: Gate
) -> None:
    asked = [row("continue"), row("for_you", limit=4), row("because_of"), row("popular", limit=4)]
    await page(client, *asked)
    gate.shut()
    found = await page(client, *asked)
    assert [each["row"] for each in found["rows"]] == ["for_you", "popular"]
    assert {each["strategy"] for each in found["rows"]} == {"fallback"}
    shown = [film for each in found["rows"] for film in films(each)]
    assert len(shown) == len(set(shown)) == 8
    assert {2, 3, 4, 9, 27, 28}.isdisjoint(shown)
    assert {each["reason"] for each in found["dropped"]} == {"away"}
    assert found["degraded"]
    answer = await client.post("/v1/pages", json={"user_id": "ann", "rows": [row("continue")]})
    assert answer.status_code == 503


async def test_a_page_is_of_one_run_also_when_that_is_dropped(
    client: httpx.AsyncClient, seeds: Seeds, run_id: int
) -> None:
    await page(client, row("for_you"))
    following = publish(seeds)
    seeds.write(text("select drop_run_partitions(:run_id)").bindparams(run_id=run_id))
    asked = [row("for_you"), row("because_of", item_id="film-1"), row("trending")]
    found = await page(client, *({**each, "limit": 3} for each in asked))
    assert (found["run"]["id"], len(found["rows"])) == (following, 3)


async def test_what_is_wrong_with_a_page_is_said_where_it_stands(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    good = row("for_you")
    for body, where in (
        ({"rows": []}, "/rows"),
        ({"rows": [good] * 21}, "/rows"),
        ({"rows": [{"row": "for_you"}]}, "/rows/0/title_id"),
        ({"rows": [good, row("best")]}, "/rows/1/row"),
        ({"rows": [row("for_you", item_id="film-1")]}, "/rows/0"),
        ({"rows": [row("for_you", limit=3, min=4)]}, "/rows/0"),
        ({"rows": [row("new_for_you", filter="a = 1 or " * 120 + "a = 1")]}, "/rows/0"),
        ({"rows": [row("new_for_you", days=3650, filter=f'title = "{"x" * 1956}"')]}, "/rows/0"),
        ({"rows": [good, row("because_of", item_id="film-77")]}, "/rows/1/item_id"),
        ({"rows": [row("continue", begun=["view", "watched"])]}, "/rows/0/begun/1"),
        ({"rows": [row("popular", filter="a = user.b")]}, "/rows/0/filter"),
        ({"rows": [good], "user_id": "me"}, "/user_id"),
    ):
        with subtests.test(body=str(body)[:80]):
            answer = await client.post("/v1/pages", json=body)
            assert answer.status_code == 422, answer.text
            assert any(pointer.startswith(where) for pointer in faults(answer)), answer.text


async def test_the_attributes_of_the_user_are_read_once_for_all_rows(
    client: httpx.AsyncClient,
) -> None:
    read: list[str] = []

    def note(statement: str, _parameters: Any) -> None:
        if statement.lstrip().startswith("select attributes from users"):
            read.append(statement)

    await client.put("/v1/users/ann", json={"attributes": {"size": 1}})
    rows = [row("for_you", f"row-{no}", filter="size = user.size") for no in range(5)]
    with noticed(note):
        await page(client, *rows)
        assert len(read) == 1
        await page(client, *rows)
    assert len(read) == 2


async def test_a_token_gets_the_page_of_its_own_user_alone(
    with_tokens: httpx.AsyncClient, seeds: Seeds, signing_keys_file: Path
) -> None:
    del signing_keys_file
    await send(with_tokens, event("ann", 2), event("bob", 5))
    publish(seeds)
    headers = await token_of(with_tokens, "ann")
    own = {"user_id": "me", "rows": [row("continue")]}
    answer = await with_tokens.post("/v1/pages", json=own, headers=headers)
    assert films(answer.json()["rows"][0]) == [2]
    others = {"user_id": "bob", "rows": [row("for_you")]}
    assert (await with_tokens.post("/v1/pages", json=others, headers=headers)).status_code == 403
