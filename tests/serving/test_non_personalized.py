"""Popular by window, trending, latest and starter: lists for everybody, exact and never empty."""

import httpx
import pytest
from sqlalchemy import text

from tests.serving.conftest import Gate, Seeds, Start, event, faults, send, until
from tests.serving.non_personalized import FILMS, PATHS, asked, films, publish_lists


@pytest.fixture
def run_id(seeds: Seeds) -> int:
    return publish_lists(seeds)


async def test_each_list_is_the_runs_own_filled_up_with_what_is_popular(
    client: httpx.AsyncClient, run_id: int, subtests: pytest.Subtests
) -> None:
    for path, first, strategy in (
        ("/v1/popular", [0, 1, 2], "popular"),
        ("/v1/popular?window=day", [3, 2, 1], "popular"),
        ("/v1/popular?window=week", [9, 8, 7], "popular"),
        ("/v1/popular?window=month", [6, 5, 4], "popular"),
        ("/v1/popular?window=all", [15, 14, 13], "popular"),
        ("/v1/trending", [21, 22, 0], "trending"),
        ("/v1/trending?window=day", [20, 0, 1], "trending"),
        ("/v1/trending?window=month", [23, 0, 1], "trending"),
        ("/v1/trending?category=drama", [9, 0, 1], "trending"),
        ("/v1/trending?window=day&category=drama", [0, 1, 2], "popular"),
        ("/v1/latest", [29, 28, 27], "latest"),
        ("/v1/latest?category=drama", [9, 8, 7], "latest"),
    ):
        with subtests.test(path=path):
            answer = await client.get(asked(path, limit=3))
            assert films(answer) == first
            body = answer.json()
            assert (body["strategy"], body["run"]["id"], body["degraded"]) == (
                strategy,
                run_id,
                None,
            )


async def test_scores_are_scaled_and_backfill_has_none(
    client: httpx.AsyncClient, run_id: int
) -> None:
    answer = await client.get("/v1/popular?window=day&limit=5")
    assert [item["score"] for item in answer.json()["items"]] == [1.0, 0.5, 0.0, 0.0, 0.0]
    assert films(answer) == [3, 2, 1, 0, 4]


async def test_exactly_as_many_as_asked_for_and_nothing_unavailable(
    client: httpx.AsyncClient, seeds: Seeds, run_id: int, subtests: pytest.Subtests
) -> None:
    for film in (0, 3, 9, 15, 21, 29):
        seeds.hide_item(film)
    for path in PATHS:
        with subtests.test(path=path):
            for limit in (1, 7, 24):
                shown = films(await client.get(asked(path, limit=limit)))
                assert len(shown) == len(set(shown)) == limit
                assert not {0, 3, 9, 15, 21, 29} & set(shown)
            assert len(films(await client.get(asked(path, limit=100)))) == FILMS - 6
            dramas = films(await client.get(asked(path, limit=100, category="drama")))
            assert sorted(dramas) == [1, 2, 4, 5, 6, 7, 8]


async def test_what_a_user_has_seen_is_left_out_at_once(
    client: httpx.AsyncClient, run_id: int, subtests: pytest.Subtests
) -> None:
    for path in PATHS:
        with subtests.test(path=path):
            shown = films(await client.get(asked(path, limit=4, user_id="ann")))
            assert shown == films(await client.get(asked(path, limit=4))), "an unknown user"
            await send(client, event("ann", shown[0]), event("ann", shown[1], "hide"))
            left = films(await client.get(asked(path, limit=28, user_id="ann")))
            assert set(left) == set(range(FILMS)) - set(shown[:2])
            assert films(await client.get(asked(path, limit=4))) == shown, "others see them"
            await client.delete("/v1/users/ann")
            assert films(await client.get(asked(path, limit=4, user_id="ann"))) == shown


