"""Prefect's own history: old flow runs with their task runs, logs and artifacts.

Prefect's server clears old events away by itself, and logs that are left over; flow runs it keeps
for ever unless it is told otherwise.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.exceptions import ObjectNotFound

RUNS_A_REQUEST = 50
"""The most that Prefect deletes at once."""


@dataclass(frozen=True, slots=True)
class ClearedRuns:
    """What one batch deleted."""

    runs: int
    artifacts: int


def clear_old_runs(before: datetime) -> Iterator[ClearedRuns]:
    """Delete the flow runs that ended before a time, batch by batch, the artifacts first.

    Whoever is stopped in between leaves nothing behind that the next one does not find. Runs that
    have not ended stay, however old.
    """
    with get_client(sync_client=True) as client:
        while run_ids := _find_old_runs(client, before):
            artifacts = _delete_artifacts(client, run_ids)
            deleted = _delete_runs(client, run_ids)
            yield ClearedRuns(deleted, artifacts)
            if not deleted:
                return


def _find_old_runs(client: SyncPrefectClient, before: datetime) -> list[str]:
    asked = {
        "flow_runs": {
            "end_time": {"before_": before.isoformat()},
            "state": {"type": {"any_": sorted(state.value for state in TERMINAL_STATES)}},
        },
        "limit": RUNS_A_REQUEST,
    }
    return [run["id"] for run in _post(client, "/flow_runs/filter", asked)]


def _delete_artifacts(client: SyncPrefectClient, run_ids: Sequence[str]) -> int:
    asked = {"artifacts": {"flow_run_id": {"any_": list(run_ids)}}}
    deleted = 0
    while found := _post(client, "/artifacts/filter", asked):
        before = deleted
        for artifact in found:
            with suppress(ObjectNotFound):
                client.delete_artifact(artifact["id"])
                deleted += 1
        if deleted == before:
            break
    return deleted


def _delete_runs(client: SyncPrefectClient, run_ids: Sequence[str]) -> int:
    """Task runs go with their flow run; the server deletes the logs a moment later."""
    asked = {"flow_runs": {"id": {"any_": list(run_ids)}}, "limit": RUNS_A_REQUEST}
    return len(_post(client, "/flow_runs/bulk_delete", asked)["deleted"])


def _post(client: SyncPrefectClient, path: str, body: dict[str, Any]) -> Any:
    return client.request("POST", path, json=body).json()  # type: ignore[arg-type]
