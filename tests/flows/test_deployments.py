"""The deployments of prefect.yaml stand in Prefect."""

import pytest
from prefect.client.orchestration import get_client
from prefect.deployments.steps.core import run_steps

from flows.deployments import register_deployments
from flows.project_folder import PROJECT

pytestmark = pytest.mark.usefixtures("prefect_server")


async def test_the_nightly_deployment_runs_at_three_utc_in_the_pool_tandem() -> None:
    assert await register_deployments() == ["nightly", "tune", "housekeeping", "rollback", "import"]
    async with get_client() as client:
        deployment = await client.read_deployment_by_name("nightly/nightly")
        pool = await client.read_work_pool("tandem")
    assert pool.type == "process"
    assert deployment.work_pool_name == "tandem"
    (schedule,) = deployment.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 3 * * *", "UTC")
    assert deployment.parameter_openapi_schema is not None
    described = deployment.parameter_openapi_schema["properties"]["gate_margin"]
    assert "worse than the served run" in described["description"]


async def test_registering_again_leaves_what_was_changed_in_the_ui() -> None:
    await register_deployments()
    async with get_client() as client:
        deployment = await client.read_deployment_by_name("nightly/nightly")
        (schedule,) = deployment.schedules
        await client.update_deployment_schedule(deployment.id, schedule.id, active=False)
        await register_deployments()
        (schedule,) = (await client.read_deployment_by_name("nightly/nightly")).schedules
    assert not schedule.active


async def test_the_pull_steps_lead_into_the_project_from_anywhere(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    await register_deployments()
    async with get_client() as client:
        deployment = await client.read_deployment_by_name("nightly/nightly")
    assert deployment.pull_steps is not None
    output = await run_steps(deployment.pull_steps)
    assert output["directory"] == str(PROJECT)
    assert deployment.entrypoint == "flows/nightly.py:nightly"
