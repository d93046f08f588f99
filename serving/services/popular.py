"""What is popular, for everybody."""

from dataclasses import replace

from domain.errors import StoreUnavailableError
from serving.budget import in_time
from serving.metrics import ServingMetrics
from serving.repositories.runs import LiveRun
from serving.services.held_categories import HeldCategories
from serving.services.held_popular import LONGEST, HeldPopular
from serving.services.list_making import ListMaker
from serving.services.live_runs import LiveRuns
from serving.services.made_list import PopularList, degraded_by
from serving.services.replica_reading import ReplicaReading, taking


class Popular:
    """Answers requests for popular lists."""

    def __init__(
        self,
        *,
        live_runs: LiveRuns,
        lists: ListMaker,
        held: HeldPopular,
        categories: HeldCategories,
        replica: ReplicaReading,
        metrics: ServingMetrics,
    ) -> None:
        self._live_runs = live_runs
        self._lists = lists
        self._held = held
        self._categories = categories
        self._replica = replica
        self._metrics = metrics

    async def popular(self, limit: int, category: str) -> PopularList:
        """The popular items of a category ('' is the whole catalogue).

        With the store away it is the list held in memory. StoreUnavailableError if there is none:
        of a category that nobody has asked this process for, or of all.
        """
        try:
            listed = await in_time(self._load(limit, category))
        except StoreUnavailableError as error:
            held = self._find_held(limit, category)
            if held is None:
                raise
            reason = degraded_by(error)
            self._metrics.degraded.labels(reason).inc()
            return replace(held, items=held.items[:limit], level="held", degraded=reason)
        if category:
            self._categories.hold(category, listed)
        return listed

    async def refresh(self) -> None:
        """Make the lists of the held categories again, as long as any may be asked for."""
        await self._categories.refresh(lambda category: self._load(LONGEST, category))

    async def _load(self, limit: int, category: str) -> PopularList:
        async def read(run: LiveRun | None) -> PopularList:
            with taking(await self._replica.leave_for_all(run)):
                items = await self._lists.popular(run, limit=limit, category=category)
            return PopularList(run, items)

        return await self._live_runs.reading(read)

    def _find_held(self, limit: int, category: str) -> PopularList | None:
        if category:
            return self._categories.find(category)
        if not self._held.can_answer():
            return None
        made = self._held.top(limit)
        return PopularList(made.run, made.items)
