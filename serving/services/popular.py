"""What is popular, for everybody."""

from dataclasses import dataclass

from domain.errors import StoreUnavailableError
from serving.repositories.runs import LiveRun
from serving.services.held_popular import HeldPopular
from serving.services.list_making import ListMaker
from serving.services.live_runs import LiveRuns
from serving.services.made_list import RecommendedItem


@dataclass(frozen=True, slots=True)
class PopularList:
    """Popular items, best first."""

    run: LiveRun | None
    items: tuple[RecommendedItem, ...]


class Popular:
    """Answers requests for popular lists."""

    def __init__(self, live_runs: LiveRuns, lists: ListMaker, held: HeldPopular) -> None:
        self._live_runs = live_runs
        self._lists = lists
        self._held = held

    async def popular(self, limit: int, category: str) -> PopularList:
        """The popular items of a category ('' is the whole catalogue).

        With the store away, the whole catalogue's list is the one held in memory; a category's is
        StoreUnavailableError.
        """

        async def read(run: LiveRun | None) -> PopularList:
            items = await self._lists.popular(run, limit=limit, category=category)
            return PopularList(run, items)

        try:
            return await self._live_runs.reading(read)
        except StoreUnavailableError:
            if category:
                raise
            held = self._held.top(limit)
            return PopularList(held.run, held.items)
