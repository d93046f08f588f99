"""Deployments started through Prefect's API as its pages start them, and what is read there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilterDeploymentId
from sqlalchemy import Engine

from flows.deployments import register_deployments
from flows.diagnose import diagnose
from flows.housekeeping import housekeeping
from flows.rollback import rollback
from tests.flows.asking_prefect import artifacts_of, post
from tests.flows.test_missed_nights import carried_out, due_runs, work_once
from tests.flows.test_nightly import ask_prefect, rows, value
from tests.serving.conftest import Seeds
from tests.serving.process import RunningApi, running_api

pytestmark = pytest.mark.usefixtures("prefect_server")

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
DAY = rf"[1-9]\d? ({MONTHS})"


async def start(deployment: str, **parameters: Any) -> httpx.Response:
    """What the form of a deployment sends; nothing else is due."""
    await register_deployments()
    async with get_client() as client:
        # Of schedules, and of other tests.
        for run in await due_runs(client, FlowRunFilterDeploymentId(is_null_=False)):
            await client.delete_flow_run(run.id)
        found = await client.read_deployment_by_name(deployment)
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    return post(f"deployments/{found.id}/create_flow_run", body)


async def test_a_night_started_with_other_parameters_says_what_it_was_and_what_it_changed(
    shop: Engine, first_run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await start("nightly/nightly", retained_runs=2, gate_margin=1, factors=4)
    flow_run_id = started.raise_for_status().json()["id"]
    work_once(monkeypatch)

    flow_run = ask_prefect(f"flow_runs/{flow_run_id}")
    assert flow_run["state_type"] == "COMPLETED", flow_run["state"]
    run_id = value(shop, "select run_id from live_run")
    assert run_id != first_run
    assert re.fullmatch(rf"run {run_id}, night of {DAY}", flow_run["name"])
    (run,) = rows(shop, "select * from model_runs where run_id = :run_id", run_id=run_id)
    assert str(run.flow_run_id) == flow_run_id
    assert run.parameters["lists"]["factors"] == 4

    artifacts = artifacts_of(flow_run_id)
    assert set(artifacts) == {
        "nightly-summary",
        "nightly-figures",
        "nightly-changes",
        "nightly-lists",
    }
    assert "data:image/svg+xml" in artifacts["nightly-summary"]["data"]
    changes = artifacts["nightly-changes"]["data"]
    assert f"| parameter | run {first_run} | run {run_id} |" in changes
    assert "| lists: factors | 8 | 4 |" in changes
    assert "| items | 60 | 60 | = |" in changes
    lists = artifacts["nightly-lists"]["data"]
    assert lists.count("## User ") == 20
    assert (
        len(re.findall(r"^\| 1 \| Item \d+ \| (\*\*)?Item \d+(\*\*)? \|$", lists, re.MULTILINE))
        == 20
    )
    assert "user-" not in lists, "a forgotten user must not be found by the id"

    tasks = post(
        "task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}, "limit": 100}
    ).json()
    assert {"Read the history", "Write the lists", "Promote"} <= {task["name"] for task in tasks}


async def test_parameters_that_cannot_be_are_refused_before_anything_runs(shop: Engine) -> None:
    for wrong in ({"gate_margin": 2}, {"retained_runs": "many"}):
        refused = await start("nightly/nightly", **wrong)
        assert refused.status_code in {409, 422}, refused.text
        assert next(iter(wrong)) in refused.text


async def test_other_flow_runs_are_called_by_what_they_do(
    shop: Engine, first_run: int, second_run: int
) -> None:
    assert rollback(run=first_run) == first_run
    housekeeping()
    names = [
        run["name"]
        for run in post("flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 2}).json()
    ]
    patterns = [rf"housekeeping of {DAY}", f"back to run {first_run}"]
    assert len(names) == 2
    for name, pattern in zip(names, patterns, strict=True):
        assert re.fullmatch(pattern, name), name
    promoted = value(shop, "select promoted_by from promotions order by promotion_no desc limit 1")
    assert promoted == f"Prefect, flow run back to run {first_run}"


@pytest.fixture
def api(
    first_run: int,
    database_url: str,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RunningApi]:
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "empty"))
    with running_api(database_url, redis_url, tmp_path / "api.log") as running:
        monkeypatch.setenv("TANDEM_API_PORT", str(running.port))
        yield running


async def test_a_diagnosis_says_what_to_do_and_ends_as_failed_while_something_is_wrong(
    api: RunningApi, shop: Engine
) -> None:
    started = await start("diagnose/diagnose", only_problems=True)
    assert started.is_success
    async with get_client() as client:
        without_key = await carry_out(client, started)
        assert "There is no key to ask the API with." in without_key["state"]["message"]
        secret = Secret(value=Seeds(shop, []).key("admin"))
        await secret.save("diagnose-key", overwrite=True)  # type: ignore[misc]
        found = await carry_out(client, await start("diagnose/diagnose", only_problems=True))
        await client.delete_block_document(
            (await client.read_block_document_by_name("diagnose-key", "secret")).id
        )
    assert found["state_type"] == "FAILED"
    assert "No speed worker is seen" in found["state"]["message"]
    assert re.fullmatch(rf"diagnosis of {DAY}, \d\d:\d\d", found["name"])
    table = artifacts_of(found["id"])["diagnosis"]["data"]
    assert "| ✗ | worker |" in table
    assert "tandem up" in table
    assert "| ✓ |" not in table


async def carry_out(client: PrefectClient, started: httpx.Response) -> Any:
    run = await carried_out(client, diagnose, started.raise_for_status().json()["id"])
    return ask_prefect(f"flow_runs/{run.id}")
