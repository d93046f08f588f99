"""The deployments of prefect.yaml stand in Prefect, and those of a data team's imports."""

from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import DeploymentSort
from prefect.deployments.steps.core import run_steps

from domain.errors import InvalidInputError
from flows.deployments import register_deployments
from flows.import_deployments import register_imports
from flows.project_folder import PROJECT

pytestmark = pytest.mark.usefixtures("prefect_server")


async def test_the_nightly_deployment_runs_at_three_utc_in_the_pool_tandem() -> None:
    assert await register_deployments() == [
        "nightly",
        "tune",
        "housekeeping",
        "rollback",
        "import",
        "diagnose",
    ]
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


async def test_the_form_of_every_deployment_explains_itself() -> None:
    names = await register_deployments()
    async with get_client() as client:
        registered = [
            deployment
            for deployment in await client.read_deployments(limit=200, sort=DeploymentSort.NAME_ASC)
            if deployment.name in names
        ]
    assert {deployment.name for deployment in registered} == set(names)
    for deployment in registered:
        assert len(deployment.description or "") > 100, deployment.name
        assert deployment.tags[0] == "tandem"
        assert len(deployment.tags) == 2
        schema = deployment.parameter_openapi_schema
        assert schema is not None
        for name, described in schema["properties"].items():
            assert described.get("description"), f"{deployment.name}: {name}"


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


IMPORT = """
imports:
  - name: purchases
    cron: "10 * * * *"
    timezone: Europe/Berlin
    parameters:
      source: warehouse
      query: select * from purchases where updated_at >= {since}
      high_water_mark: updated_at
      columns: {user_id: customer_no}
"""


async def test_the_imports_of_a_file_become_deployments(tmp_path: Path) -> None:
    (tmp_path / "imports.yaml").write_text(IMPORT)
    assert await register_imports(tmp_path / "imports.yaml") == ["purchases"]
    async with get_client() as client:
        deployment = await client.read_deployment_by_name("import/purchases")
    (schedule,) = deployment.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("10 * * * *", "Europe/Berlin")
    assert deployment.parameters["name"] == "purchases"
    assert deployment.parameters["columns"] == {"user_id": "customer_no"}
    assert (deployment.entrypoint, deployment.work_pool_name) == (
        "flows/import_new.py:import_from_source",
        "tandem",
    )


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("source: warehouse", "source: postgresql://me:pw@host/shop", "Put it into a Secret"),
        ("columns:", "colums:", "are not valid"),
        ("cron:", "crom:", "with crom"),
        ("imports:", "- imports:", "cannot be read|no list"),
    ],
)
async def test_imports_that_cannot_be_are_not_registered(
    tmp_path: Path, before: str, after: str, reason: str
) -> None:
    text = IMPORT.replace("purchases\n", "refused\n", 1).replace(before, after, 1)
    (tmp_path / "imports.yaml").write_text(text)
    with pytest.raises(InvalidInputError, match=reason):
        await register_imports(tmp_path / "imports.yaml")
