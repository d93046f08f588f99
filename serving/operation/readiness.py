"""Whether this process can do its work."""

from dataclasses import dataclass

from domain.errors import StoreUnavailableError
from serving.events.kinds import Kinds
from serving.redis.answers import Answers
from serving.runs.live_runs import Runs
from serving.runtime.budget import Budget, spending
from serving.runtime.tasks import SingleFlight


@dataclass(frozen=True, slots=True)
class Ready:
    """What is there."""

    redis: bool
    """Not required: without it, answers come from PostgreSQL."""


class Readiness:
    """Asks the stores."""

    def __init__(self, runs: Runs, kinds: Kinds, answers: Answers, *, seconds: float) -> None:
        self._runs = runs
        self._kinds = kinds
        self._answers = answers
        self._seconds = seconds
        self._checks: SingleFlight[Ready] = SingleFlight()

    async def check(self) -> Ready:
        """Return if requests can be served; StoreUnavailableError says what is missing.

        It asks even while PostgreSQL is being left alone, and however many ask, once.
        """
        with spending(Budget.of("background", self._seconds, probing=True)):
            return await self._checks.run("ready", self._check)

    async def _check(self) -> Ready:
        if not await self._runs.is_migrated():
            raise StoreUnavailableError("The database is not at the newest revision. Migrate it.")
        if not self._kinds.loaded:
            await self._kinds.refresh()
        if not self._kinds.loaded:
            raise StoreUnavailableError("The table event_kinds is empty.")
        return Ready(redis=await self._answers.ping())
