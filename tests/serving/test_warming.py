"""Answers of a run that is about to be served are made before anybody asks for them."""

import asyncio
import time

import httpx
from sqlalchemy import Engine, text

from domain.identifiers import RunId
from sql.listening import listen_to_warmed, wait_for_warmed
from tests.serving.conftest import Seeds, Start, event, ids, recommended, send, until
from tests.serving.test_promotion import (
    FAR,
    PATIENT,
    listening,
    promote,
    run_of_films,
    served_by,
)

WARM = PATIENT | {"warmed_per_second": 1_000.0, "live_run_poll_seconds": FAR}


async def between_runs(
    start: Start, seeds: Seeds, users: list[int]
) -> tuple[httpx.AsyncClient, int, int]:
    """A process that hears of coming runs, the run it serves, and one that it does not know yet."""
    older, newer = run_of_films(seeds, users, 0), run_of_films(seeds, users, 10)
    promote(seeds, older)
    client = await start(**WARM)
    await listening(seeds)
    return client, older, newer


def coming(seeds: Seeds, run_id: int) -> None:
    """As a night announces the run it is about to publish."""
    seeds.write(
        text("update model_runs set state = 'evaluated' where run_id = :run_id").bindparams(
            run_id=run_id
        )
    )
    seeds.write(text(f"select pg_notify('tandem_coming', '{run_id}')"))


async def publish(client: httpx.AsyncClient, seeds: Seeds, run_id: int) -> None:
    """As a night does; then wait until the run is served."""
    seeds.write(
        text("update model_runs set state = 'published' where run_id = :run_id").bindparams(
            run_id=run_id
        )
    )
    promote(seeds, run_id)
    await until(served_by(client, run_id))


async def warmed(client: httpx.AsyncClient, seeds: Seeds, run_id: int) -> None:
    """Wait until the one answer that was asked for is made of the coming run.

    On a busy machine it may not be ready in time, and is then left: the run is announced again.
    """
    announced_at = 0.0

    async def done() -> bool:
        nonlocal announced_at
        if "serving_warmed_answers_total 0.0" not in (await client.get("/metrics")).text:
            return True
        if time.monotonic() - announced_at > 5:
            announced_at = time.monotonic()
            coming(seeds, run_id)
        return False

    await until(done)


async def test_after_a_promotion_who_asked_lately_finds_the_answer_made(
    start: Start, seeds: Seeds
) -> None:
    users = [seeds.user(name) for name in ("ann", "bob")]
    client, older, newer = await between_runs(start, seeds, users)
    await recommended(client, "ann", limit=3)
    await warmed(client, seeds, newer)
    # Until the promotion nobody sees anything of the coming run.
    assert (await recommended(client, "ann", limit=3)).json()["run"]["id"] == older
    await publish(client, seeds, newer)
    body = (await recommended(client, "ann", limit=3)).json()
    assert (body["source"], body["run"]["id"]) == ("cache", newer)
    # It is what is made of the run for who was not asked for: the same lists lie in it.
    made = await recommended(client, "bob", limit=3)
    assert made.json()["source"] == "blend"
    assert [item["item_id"] for item in body["items"]] == ids(made)


async def test_a_night_waits_no_longer_than_a_process_makes_answers(
    start: Start, seeds: Seeds, engine: Engine
) -> None:
    client, _, newer = await between_runs(start, seeds, [seeds.user("ann")])
    await recommended(client, "ann", limit=3)

    def announced() -> int:
        with engine.connect() as connection:
            session = connection.execution_options(isolation_level="AUTOCOMMIT")
            listen_to_warmed(session)
            coming(seeds, newer)
            return wait_for_warmed(session, RunId(newer), 1, FAR)

    assert await asyncio.to_thread(announced) == 1


async def test_a_night_waits_in_vain_for_no_longer_than_it_was_told(engine: Engine) -> None:
    def announced() -> int:
        with engine.connect() as connection:
            session = connection.execution_options(isolation_level="AUTOCOMMIT")
            listen_to_warmed(session)
            return wait_for_warmed(session, RunId(1), 1, 0.1)

    assert await asyncio.to_thread(announced) == 0


async def test_an_event_after_an_answer_was_made_ahead_voids_it(start: Start, seeds: Seeds) -> None:
    ann = seeds.user("ann")
    client, _, newer = await between_runs(start, seeds, [ann])
    await recommended(client, "ann", limit=3)
    await warmed(client, seeds, newer)
    assert (await send(client, event("ann", 10))).status_code == 202
    await publish(client, seeds, newer)
    answer = await recommended(client, "ann", limit=3)
    assert answer.json()["source"] != "cache"
    assert "film-10" not in ids(answer)


async def test_nothing_is_made_ahead_of_a_user_the_coming_run_does_not_know_all_of(
    start: Start, seeds: Seeds
) -> None:
    ann = seeds.user("ann")
    client, _, newer = await between_runs(start, seeds, [ann])
    assert (await send(client, event("ann", 11))).status_code == 202
    await recommended(client, "ann", limit=3)
    await warmed(client, seeds, newer)
    await publish(client, seeds, newer)
    assert (await recommended(client, "ann", limit=3)).json()["source"] != "cache"


async def test_a_run_that_nobody_is_about_to_serve_is_left_alone(
    start: Start, seeds: Seeds
) -> None:
    ann = seeds.user("ann")
    client, _, newer = await between_runs(start, seeds, [ann])
    await recommended(client, "ann", limit=3)
    # Another night refused it meanwhile; and then comes one that is.
    seeds.write(text(f"select pg_notify('tandem_coming', '{newer}')"))
    await warmed(client, seeds, run_of_films(seeds, [ann], 5))
