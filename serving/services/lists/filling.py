"""Making lists long enough: what is popular, then anything that is eligible."""

from collections.abc import Iterable, Sequence

from domain.blend import CANDIDATES
from domain.identifiers import ItemNo
from serving.repositories.filters import EVERYTHING, Filters
from serving.repositories.listed_items import ListedItems
from serving.repositories.recommendations import Recommendations
from serving.repositories.runs import LiveRun
from serving.services.lists.made_list import RecommendedItem, fillers, with_scores
from serving.services.lists.slots import Draft

_MOST_ROUNDS = 3
"""Each costs a statement, and may do no more than fill another category up."""


class Filler:
    """Fills drafts until they are full, or nothing eligible is left."""

    def __init__(self, recommendations: Recommendations, *, log_events: int) -> None:
        self._recommendations = recommendations
        self._log_events = log_events

    async def begin(
        self,
        run: LiveRun | None,
        draft: Draft,
        excluded: Sequence[ItemNo],
        filters: Filters = EVERYTHING,
    ) -> None:
        """Fill an empty draft, popular items first, with their scores scaled to [0, 1]."""
        listed = await self._popular(run, excluded, filters)
        draft.offer(with_scores(listed))
        await self._fill_up(draft, excluded, filters)

    async def fill(
        self, run: LiveRun, draft: Draft, excluded: Sequence[ItemNo], filters: Filters
    ) -> None:
        """Put popular items at the end of a draft, if it is too short."""
        if draft.missing:
            listed = await self._popular(run, [*excluded, *_numbers(draft.items)], filters)
            draft.offer(fillers(listed.items.values()))
            await self._fill_up(draft, excluded, filters)

    async def _fill_up(self, draft: Draft, excluded: Sequence[ItemNo], filters: Filters) -> None:
        """Put any eligible items at the end, first of categories that are not full."""
        for _ in range(_MOST_ROUNDS):
            if not (draft.missing and draft.full()):
                break
            if not await self._offer_any(
                draft, excluded, filters.without(draft.full()), CANDIDATES
            ):
                break
        if draft.missing and not draft.waits:
            await self._offer_any(draft, excluded, filters, draft.missing)
        draft.give_way()
        if draft.missing:
            draft.lift_cap()
            await self._offer_any(draft, excluded, filters, draft.missing)

    async def _offer_any(
        self, draft: Draft, excluded: Sequence[ItemNo], filters: Filters, items: int
    ) -> bool:
        """Whether there were any."""
        listed = await self._recommendations.load_any_items(
            [*excluded, *_numbers(draft.items)], filters=filters, items=items
        )
        draft.offer(fillers(listed.items.values()))
        return bool(listed.items)

    async def _popular(
        self, run: LiveRun | None, excluded: Sequence[ItemNo], filters: Filters
    ) -> ListedItems:
        if run is not None:
            listed = await self._recommendations.load_popular(run.run_id, excluded, filters=filters)
            if listed.items:
                return listed
        return await self._recommendations.load_popular_of_log(
            excluded, filters=filters, events=self._log_events
        )


def _numbers(items: Iterable[RecommendedItem]) -> list[ItemNo]:
    return [item.item_no for item in items]
