"""What Prefect's API answers."""

from http import HTTPStatus
from typing import Any

import httpx
from prefect.settings import PREFECT_API_URL

from tests.waiting import wait_until


def post(path: str, body: Any) -> httpx.Response:
    """The answer; as Prefect's own client does, ask again while its database is locked."""
    answers: list[httpx.Response] = []

    def answered() -> bool:
        answers.append(httpx.post(f"{PREFECT_API_URL.value()}/{path}", json=body, timeout=60))
        return answers[-1].status_code != HTTPStatus.SERVICE_UNAVAILABLE

    wait_until(answered)
    return answers[-1]


def artifacts_of(flow_run_id: object) -> dict[str, Any]:
    """Those of a flow run, by key."""
    asked = {"artifacts": {"flow_run_id": {"any_": [str(flow_run_id)]}}}
    found = post("artifacts/filter", asked).raise_for_status().json()
    return {artifact["key"]: artifact for artifact in found}
