"""When flows come by themselves, as Prefect says."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

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


class ScheduleReader:
    """Asks Prefect."""

    def __init__(self, prefect: PrefectApi | None, pages: str | None) -> None:
        self._prefect = prefect
        self._pages = pages

    async def load(self) -> Schedule:
        """What comes; while Prefect is away, why that is not known."""
        if self._prefect is None:
            return Schedule((), None, is_known=False)
        now = datetime.now(UTC)
        try:
            found = await asyncio.to_thread(self._prefect.deployments, now)
        except PrefectAskedInVainError as error:
            return Schedule((), self._pages, fault=str(error))
        scheduled = [each for each in found if each.has_schedule]
        last = datetime.max.replace(tzinfo=UTC)
        return Schedule(
            sorted(scheduled, key=lambda each: (each.next_run_at or last, each.name)), self._pages
        )
