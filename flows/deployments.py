"""Registers the deployments of `prefect.yaml`: `python -m flows.deployments`.

Quicker than `prefect deploy --all`, and harmless when nothing has changed: a deployment that stands
as the file says is left alone, and with it what the data team changed in the UI.
"""

import asyncio
import hashlib
import json
from typing import Any

import yaml
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from flows.project_folder import PROJECT, deployments_file
from sql.environment import refuse_unknown_variables

_POOL_TYPE = "process"


async def register_deployments() -> list[str]:
    """Make sure the work pools and deployments of `prefect.yaml` exist; their names."""
    deployments = _described()["deployments"]
    async with get_client() as client:
        await ensure_deployments(client, deployments)
    return [deployment["name"] for deployment in deployments]


async def ensure_deployments(client: PrefectClient, deployments: list[dict[str, Any]]) -> None:
    """Make sure that deployments, described as in `prefect.yaml`, exist with their work pools."""
    pull_steps = _described()["pull"]
    for deployment in deployments:
        await _ensure_work_pool(client, deployment["work_pool"]["name"])
        await _ensure_deployment(client, deployment, pull_steps)


def _described() -> dict[str, Any]:
    described: dict[str, Any] = yaml.safe_load(deployments_file().read_text(encoding="utf-8"))
    return described


async def _ensure_work_pool(client: PrefectClient, name: str) -> None:
    try:
        await client.create_work_pool(WorkPoolCreate(name=name, type=_POOL_TYPE))
    except ObjectAlreadyExists:
        return


async def _ensure_deployment(
    client: PrefectClient, deployment: dict[str, Any], pull_steps: list[dict[str, Any]]
) -> None:
    entrypoint = str(PROJECT / deployment["entrypoint"])
    described_flow: Flow[..., Any] = load_flow_from_entrypoint(
        entrypoint, use_placeholder_flow=False
    )
    schema = parameter_schema(described_flow).model_dump_for_openapi()
    version = _version(deployment, pull_steps, schema)
    if await _registered_version(client, described_flow.name, deployment["name"]) == version:
        return
    await client.create_deployment(
        flow_id=await client.create_flow_from_name(described_flow.name),
        name=deployment["name"],
        version=version,
        description=deployment["description"],
        tags=deployment["tags"],
        entrypoint=deployment["entrypoint"],
        parameters=deployment["parameters"],
        parameter_openapi_schema=schema,
        enforce_parameter_schema=True,
        schedules=[_schedule(schedule) for schedule in deployment["schedules"]],
        work_pool_name=deployment["work_pool"]["name"],
        pull_steps=pull_steps,
    )


async def _registered_version(
    client: PrefectClient, flow_name: str, deployment_name: str
) -> str | None:
    try:
        return (await client.read_deployment_by_name(f"{flow_name}/{deployment_name}")).version
    except ObjectNotFound:
        return None


def _schedule(described: dict[str, str]) -> DeploymentScheduleCreate:
    schedule = CronSchedule(cron=described["cron"], timezone=described["timezone"])
    return DeploymentScheduleCreate(schedule=schedule, active=True)


def _version(*parts: Any) -> str:
    """The same text as long as the description stays the same."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


if __name__ == "__main__":
    refuse_unknown_variables()
    asyncio.run(register_deployments())
