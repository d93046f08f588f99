"""Several nights are due at once, as after days without a worker: one learns, others give way."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import Flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL
from prefect.states import Scheduled
from sqlalchemy import Engine, text

from flows.deployments import register_deployments
from flows.nightly import nightly, run_now
from flows.tune import tune
from sql.locks import NIGHT, TUNING, AdvisoryLock, session_lock
from tests.flows.test_nightly import ignore, rows

pytestmark = pytest.mark.usefixtures("prefect_server")

ROOT = Path(__file__).parent.parent.parent


async def miss(client: PrefectClient, deployment: str, days: int) -> list[UUID]:
    """Let Prefect's scheduler make the runs that would have been due in the last days."""
    found = await client.read_deployment_by_name(deployment)
    (schedule,) = found.schedules
    await client.update_deployment_schedule(found.id, schedule.id, active=True)
    now = datetime.now(UTC)
    span = {"start_time": now - timedelta(days=days), "end_time": now}
    await client.request(
        "POST",
        "/deployments/{id}/schedule",
        path_params={"id": found.id},
        json={
            **{name: time.isoformat() for name, time in span.items()},
            "min_runs": days,
            "max_runs": days,
        },
    )
    made = await due_runs(client, FlowRunFilterDeploymentId(any_=[found.id]))
    assert all(run.auto_scheduled for run in made)
    return [run.id for run in made]


async def due_runs(client: PrefectClient, deployment: FlowRunFilterDeploymentId) -> list[FlowRun]:
    return await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=deployment,
            expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC)),
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=50,
    )


def work_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that takes what is due, and ends with it."""
    monkeypatch.setenv("PREFECT_API_URL", PREFECT_API_URL.value() or "")
    command = ["prefect", "worker", "start", "--pool", "tandem", "--type", "process", "--run-once"]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def carried_out(client: PrefectClient, flow: Flow[..., Any], run_id: UUID) -> FlowRun:
    """Carry out one run of a deployment, as the process that a worker starts for it does."""
    taken = await client.read_flow_run(run_id)
    await asyncio.to_thread(run_flow, flow, flow_run=taken, return_type="state")
    return await client.read_flow_run(run_id)


async def read_runs(client: PrefectClient, run_ids: list[UUID]) -> list[FlowRun]:
    return [await client.read_flow_run(run_id) for run_id in run_ids]


def state_and_message(run: FlowRun) -> tuple[str, str]:
    assert run.state is not None
    return run.state.type.value, run.state.message or ""


@pytest.fixture
async def client() -> AsyncIterator[PrefectClient]:
    await register_deployments()
    async with get_client() as opened:
        # Of other tests; and the scheduler makes the run of a day only once.
        for run in await due_runs(opened, FlowRunFilterDeploymentId(is_null_=False)):
            await opened.delete_flow_run(run.id)
        yield opened


async def test_of_several_missed_nights_one_learns_and_the_others_are_cancelled(
    shop: Engine, client: PrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed = await miss(client, "nightly/nightly", days=3)
    assert len(missed) == 3
    work_once(monkeypatch)
    states = [state_and_message(run) for run in await read_runs(client, missed)]
    assert Counter(state for state, _ in states) == {"COMPLETED": 1, "CANCELLED": 2}, states
    published = rows(shop, "select run_id, state from model_runs")
    assert [row.state for row in published] == ["published"]
    for state, message in states:
        if state == "CANCELLED":
            assert "in progress" in message or f"Run {published[0].run_id} " in message


async def test_a_missed_night_is_cancelled_if_a_run_began_after_it_was_due(
    shop: Engine, client: PrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (missed,) = await miss(client, "nightly/nightly", days=1)
    newest = run_now(ignore)
    # No engine is opened for it: it would fail.
    monkeypatch.delattr("flows.nightly.opened_engine")
    run = await carried_out(client, nightly, missed)
    state, message = state_and_message(run)
    assert state == "CANCELLED"
    assert f"Run {newest} " in message
    assert [row.run_id for row in rows(shop, "select run_id from model_runs")] == [newest]


async def test_a_night_that_somebody_starts_runs_however_new_the_last_one_is(
    shop: Engine, client: PrefectClient
) -> None:
    deployment = await client.read_deployment_by_name("nightly/nightly")
    yesterday = Scheduled(scheduled_time=datetime.now(UTC) - timedelta(days=1))
    started = await client.create_flow_run_from_deployment(deployment.id, state=yesterday)
    newest = run_now(ignore)
    run = await carried_out(client, nightly, started.id)
    assert state_and_message(run)[0] == "COMPLETED", state_and_message(run)
    assert [row.run_id for row in rows(shop, "select run_id from model_runs order by 1")] == [
        newest,
        newest + 1,
    ]


async def test_a_missed_night_runs_if_the_one_that_began_since_broke_down(
    shop: Engine, client: PrefectClient
) -> None:
    (missed,) = await miss(client, "nightly/nightly", days=1)
    with shop.begin() as connection:
        connection.execute(
            text(
                "insert into model_runs (cut_off_position, cut_off_at, state, finished_at)"
                " values (0, now(), 'failed', now())"
            )
        )
    run = await carried_out(client, nightly, missed)
    assert state_and_message(run)[0] == "COMPLETED", state_and_message(run)


@pytest.mark.parametrize(
    ("flow", "lock"), [(nightly, NIGHT), (tune, TUNING)], ids=["nightly", "tune"]
)
async def test_what_is_due_while_another_is_in_progress_is_cancelled(
    shop: Engine,
    client: PrefectClient,
    flow: Flow[..., Any],
    lock: AdvisoryLock,
) -> None:
    found = await client.read_deployment_by_name(f"{flow.name}/{flow.name}")
    due = await client.create_flow_run_from_deployment(found.id, state=Scheduled())
    with shop.connect() as connection, session_lock(connection, lock):
        run = await carried_out(client, flow, due.id)
    state, message = state_and_message(run)
    assert state == "CANCELLED", message
    assert "in progress" in message
