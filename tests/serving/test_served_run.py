"""Every answer comes from one run, and from the best there is when the database is away."""

import asyncio
import itertools

import httpx
import pytest
from sqlalchemy import func, select, text

from tests import tables
from tests.serving.conftest import Gate, Seeds, Start, event, ids, recommended, send, until


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.user("ann")


def run_of_films(seeds: Seeds, user_no: int, first: int, *, live: bool = True) -> int:
    """A run that knows ten films and nothing else."""
    films = seeds.film_nos[first : first + 10]
    return seeds.run(
        batch={user_no: [(no, 10.0 - n) for n, no in enumerate(films[:5])]},
        vectors={no: (1.0, float(n)) for n, no in enumerate(films)},
        users={user_no: ((0.5, 1.0), 0)},
        popular={"": [(no, 10.0 - n) for n, no in enumerate(films)]},
        live=live,
    )


async def blended(client: httpx.AsyncClient, **query: int) -> bool:
    return bool((await recommended(client, "ann", **query)).json().get("source") == "blend")


async def test_a_promotion_changes_the_whole_answer_and_never_a_part_of_it(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    films = {run_of_films(seeds, ann, first): set(range(first, first + 10)) for first in (0, 10)}
    served = set()
    users = itertools.cycle(("ann", "ann", "stranger"))

    async def ask() -> None:
        answer = await recommended(client, next(users), limit=10)
        run_id = answer.json()["run"]["id"]
        served.add(run_id)
        assert {int(item_id.removeprefix("film-")) for item_id in ids(answer)} == films[run_id]

    for run_id in [*films] * 3:
        seeds.promote(run_id)

        async def promoted(run_id: int = run_id) -> bool:
            await asyncio.gather(*(ask() for _ in range(6)))
            answer = await recommended(client, "ann", limit=10)
            return bool(answer.json()["run"]["id"] == run_id)

        await until(promoted)
    assert served == films.keys()


async def test_a_run_dropped_while_it_is_still_believed_served_is_left_at_once(
    start: Start, seeds: Seeds, ann: int
) -> None:
    old = run_of_films(seeds, ann, 0)
    client = await start(live_run_poll_seconds=3600)
    assert (await recommended(client, "ann")).json()["run"]["id"] == old
    new = run_of_films(seeds, ann, 10)
    seeds.write(select(func.drop_run_partitions(old)))
    for user in ("ann", "stranger"):
        answer = await recommended(client, user, limit=5)
        assert answer.json()["run"]["id"] == new
        assert all(int(item_id.removeprefix("film-")) >= 10 for item_id in ids(answer))


async def test_a_served_run_whose_lists_are_gone_is_reported_as_that_while_postgres_is_well(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    run_id = run_of_films(seeds, ann, 0)
    await until(lambda: blended(client))
    seeds.write(text(f"drop table user_embeddings_{run_id}"))
    answer = (await recommended(client, "ann", limit=7)).json()
    assert (answer["strategy"], answer["degraded"]) == ("fallback", "run_gone")
    popular = (await client.get("/v1/search?q=film")).json()
    assert popular["degraded"] in {None, "run_gone"}
    metrics = (await client.get("/metrics")).text
    assert 'serving_degraded_total{reason="postgres_away"} 0.0' in metrics
    assert 'serving_breaker_state{dependency="postgres"} 0.0' in metrics


async def test_a_list_that_another_version_made_is_answered_without_its_causes_and_says_so(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    run_of_films(seeds, ann, 0)
    await until(lambda: blended(client))
    update = "update model_runs set gramian = '{}', parameters = cast(:parameters as jsonb)"
    seeds.write(text(update).bindparams(parameters='{"live_vector": {"of_another_version": 1}}'))
    answer = await recommended(client, "ann", limit=5, explain=True)
    assert len(ids(answer)) == 5
    assert (answer.json()["strategy"], answer.json()["degraded"]) == ("blend", "run_unusable")


async def test_without_the_database_the_best_list_still_to_be_had_is_answered(
    start: Start, seeds: Seeds, ann: int, gate: Gate
) -> None:
    run_id = run_of_films(seeds, ann, 0)
    client = await start(popular_refresh_seconds=0.05)
    first = await recommended(client, "ann", limit=5)
    await recommended(client, "stranger")
    gate.shut()
    cached = await recommended(client, "ann", limit=5)
    assert cached.json()["source"] == "cache"
    assert ids(cached) == ids(first)
    for user, limit in (("ann", 4), ("stranger", 4), ("another", 4)):
        fallback = await recommended(client, user, limit=limit)
        assert fallback.json()["source"] == fallback.json()["strategy"] == "fallback"
        assert fallback.json()["run"]["id"] == run_id
        assert ids(fallback) == ["film-0", "film-1", "film-2", "film-3"]
    assert ids(await client.get("/v1/popular?limit=2")) == ["film-0", "film-1"]
    assert (await client.get("/v1/popular?category=war")).json()["items"] == []
    assert (await client.get("/v1/items/film-1")).status_code == 503
    gate.open()
    await until(lambda: blended(client, limit=4))


async def test_an_app_started_without_a_database_works_when_it_is_there(
    start: Start, seeds: Seeds, ann: int, gate: Gate
) -> None:
    run_of_films(seeds, ann, 0)
    gate.shut()
    client = await start()
    assert (await recommended(client, "ann")).status_code == 503
    assert (await client.get("/readyz")).status_code == 503
    gate.open()
    await until(lambda: blended(client))
    assert (await client.get("/readyz")).status_code == 200


async def test_what_was_shown_is_written_behind(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    run_id = run_of_films(seeds, ann, 0)
    given = [
        (await recommended(client, user, limit=3)).json() for user in ("ann", "ann", "stranger")
    ]

    async def written() -> bool:
        return seeds.count("impressions") == 3

    await until(written)
    rows = {str(row.recommendation_id): row for row in seeds.write(select(tables.impressions))}
    for answer, user_no, source in zip(
        given, (ann, ann, None), ("blend", "cache", "popular"), strict=True
    ):
        row = rows[answer["recommendation_id"]]
        assert (row.user_no, row.run_id, row.source) == (user_no, run_id, source)
        shown = [seeds.film_nos.index(no) for no in row.item_nos]
        assert [f"film-{n}" for n in shown] == [item["item_id"] for item in answer["items"]]
        assert row.shown_at.isoformat() == answer["generated_at"]


async def test_impressions_beyond_the_queue_are_dropped_and_counted(
    start: Start, seeds: Seeds, ann: int
) -> None:
    client = await start(impression_queue=2, impression_flush_seconds=3600)
    for _ in range(5):
        await recommended(client, "ann", limit=3)
    metrics = (await client.get("/metrics")).text
    assert "serving_impressions_dropped_total 3.0" in metrics


async def test_events_may_name_the_recommendation_that_led_to_them(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    run_of_films(seeds, ann, 0)
    shown = (await recommended(client, "ann", limit=1)).json()
    await send(client, event("ann", 0, recommendation_id=shown["recommendation_id"]))
    stored = seeds.write(select(tables.interactions.c.recommendation_id)).scalar_one()
    assert str(stored) == shown["recommendation_id"]