async def test_before_the_first_run_there_is_a_list_too(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for path in PATHS:
        with subtests.test(path=path):
            await send(client, event("ann", 7))
            answer = await client.get(asked(path, limit=5))
            assert len(films(answer)) == 5
            assert answer.json()["run"] is None
            assert answer.json()["strategy"] == ("latest" if "latest" in path else "popular")
            if "latest" not in path:
                assert films(answer)[0] == 7


async def test_starters_begin_with_the_best_known_and_differ(
    client: httpx.AsyncClient, run_id: int
) -> None:
    answer = await client.get("/v1/starter?limit=3")
    assert answer.json()["strategy"] == "starter"
    shown = films(answer)
    assert shown[0] == 0
    assert {film % 3 for film in shown[:2]} == {0, 2}, "the farthest from the first"
    assert films(await client.get("/v1/starter?limit=12"))[:3] == shown
    assert set(films(await client.get("/v1/starter?limit=12"))) == set(range(12))


async def test_a_session_gets_the_same_starters_in_every_process_whatever_becomes_popular(
    start: Start, seeds: Seeds, run_id: int
) -> None:
    here, sessions = await start(), [f"session {n}" for n in range(12)]
    shown = [
        films(await here.get(f"/v1/starter?session={session}&limit=6")) for session in sessions
    ]
    assert len({tuple(listed) for listed in shown}) > 1
    assert all(listed[0] < 10 for listed in shown)
    seeds.write(text("delete from popular_items where list = 'popular'"))
    there = await start()
    for session, listed in zip(sessions, shown, strict=True):
        assert films(await there.get(f"/v1/starter?session={session}&limit=6")) == listed
    seeds.hide_item(shown[0][1])
    left = films(await here.get(f"/v1/starter?session={sessions[0]}&limit=5"))
    assert left == [film for film in shown[0] if film != shown[0][1]], "the others stay"


async def test_after_a_promotion_starters_are_those_of_the_new_run(
    client: httpx.AsyncClient, seeds: Seeds, run_id: int
) -> None:
    assert (await client.get("/v1/starter")).json()["run"]["id"] == run_id
    films_ = seeds.film_nos
    newer = seeds.run(
        vectors={no: (1.0, float(n), 0.0) for n, no in enumerate(films_[20:25])},
        popular={"": [(no, 9.0 - n) for n, no in enumerate(films_[20:25])]},
    )

    async def promoted() -> bool:
        answer = await client.get("/v1/starter?limit=5")
        assert answer.json()["run"]["id"] in (run_id, newer)
        assert (films(answer)[0] == 20) == (answer.json()["run"]["id"] == newer)
        return films(answer)[0] == 20

    await until(promoted)


async def test_bad_parameters_are_named(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for path in (
        "/v1/popular?window=year",
        "/v1/trending?window=all",
        "/v1/latest?limit=0",
        "/v1/starter?session=",
        "/v1/popular?user_id=",
    ):
        with subtests.test(path=path):
            answer = await client.get(path)
            assert answer.status_code == 422
            (pointer,) = faults(answer)
            assert pointer.removeprefix("query:") in path


async def test_every_list_needs_the_scope_read(
    client: httpx.AsyncClient, seeds: Seeds, run_id: int
) -> None:
    for path in PATHS:
        for key, status in ((seeds.key("write", name=f"w{path}"), 403), ("none", 401)):
            answer = await client.get(path, headers={"X-API-Key": key})
            assert answer.status_code == status, path


@pytest.mark.parametrize("path", ["/v1/popular", "/v1/trending", "/v1/latest", "/v1/starter"])
async def test_an_item_that_left_a_category_leaves_its_lists_at_once(
    client: httpx.AsyncClient, run_id: int, gate: Gate, path: str
) -> None:
    shown = films(await client.get(asked(path, limit=100, category="drama")))
    assert sorted(shown) == list(range(10))
    gone = shown[0]
    body = {"title": f"Film {gone}", "categories": ["comedy"]}
    await client.put(f"/v1/items/film-{gone}", json=body)
    left = films(await client.get(asked(path, limit=100, category="drama")))
    assert left == shown[1:]
    if "starter" in path:
        assert gone in films(await client.get(asked(path, limit=100)))


async def test_a_text_of_the_wrong_length_is_reported_in_characters(
    client: httpx.AsyncClient,
) -> None:
    for path in (f"/v1/popular?category={'x' * 201}", "/v1/starter?session="):
        ((_, detail),) = faults(await client.get(path)).items()
        assert "character" in detail
        assert "item" not in detail
