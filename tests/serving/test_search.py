"""Searching: by words as people type them, by what they mean, and for whoever searches."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from tests.serving.conftest import Gate, OwnRedis, Seeds, Start, ids, send
from tests.serving.films import Films, publish_films, store_film


@pytest.fixture
def films(seeds: Seeds) -> Films:
    return publish_films(seeds, {"ann": (1.0, 0.0), "bob": (0.0, 1.0)})


@pytest.fixture
def film_nos() -> list[int]:
    """No other films than those of this catalogue."""
    return []


async def search(client: httpx.AsyncClient, q: str, **query: Any) -> httpx.Response:
    return await client.get("/v1/search", params={"q": q, **query})


async def found(client: httpx.AsyncClient, q: str, **query: Any) -> list[str]:
    """The ids of what matches in words."""
    return ids(await search(client, q, only_words=True, **query))


async def test_an_answer_tells_all_that_was_promised(
    films: Films, client: httpx.AsyncClient
) -> None:
    answer = (await search(client, "space odyssey", limit=3)).json()
    assert set(answer) == {
        "q", "items", "match", "corrected", "categories_meant", "source", "level", "degraded",
        "run", "generation_ms",
    }  # fmt: skip
    assert (answer["level"], answer["source"], answer["match"]) == ("search", "search", "words")
    assert answer["run"]["id"] == films.run_id
    assert answer["degraded"] is None
    assert set(answer["items"][0]) == {"item_id", "title", "score", "match", "seen", "highlights"}
    assert answer["items"][0]["item_id"] == "odyssey"


async def test_the_title_counts_most_and_a_whole_title_comes_first(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert (await found(client, "toy story"))[:2] == ["toys", "toys-2"]
    assert (await found(client, "space"))[0] in {"odyssey", "war"}


@pytest.mark.parametrize("typed", ["robo", "Robot", "robots ", "ROBOTS", "i rob"])
async def test_a_word_is_found_by_its_beginning_and_in_any_form(
    films: Films, client: httpx.AsyncClient, typed: str
) -> None:
    assert (await found(client, typed))[0] == "robot"


@pytest.mark.parametrize("typed", ["animati", "animated", "animation ", "Anim"])
async def test_a_beginning_is_found_where_the_stem_is_another_one(
    films: Films, client: httpx.AsyncClient, typed: str
) -> None:
    assert set(await found(client, typed)) == {"toys", "toys-2"}


async def test_a_word_with_a_space_behind_it_is_whole(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert set(await found(client, "pix")) == {"toys", "toys-2"}
    assert await found(client, "pix ") == []


async def test_accents_may_be_left_out_and_typed(films: Films, client: httpx.AsyncClient) -> None:
    for typed in ("amelie", "Amélie", "AMÉLIE"):
        answer = await search(client, typed, only_words=True)
        assert ids(answer) == ["amelie"]
        assert answer.json()["items"][0]["highlights"]["title"] == "<mark>Amélie</mark>"


@pytest.mark.parametrize(
    ("typed", "first", "corrected"),
    [
        ("space oddyssey", "odyssey", {"oddyssey": "odyssey"}),
        ("weding", "wedding", {"weding": "wedding"}),
        ("wedidng", "wedding", {"wedidng": "wedding"}),
        ("toy stroy", "toys", {"stroy": "story"}),
        ("animacion", "toys", {"animacion": "animation"}),
    ],
)
async def test_words_typed_wrong_are_corrected_and_told(
    films: Films, client: httpx.AsyncClient, typed: str, first: str, corrected: dict[str, str]
) -> None:
    answer = await search(client, typed)
    assert answer.json()["corrected"] == corrected
    assert ids(answer)[0] == first


async def test_words_that_some_item_has_are_left_as_they_are(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert (await search(client, "stars")).json()["corrected"] == {}


async def test_a_word_is_not_corrected_to_one_that_no_item_has_any_more(
    films: Films, client: httpx.AsyncClient, engine: Engine
) -> None:
    await client.put("/v1/items/w", json={"title": "Zanzibar"})
    assert (await search(client, "zanzibra")).json()["corrected"] == {"zanzibra": "zanzibar"}
    await client.put("/v1/items/w", json={"title": "Madagascar"})
    assert (await search(client, "zanzibra ")).json()["corrected"] == {}
    assert (await search(client, "madagasca r")).json()["items"][0]["item_id"] == "w"
    await client.put("/v1/items/w", json={"title": "Madagascar", "available": False})
    assert (await search(client, "madagaskar")).json()["corrected"] == {}


async def test_phrases_are_kept_to_and_unwanted_words_stay_out(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert set(ids(await search(client, '"toy story"'))) == {"toys", "toys-2"}
    assert set(await found(client, "space -war")) == {"odyssey"}
    assert "war" not in ids(await search(client, "space -war", limit=20))
    assert set(await found(client, "robot or wedding ")) == {"robot", "wedding"}


async def test_a_phrase_no_item_has_is_not_the_end(films: Films, client: httpx.AsyncClient) -> None:
    answer = await search(client, '"story toy" space', limit=8)
    assert len(ids(answer)) == 8


async def test_without_a_match_in_words_the_nearest_in_meaning_are_told_as_such(
    films: Films, client: httpx.AsyncClient
) -> None:
    answer = (await search(client, "spaceship ", limit=3)).json()
    assert answer["match"] == "meaning"
    assert {item["match"] for item in answer["items"]} == {"meaning"}
    assert {item["item_id"] for item in answer["items"]} == {"odyssey", "war", "robot"}


async def test_words_nobody_knows_leave_what_is_popular(
    films: Films, client: httpx.AsyncClient
) -> None:
    answer = (await search(client, "qwxyz", limit=3)).json()
    assert (answer["match"], answer["level"]) == ("popular", "popular")
    assert len(answer["items"]) == 3
    assert await found(client, "qwxyz") == []


@pytest.mark.parametrize("typed", ["space", "spaceship ", "qwxyz", "the "])
async def test_as_many_as_were_asked_for_or_all_that_are_eligible(
    films: Films, client: httpx.AsyncClient, typed: str
) -> None:
    for limit in (1, 5, 8):
        assert len(ids(await search(client, typed, limit=limit))) == limit
    everything = ids(await search(client, typed, limit=50))
    assert len(everything) == len(set(everything)) == 8
    romances = ids(await search(client, typed, limit=50, category="romance"))
    assert set(romances) == {"amelie", "wedding"}
    others = ids(await search(client, typed, limit=50, exclude_category=["romance", "scifi"]))
    assert set(others) == {"toys", "toys-2", "silent"}


async def test_two_users_of_opposite_taste_get_different_orders(
    films: Films, client: httpx.AsyncClient
) -> None:
    ann, bob = [ids(await search(client, "classic", user_id=user)) for user in ("ann", "bob")]
    assert ann[0] == "odyssey"
    assert bob[0] in {"amelie", "wedding"}
    assert ids(await search(client, "i robot", user_id="bob"))[0] == "robot"


async def test_what_was_seen_is_found_and_told_and_what_was_hidden_is_not_found(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert (await search(client, "toy story", user_id="ann")).json()["items"][0]["seen"] is False
    await send(
        client,
        {"user_id": "ann", "item_id": "toys", "kind": "view"},
        {"user_id": "ann", "item_id": "toys-2", "kind": "hide"},
    )
    items = (await search(client, "toy story", user_id="ann", limit=50)).json()["items"]
    assert (items[0]["item_id"], items[0]["seen"]) == ("toys", True)
    assert "toys-2" not in {item["item_id"] for item in items}
    unseen = ids(await search(client, "toy story", user_id="ann", exclude_seen=True, limit=50))
    assert not {"toys", "toys-2"} & set(unseen)
    assert "toys-2" in await found(client, "toy story", user_id="stranger")


async def test_an_item_is_found_at_once_and_gone_at_once(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert await found(client, "submarine") == []
    await client.put("/v1/items/u-boat", json={"title": "Yellow Submarine"})
    assert await found(client, "yellow subm") == ["u-boat"]
    await client.put("/v1/items/u-boat", json={"title": "Yellow Submarine", "available": False})
    assert await found(client, "yellow subm") == []


async def test_highlights_are_safe_html(films: Films, client: httpx.AsyncClient) -> None:
    answer = (await search(client, "paris love", only_words=True)).json()["items"]
    by_id = {item["item_id"]: item["highlights"] for item in answer}
    assert by_id["amelie"] == {
        "title": "Amélie",
        "text": "A girl in &quot;<mark>Paris</mark>&quot; &amp; <mark>love</mark>.",
    }
    assert by_id["wedding"]["text"] == "romance, classic, <mark>love</mark>"
    await client.put("/v1/items/half", json={"title": "Eight… 8½™ Ewoks", "description": "ﬁne…"})
    (half,) = (await search(client, "ewoks fine", only_words=True)).json()["items"]
    assert half["highlights"] == {
        "title": "Eight… 8½™ <mark>Ewoks</mark>",
        "text": "<mark>ﬁne</mark>…",
    }
    plain = (await search(client, "paris", highlight=False)).json()["items"]
    assert all(item["highlights"] is None for item in plain)


@pytest.mark.parametrize(
    "query",
    [
        {}, {"q": ""}, {"q": "  "}, {"q": "!!! ..."}, {"q": "-war"}, {"q": "\ufc5e"},
        {"q": "\u200b"}, {"q": "x" * 201}, {"q": "a\0b"}, {"q": "x", "limit": 0},
        {"q": "x", "limit": 101}, {"q": "x", "user_id": ""},
    ],
)  # fmt: skip
async def test_a_query_that_cannot_be_answered_is_a_problem_that_says_why(
    films: Films, client: httpx.AsyncClient, query: dict[str, Any]
) -> None:
    answer = await client.get("/v1/search", params=query)
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["errors"]
    assert fault["pointer"] in {"query:q", "query:limit", "query:user_id"}


@pytest.mark.parametrize(
    "typed",
    [
        "'", "\\", "a'b\\c", "toy & story | !x", "(toy", "toy:*", "<->", '"', '""', '"toy', "--toy",
        "or", "or or", "toy or", "or toy", "ünïcödé 漢字", "🎬 toy", "a" * 190, "toy\tstory\n",
        "http://example.org/a?b=c", "me@example.org", "1e5 -3 .5", "%", "_", "\u0002toy\u0003",
    ],
)  # fmt: skip
async def test_whatever_is_typed_is_answered(
    films: Films, client: httpx.AsyncClient, typed: str
) -> None:
    for given in (typed, f"{typed} ", f"toy {typed}"):
        answer = await search(client, given)
        assert answer.status_code in {200, 422}, (given, answer.text)
        if "toy" in given and given[0] != "-":
            assert answer.status_code == 200, (given, answer.text)


@pytest.mark.parametrize("count", [114, 199])
async def test_a_letter_that_folds_to_many_is_searched_for_as_any(
    films: Films, client: httpx.AsyncClient, count: int
) -> None:
    for _ in range(6):
        answer = await search(client, "\ufdfa" * count)
        assert (answer.status_code, answer.json()["degraded"]) == (200, None)
    assert (await search(client, "toy story")).json()["level"] == "search"


async def test_a_catalogue_without_a_run_is_searched_by_its_words(
    seeds: Seeds, client: httpx.AsyncClient, engine: Engine
) -> None:
    store_film(engine, "a", "A Space Odyssey")
    store_film(engine, "b", "A Wedding")
    answer = (await search(client, "oddyssey")).json()
    assert [item["item_id"] for item in answer["items"]] == ["a", "b"]
    assert (answer["run"], answer["level"]) == (None, "words")


async def test_other_stems_are_found_after_the_language_has_changed(
    films: Films, client: httpx.AsyncClient, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("select use_words_language('simple')"))
    assert (await search(client, "robots ")).json()["corrected"] == {"robots": "robot"}
    assert await found(client, "robo") == ["robot"]
    assert (await search(client, "oddyssey")).json()["corrected"] == {"oddyssey": "odyssey"}


async def test_every_word_written_is_noted_once_by_whatever_way_it_comes(
    films: Films, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into items (item_id, title, description, attributes)"
                " select 'many-' || n, 'Kraken ' || n, 'deep', jsonb_build_object('maker', 'Jules')"
                " from generate_series(1, 3) as n"
            )
        )
        connection.execute(text("update items set title = 'Nautilus' where item_id = 'many-1'"))
        words = set(connection.execute(text("select word from catalogue_words")).scalars())
    assert {"kraken", "deep", "jules", "nautilus", "amelie", "pixar", "scifi"} <= words
    assert not {"Kraken", "2001", "1", "tags"} & words


async def test_an_answer_is_given_again_only_for_a_moment(films: Films, start: Start) -> None:
    client = await start(search_fresh_seconds=3600)
    assert (await search(client, "space")).json()["source"] == "search"
    again = (await search(client, "space")).json()
    assert (again["source"], again["level"]) == ("cache", "search")
    assert (await search(client, "space", limit=7)).json()["source"] == "search"
    assert (await search(client, "space", user_id="ann")).json()["source"] == "search"
    assert (await search(client, "space", user_id="ann")).json()["source"] == "cache"
    await send(client, {"user_id": "ann", "item_id": "war", "kind": "hide"})
    assert "war" not in ids(await search(client, "space", user_id="ann"))
    await client.put("/v1/items/odyssey", json={"title": "A Space Odyssey", "available": False})
    assert "odyssey" not in ids(await search(client, "space"))
    fresh = await start(search_fresh_seconds=0.0)
    for _ in range(2):
        assert (await search(fresh, "space")).json()["source"] == "search"


async def test_an_answer_of_another_run_is_not_given_again(
    films: Films, start: Start, seeds: Seeds
) -> None:
    client = await start(search_fresh_seconds=3600)
    first = (await search(client, "space")).json()
    other = seeds.run()
    for _ in range(200):
        again = (await search(client, "space")).json()
        if again["run"]["id"] == other:
            break
    assert again["run"]["id"] == other != first["run"]["id"]
    assert again["level"] == "words", "the other run knows nothing of meaning"


async def test_a_category_that_differs_in_case_only_is_told_with_the_empty_list(
    films: Films, start: Start
) -> None:
    client = await start(search_fresh_seconds=3600)
    for _ in ("made", "from the cache"):
        answer = (await search(client, "space", category=["SCIFI", "Ro'mance\\"])).json()
        assert (answer["items"], answer["categories_meant"]) == ([], {"SCIFI": "scifi"})
    for q in ("qwxyz", "space"):
        missed = (await search(client, q, category="Wár", only_words=True)).json()
        assert missed["categories_meant"] == {"Wár": "war"}
        found = (await search(client, q, category=["scifi", "WAR"])).json()
        assert (found["categories_meant"], bool(found["items"])) == ({}, True)
    similar = await client.get("/v1/items/toys/similar", params={"category": "Romance"})
    assert similar.json()["categories_meant"] == {"Romance": "romance"}
    nobody = await client.get("/v1/items/toys/similar", params={"category": "nowhere"})
    assert (ids(nobody), nobody.json()["categories_meant"]) == ([], {})


async def test_a_title_that_repeats_a_word_is_not_found_first_for_it(
    films: Films, client: httpx.AsyncClient
) -> None:
    for item_id, title in (("again", "Lemurs Lemurs Lemurs"), ("york", "New York, New York")):
        await client.put(f"/v1/items/{item_id}", json={"title": title})
    await client.put("/v1/items/once", json={"title": "Lemurs"})
    assert (await found(client, "lemurs "))[0] == "once"
    await client.put("/v1/items/town", json={"title": "New York"})
    assert (await found(client, "new york "))[0] == "town"
    assert (await found(client, "new york new york "))[0] == "york"


async def test_without_postgres_a_kept_answer_else_held_titles_with_the_words(
    films: Films, client: httpx.AsyncClient, gate: Gate
) -> None:
    kept = await search(client, "space odyssey", user_id="ann")
    await send(client, {"user_id": "bob", "item_id": "war", "kind": "view"})
    gate.shut()
    cached = await search(client, "space odyssey", user_id="ann")
    assert (cached.json()["source"], ids(cached)) == ("cache", ids(kept))
    held = (await search(client, "space ody", limit=3)).json()
    assert (held["source"], held["level"]) == ("held", "held")
    assert held["degraded"].startswith("postgres_")
    assert [item["item_id"] for item in held["items"]][:2] == ["odyssey", "war"]
    assert [item["match"] for item in held["items"]] == ["words", "words", "popular"]
    unseen = await search(client, "space", user_id="bob", exclude_seen=True)
    assert "war" not in ids(unseen)
    nothing = (await search(client, "qwxyz", limit=2)).json()
    assert (nothing["match"], len(nothing["items"])) == ("popular", 2)
    romances = await search(client, "space", category="romance")
    assert set(ids(romances)) == {"amelie", "wedding"}
    assert "war" not in ids(await search(client, "space -war", limit=50))
    assert ids(await search(client, "space", category="nowhere")) == []
    assert (await search(client, "\uff9e")).status_code == 422


async def test_without_redis_each_answer_is_made_anew(
    films: Films, start: Start, own_redis: OwnRedis
) -> None:
    client = await start(redis_url=own_redis.url, search_fresh_seconds=3600)
    own_redis.kill()
    for _ in range(2):
        answer = (await search(client, "space odyssey")).json()
        assert (answer["source"], answer["degraded"]) == ("search", None)


async def test_a_key_that_may_only_write_does_not_search(
    films: Films, client: httpx.AsyncClient, seeds: Seeds
) -> None:
    client.headers["X-API-Key"] = seeds.key("write")
    assert (await search(client, "space")).status_code == 403
    assert (await client.get("/v1/items/toys/similar")).status_code == 403
    assert (await client.get("/v1/similar?item_id=toys")).status_code == 403


async def test_answers_are_counted_by_where_they_come_from(
    films: Films, client: httpx.AsyncClient
) -> None:
    await search(client, "space")
    await client.get("/v1/items/toys/similar")
    metrics = (await client.get("/metrics")).text
    assert 'serving_answers_total{source="search"} 1.0' in metrics
    assert 'serving_answers_total{source="similar"} 1.0' in metrics


async def test_a_word_that_every_item_has_may_be_unwanted(
    films: Films, client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.write(
        text(
            "insert into items (item_id, title, description)"
            " select 'many-' || n, 'Space Film ' || n, 'everywhere' from generate_series(1, 1100) n"
        )
    )
    kept = ids(await search(client, "space -everywhere", limit=50))
    assert sorted(kept) == sorted(films.nos)
    assert set(kept[:2]) == {"war", "odyssey"}
    assert set(await found(client, "space -everywhere", limit=50)) == {"odyssey", "war"}
    seeds.write(text("update items set description = 'everywhere'"))
    assert ids(await search(client, "space film -everywhere")) == []
    assert len(ids(await search(client, "film ", limit=50))) == 50
