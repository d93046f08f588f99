"""When flows come by themselves, as Prefect says."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from serving.console.kept_schedule import find_schedule
from serving.console.prefect_api import Deployment, PrefectApi, PrefectAskedInVainError


@dataclass(frozen=True, slots=True)
class Schedule:
    """What comes when, the soonest first."""

    deployments: Sequence[Deployment]
    """Those with a schedule."""
    pages: str | None
    """The address of Prefect's pages."""
    fault: str | None = None
    """Why nothing is known; None: it is."""
    is_known: bool = True
    """Whether it is known where Prefect is."""
    rests: bool = False
    """Whether Prefect's server rests and is started when it is needed."""


class ScheduleReader:
    """Asks Prefect."""

    def __init__(
        self, prefect: PrefectApi | None, pages: str | None, rest_file: Path | None = None
    ) -> None:
        self._prefect = prefect
        self._pages = pages
        self._rest_file = rest_file

    async def load(self) -> Schedule:
        """What comes; while Prefect is away, why that is not known."""
        now = datetime.now(UTC)
        kept = None if self._rest_file is None else find_schedule(self._rest_file)
        if kept is not None:
            # To ask it would start it.
            return Schedule(_soonest_first(kept.at(now).deployments), self._pages, rests=True)
        if self._prefect is None:
            return Schedule((), None, is_known=False)
        try:
            found = await asyncio.to_thread(self._prefect.deployments, now)
        except PrefectAskedInVainError as error:
            return Schedule((), self._pages, fault=str(error))
        return Schedule(_soonest_first(found), self._pages)


def _soonest_first(deployments: Iterable[Deployment]) -> list[Deployment]:
    """Those with a schedule."""
    last = datetime.max.replace(tzinfo=UTC)
    scheduled = [each for each in deployments if each.has_schedule]
    return sorted(scheduled, key=lambda each: (each.next_run_at or last, each.name))
