"""Connections to PostgreSQL: how many, how old, and which statements are slow."""

import asyncio
import time
from contextvars import copy_context
from typing import Any

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import StoreUnavailableError
from serving.postgres.connections import Connections
from serving.postgres.limits import PoolLimits, StoreLimits
from serving.postgres.pools import PoolFigures
from serving.postgres.store import Store
from serving.runtime.budget import Budget, RequestBudgets, current
from serving.runtime.metrics import ServingMetrics
from sql.statements import statements
from stack.local.processes import connections_needed
from tests.serving.conftest import Seeds, Start, recommended, until


def budget() -> Budget:
    return Budget.of("reads", 60)


def limits(**more: Any) -> PoolLimits:
    return PoolLimits(**{"kept": 1, "overflow": 0, "waiting": 9, "statement_seconds": 60, **more})


async def backend(connection: AsyncConnection) -> int:
    return int((await connection.execute(text("select pg_backend_pid()"))).scalar_one())


async def test_a_connection_is_renewed_at_its_age_and_not_before(database_url: str) -> None:
    lasting = Connections.at(database_url, limits())
    assert len({await lasting.ask(backend, budget()) for _ in range(5)}) == 1
    await lasting.close()
    ageing = Connections.at(database_url, limits(connection_seconds=0.01))
    seen = set()
    async with asyncio.timeout(60):
        while len(seen) < 3:
            seen.add(await ageing.ask(backend, budget()))
    await ageing.close()


async def test_more_connections_are_opened_when_all_are_in_use_and_closed_after_it(
    database_url: str,
) -> None:
    metrics, go_on = ServingMetrics(), asyncio.Event()
    connections = Connections.at(database_url, limits(overflow=1))
    connections.watch(PoolFigures(metrics, "reads"))

    def figure(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, {"lane": "reads", **labels})

    async def keep(connection: AsyncConnection) -> int:
        number = await backend(connection)
        await go_on.wait()
        return number

    asking = [asyncio.create_task(connections.ask(keep, budget())) for _ in range(3)]

    async def both_are_held() -> bool:
        return figure("serving_postgres_connections", state="open") == 2

    await until(both_are_held)
    assert figure("serving_postgres_connections", state="in_use") == 2
    assert figure("serving_postgres_connections", state="limit") == 2
    assert figure("serving_postgres_waiting") == 1
    go_on.set()
    assert len(set(await asyncio.gather(*asking))) <= 3
    assert figure("serving_postgres_connections", state="in_use") == 0
    assert figure("serving_postgres_connections", state="open") == 1
    assert figure("serving_postgres_wait_seconds_count") == 3
    await connections.close()


async def test_a_slow_statement_is_logged_by_its_name_without_what_was_asked(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(30))
    quiet = await start(slow_statement_seconds=600)
    with structlog.testing.capture_logs() as logs:
        assert (await recommended(quiet, "ann")).status_code == 200
    assert "slow_statement" not in [line["event"] for line in logs]
    client = await start(slow_statement_seconds=1e-6)
    with structlog.testing.capture_logs() as logs:
        assert (await recommended(client, "a-secret-user")).status_code == 200
    slow = [line for line in logs if line["event"] == "slow_statement"]
    names = {name for layer in ("serving", "popular", "fallback") for name in statements(layer)}
    assert {line["statement"] for line in slow} & names
    assert "a-secret-user" not in str(slow)


async def test_a_statement_that_is_given_up_is_logged_too(database_url: str) -> None:
    store = Store.at(database_url, StoreLimits(wait_seconds=0.2, slow_statement_seconds=0.05))
    statement = text("select pg_sleep(60)").execution_options(statement_name="sleep")
    with structlog.testing.capture_logs() as logs:
        with pytest.raises(StoreUnavailableError):
            await store.rows(statement)

        async def is_logged() -> bool:
            slow = [line for line in logs if line["event"] == "slow_statement"]
            return [(line["statement"], line["ended"]) for line in slow] == [("sleep", False)]

        await until(is_logged)
    await store.close()


def test_what_a_read_has_waited_for_this_process_counts() -> None:
    budgets = RequestBudgets(read_seconds=5, write_seconds=5, admin_seconds=5)

    def left(**since: float) -> float:
        budgets.begin("read", **since)
        budget = current()
        assert budget is not None
        return budget.left()

    assert copy_context().run(left, since=time.monotonic() - 10) == 0
    assert copy_context().run(left) > 0


def test_the_embedded_server_takes_all_connections_of_all_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for workers, least in ((1, 100), (2, 2 * 37), (8, 8 * 37)):
        monkeypatch.setenv("TANDEM_API_WORKERS", str(workers))
        assert connections_needed() >= least
    assert connections_needed() < 400
