"""Making lists long enough: what is popular, then anything that is eligible."""

from collections.abc import Iterable, Sequence

from domain.blend import CANDIDATES
from domain.identifiers import ItemNo
from serving.candidates.catalogue_items import ListedItems, load_eligible, load_listed
from serving.candidates.filters import Filters
from serving.candidates.recommendations import Recommendations
from serving.lists.decision import Fallback
from serving.lists.list_builder import ListBuilder
from serving.lists.recommendation_list import RecommendedItem, backfill_items
from serving.runs.live_runs import LiveRun

_MOST_ROUNDS = 3
"""Each costs a statement, and may do no more than fill another category up."""


class Backfiller:
    """Fills lists up until they are full, or nothing eligible is left."""

    def __init__(self, recommendations: Recommendations, *, log_events: int) -> None:
        self._recommendations = recommendations
        self._log_events = log_events

    async def begin(
        self,
        builder: ListBuilder,
        first: Iterable[RecommendedItem],
        excluded: Sequence[ItemNo],
        filters: Filters,
    ) -> None:
        """Fill an empty list: these first, then any other eligible items."""
        builder.add(first)
        await self._fill_up(builder, excluded, filters)

    async def fill(
        self, run: LiveRun, builder: ListBuilder, excluded: Sequence[ItemNo], filters: Filters
    ) -> None:
        """Put popular items at the end of a list, if it is too short."""
        if builder.missing:
            listed = await self.load_popular(run, [*excluded, *_numbers(builder.items)], filters)
            builder.add(backfill_items(listed.items.values()))
            await self._fill_up(builder, excluded, filters)

    async def add_unused(
        self,
        builder: ListBuilder,
        unused: Sequence[ItemNo],
        excluded: Sequence[ItemNo],
        filters: Filters,
    ) -> None:
        """Put items that gave way to others at the end of a list that would be too short."""
        if builder.missing and unused:
            builder.relax()
            listed = await load_eligible(
                self._recommendations.store,
                unused,
                [*excluded, *_numbers(builder.items)],
                filters,
                items=builder.missing,
            )
            builder.add(backfill_items(listed.items.values()))

    async def _fill_up(
        self, builder: ListBuilder, excluded: Sequence[ItemNo], filters: Filters
    ) -> None:
        """Put any eligible items at the end, first of categories that are not full."""
        for _ in range(_MOST_ROUNDS):
            if not (builder.missing and builder.full()):
                break
            if not await self._add_any(
                builder, excluded, filters.without(builder.full()), CANDIDATES
            ):
                break
        if builder.missing and not builder.has_deferred:
            await self._add_any(builder, excluded, filters, builder.missing)
        builder.add_deferred()
        if builder.missing:
            builder.relax()
            await self._add_any(builder, excluded, filters, builder.missing)

    async def _add_any(
        self, builder: ListBuilder, excluded: Sequence[ItemNo], filters: Filters, items: int
    ) -> bool:
        """Whether there were any."""
        listed = await self._recommendations.load_any_items(
            [*excluded, *_numbers(builder.items)], filters=filters, items=items
        )
        builder.add(backfill_items(listed.items.values()))
        return bool(listed.items)

    async def load_for_strangers(
        self,
        run: LiveRun | None,
        wanted: Fallback | None,
        excluded: Sequence[ItemNo],
        filters: Filters,
    ) -> tuple[ListedItems, Fallback]:
        """The list for who is not known, and which it is: what is popular where it is empty."""
        store = self._recommendations.store
        listed = None
        if wanted == "trending" and run is not None:
            listed = await load_listed(store, run.run_id, "trending_week", excluded, filters)
        elif wanted == "latest":
            listed = await self._recommendations.load_any_items(
                excluded, filters=filters, items=CANDIDATES
            )
        if wanted is not None and listed is not None and listed.items:
            return listed, wanted
        return await self.load_popular(run, excluded, filters), "popular"

    async def load_popular(
        self, run: LiveRun | None, excluded: Sequence[ItemNo], filters: Filters
    ) -> ListedItems:
        """What is popular among the eligible."""
        if run is not None:
            listed = await load_listed(
                self._recommendations.store, run.run_id, "popular", excluded, filters
            )
            if listed.items:
                return listed
        return await self._recommendations.load_popular_of_log(
            excluded, filters=filters, events=self._log_events
        )


def _numbers(items: Iterable[RecommendedItem]) -> list[ItemNo]:
    return [item.item_no for item in items]
