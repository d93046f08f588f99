"""Arms that have the nightly lists of another run than the one being served."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from batch.runs import model_runs
from domain.identifiers import RunId
from sql.promotion import lock_promotion
from tests.serving.conftest import Seeds, Start, ids, recommended, until
from tests.serving.placements.saved_placements import saved

ALL = ("read", "write", "users", "admin")
ONLY_NIGHTLY = {"batch": 1.0}


@pytest.fixture
async def operator(start: Start, seeds: Seeds) -> httpx.AsyncClient:
    """A client of an operator; the placement home shows nightly lists alone."""
    client = await start()
    client.headers["X-API-Key"] = seeds.key(*ALL, name="operator")
    await saved(client, "home", weights=ONLY_NIGHTLY, limit=3)
    return client


async def drafted(client: httpx.AsyncClient, run_id: int, **more: Any) -> httpx.Response:
    arms = [
        {"name": "served", "version": 1, "share": 0.5},
        {"name": "older", "version": 1, "share": 0.5, "run_id": run_id, **more},
    ]
    body = {"definition": {"placement": "home", "arms": arms, "window_days": None}}
    return await client.put("/v1/experiments/trial", json=body)


async def test_users_of_an_arm_get_the_nightly_lists_of_its_run_which_stays(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    users = {f"user-{n}": seeds.user(f"user-{n}") for n in range(12)}
    f = seeds.film_nos
    older = seeds.run(batch={no: [(f[8], 2.0), (f[9], 1.0), (f[7], 0.5)] for no in users.values()})
    newer = {no: [(f[n], 10.0 - n) for n in range(3)] for no in users.values()}
    served = seeds.run(
        batch=newer,
        vectors={f[n]: (1.0, float(n)) for n in range(10)},
        users=dict.fromkeys(users.values(), ((0.0, 1.0), 0)),
    )
    assert (await drafted(operator, older)).json()["window_days"] == 7.0
    started = await operator.post("/v1/experiments/trial/start")
    assert started.json()["arms"][1]["run_id"] == older

    async def arm_of(user: str) -> Any:
        return (await recommended(operator, user, placement="home")).json()["experiment"]

    async def is_known() -> bool:
        return await arm_of("user-1") is not None

    await until(is_known)
    found = set()
    for user in users:
        answer = await recommended(operator, user, placement="home")
        arm = answer.json()["experiment"]["arm"]
        assert answer.json()["run"]["id"] == served
        first = {"served": ["film-0", "film-1", "film-2"], "older": ["film-8", "film-9", "film-7"]}
        assert ids(answer) == first[arm]
        found.add(arm)
    assert found == {"served", "older"}
    # The night keeps it, however old it is.
    with seeds.engine.begin() as connection:
        assert older not in model_runs.find_runs_to_retire(connection, 1, 0.0001)
        assert not model_runs.retire(connection, RunId(older))
    refused = await operator.post("/v1/experiments/trial/adopt", json={"arm": "older"})
    assert "serve the run with tandem rollback" in refused.json()["detail"]
    await operator.post("/v1/experiments/trial/stop", json={})
    with seeds.engine.begin() as connection:
        assert older in model_runs.find_runs_to_retire(connection, 1, 0.0001)
        assert model_runs.retire(connection, RunId(older))


async def test_a_run_that_is_not_retained_is_refused_when_it_is_to_start(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    older = seeds.run(batch={})
    seeds.run(batch={})
    with seeds.engine.begin() as connection:
        assert model_runs.retire(connection, RunId(older))
    assert (await drafted(operator, older)).status_code == 200
    refused = await operator.post("/v1/experiments/trial/start")
    assert refused.status_code == 409
    assert "a run that is not retained" in refused.json()["detail"]
    popular = await drafted(operator, older, version="popular")
    assert popular.status_code == 422
    assert "he popular list is not of a run" in popular.text


def starts_and_waits(seeds: Seeds) -> Callable[[], Awaitable[bool]]:
    waiting = text(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and wait_event_type = 'Lock' and query ~ 'start_experiment'"
    )

    async def waits() -> bool:
        with seeds.engine.connect() as connection:
            return bool(connection.execute(waiting).scalar_one())

    return waits


async def test_a_start_that_waits_for_a_night_holds_up_no_other_experiment(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    await drafted(operator, seeds.run(batch={}))
    with seeds.engine.begin() as night:
        lock_promotion(night)
        starting = asyncio.create_task(operator.post("/v1/experiments/trial/start"))
        await until(starts_and_waits(seeds))
        with seeds.engine.begin() as other:
            other.execute(text("set local lock_timeout = '1s'"))
            other.execute(text("update experiments set items_until = items_until"))
    assert (await starting).status_code == 200


async def test_an_arm_that_is_given_a_run_while_the_experiment_starts_is_a_conflict(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    run_id = seeds.run(batch={})
    await drafted(operator, run_id)
    without = text("update experiments set arms = arms #- '{1,run_id}'")
    with_run = text("update experiments set arms = jsonb_set(arms, '{1,run_id}', to_jsonb(:run))")
    seeds.write(without)
    with seeds.engine.begin() as other:
        other.execute(with_run, {"run": run_id})
        starting = asyncio.create_task(operator.post("/v1/experiments/trial/start"))
        await until(starts_and_waits(seeds))
    assert (await starting).status_code == 409
    assert "start it again" in (await starting).json()["detail"]
    assert (await operator.post("/v1/experiments/trial/start")).status_code == 200
