"""What is due while Prefect's server rests: written by who stops it, read instead of asking it."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from serving.console.prefect_api import Deployment

_MODE = 0o600
_TIMES = ("changed_at", "next_run_at", "overdue_since")


@dataclass(frozen=True, slots=True)
class KeptSchedule:
    """Prefect's last word before it was stopped."""

    until: datetime
    """When it is started again by itself."""
    deployments: Sequence[Deployment]

    def at(self, now: datetime) -> "KeptSchedule":
        """The same with what should have begun by now marked as overdue."""
        return replace(self, deployments=[_at(each, now) for each in self.deployments])


def store_schedule(file: Path, kept: KeptSchedule) -> None:
    """Replace the file, mode 0600, at once."""
    draft = file.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
    with os.fdopen(descriptor, "w") as written:
        json.dump(asdict(kept), written, default=datetime.isoformat)
    draft.replace(file)


def find_schedule(file: Path) -> KeptSchedule | None:
    """What was kept; None: Prefect does not rest, or the file is damaged."""
    try:
        content: dict[str, Any] = json.loads(file.read_text())
        deployments = [Deployment(**_with_times(each)) for each in content["deployments"]]
        return KeptSchedule(datetime.fromisoformat(content["until"]), deployments)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _at(deployment: Deployment, now: datetime) -> Deployment:
    due = deployment.next_run_at
    if due is None or due > now:
        return deployment
    return replace(deployment, next_run_at=None, overdue_since=deployment.overdue_since or due)


def _with_times(described: dict[str, Any]) -> dict[str, Any]:
    times = {name: described[name] for name in _TIMES if described[name] is not None}
    return described | {name: datetime.fromisoformat(time) for name, time in times.items()}
