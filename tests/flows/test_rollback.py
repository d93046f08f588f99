"""Rollback, from the Prefect UI and around the nights."""

import threading
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL
from sqlalchemy import Engine, text

from domain.errors import RollbackRefusedError
from domain.identifiers import RunId
from flows.nightly import run_now
from flows.rollback import rollback
from sql.rollback import roll_back
from tests.flows.test_nightly import (
    ask_prefect,
    at,
    httpx,
    ignore,
    partitions,
    partitions_of,
    rows,
    value,
)

pytestmark = pytest.mark.usefixtures("prefect_server")


def latest_flow_run() -> Any:
    body = {"sort": "EXPECTED_START_TIME_DESC", "limit": 1}
    answer = httpx.post(f"{PREFECT_API_URL.value()}/flow_runs/filter", json=body)
    return answer.raise_for_status().json()[0]


def served(engine: Engine) -> int:
    return int(value(engine, "select run_id from live_run"))


def test_a_rollback_from_prefect_serves_the_run_and_the_next_night_publishes_normally(
    shop: Engine, first_run: int, second_run: int
) -> None:
    first, second = first_run, second_run
    assert rollback(run=first) == first
    assert served(shop) == first
    assert latest_flow_run()["state_type"] == "COMPLETED"
    third = run_now(ignore)
    assert served(shop) == third
    promoted = rows(shop, "select run_id, how, promoted_by from promotions order by promotion_no")
    assert [(row.run_id, row.how) for row in promoted] == [
        (first, "published"),
        (second, "published"),
        (first, "rolled back"),
        (third, "published"),
    ]
    assert promoted[0].promoted_by == "nightly"
    assert promoted[2].promoted_by.startswith("Prefect, flow run ")


def test_a_refused_rollback_says_why_in_prefect(shop: Engine, first_run: int) -> None:
    with pytest.raises(RollbackRefusedError):
        rollback(run=999)
    flow_run = latest_flow_run()
    assert flow_run["state_type"] == "FAILED"
    assert (
        "There is no run 999. There is no other run to roll back to."
        in flow_run["state"]["message"]
    )
    assert served(shop) == first_run


def test_a_night_that_trains_during_a_rollback_still_publishes_its_run(
    shop: Engine, first_run: int, second_run: int
) -> None:
    first, second = first_run, second_run
    third = run_now(at("Write the lists", lambda: roll_back(shop.begin, first, by="a test")))
    assert served(shop) == third
    promoted = [row.run_id for row in rows(shop, "select run_id from promotions order by 1")]
    assert sorted(promoted) == sorted([first, second, first, third])


def test_a_run_rolled_back_to_is_not_retired_however_old_it_is(
    shop: Engine, first_run: int, second_run: int
) -> None:
    first, second = first_run, second_run
    with shop.begin() as connection:
        connection.execute(
            text("update model_runs set finished_at = finished_at - interval '31 days'")
        )
    roll_back(shop.begin, first, by="a test")
    third = run_now(at("Retire old runs", lambda: roll_back(shop.begin, first, by="a test")))
    assert served(shop) == first
    # The second is within the three that are kept, but too old.
    assert partitions(shop) == partitions_of(first, third)
    states = {row.run_id: row.state for row in rows(shop, "select run_id, state from model_runs")}
    assert states == {first: "published", second: "retired", third: "published"}


def test_a_long_reader_delays_neither_readers_nor_the_night_when_runs_come_and_go(
    shop: Engine, first_run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        """Count those who wait for a lock on what all runs share."""
        while not ended.wait(0.01):
            waits.extend(
                row.n
                for row in rows(
                    shop,
                    "select count(*) as n from pg_locks join pg_class on pg_class.oid = relation"
                    " where not granted and relname = any(:parents) and"
                    " mode = 'AccessExclusiveLock'",
                    parents=["batch_recommendations", "user_embeddings", "model_runs"],
                )
            )

    monkeypatch.setattr("batch.runs.model_runs.LONGEST_WAIT", "200ms")
    watcher = threading.Thread(target=watch)
    with shop.connect() as analyst:
        analyst.execute(text("select count(*) from batch_recommendations"))
        analyst.execute(text("select count(*) from analytics.model_runs"))
        watcher.start()
        try:
            second = run_now(ignore, retained_runs=1)
        finally:
            ended.set()
            watcher.join(timeout=60)
        assert served(shop) == second
        # What the analyst reads is still there, and nobody waits behind the one who would drop it.
        assert f"batch_recommendations_{first_run}" in _tables(shop)
        assert max(waits) == 0
    third = run_now(ignore, retained_runs=1)
    assert partitions(shop) == partitions_of(third)
    assert not {f"batch_recommendations_{no}" for no in (first_run, second)} & _tables(shop)


def _tables(engine: Engine) -> set[str]:
    return {row[0] for row in rows(engine, "select tablename from pg_tables")}


def test_the_rollback_deployment_asks_for_the_run() -> None:
    schema = rollback.parameters.model_dump()
    assert schema["required"] == ["run"]
    assert "list of runs" in schema["properties"]["run"]["description"]
    assert RunId(schema["properties"]["run"]["minimum"]) == 1
    assert ask_prefect("health")
