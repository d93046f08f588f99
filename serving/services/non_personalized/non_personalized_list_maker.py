"""Making a non-personalized list: its own items, then what is popular, then anything eligible."""

from collections.abc import Sequence

from domain.identifiers import ItemNo
from serving.lists.list_maker import ListMaker
from serving.lists.recommendation_list import RecommendedItem, backfill_items, with_scores
from serving.repositories.non_personalized_lists import NonPersonalizedLists
from serving.runs.live_runs import LiveRun
from serving.services.non_personalized.non_personalized_list import (
    NonPersonalizedList,
    NonPersonalizedRequest,
)
from serving.services.non_personalized.starter import Starter


class NonPersonalizedListMaker:
    """Makes lists; a list has as many items as were asked for, or all that are eligible."""

    def __init__(self, lists: NonPersonalizedLists, list_maker: ListMaker) -> None:
        self._lists = lists
        self._list_maker = list_maker
        self._starter = Starter(lists)

    async def make(
        self, run: LiveRun | None, request: NonPersonalizedRequest, excluded: Sequence[ItemNo] = ()
    ) -> NonPersonalizedList:
        """The list; RunGoneError if the run was dropped.

        Where it would be empty, or there is no run yet, it is what is popular.
        """
        items = (await self._own_items(run, request, excluded))[: request.limit]
        strategy = request.key.strategy if items or request.key.name == "latest" else "popular"
        missing = request.limit - len(items)
        if not missing or strategy == "latest":
            return NonPersonalizedList(strategy, run, items)
        popular = await self._list_maker.popular(
            run,
            limit=missing,
            excluded=[*excluded, *(item.item_no for item in items)],
            category=request.key.category,
        )
        return NonPersonalizedList(
            strategy, run, (*items, *backfill_items(popular)) if items else popular
        )

    async def _own_items(
        self, run: LiveRun | None, request: NonPersonalizedRequest, excluded: Sequence[ItemNo]
    ) -> tuple[RecommendedItem, ...]:
        key = request.key
        if key.name == "latest":
            latest = await self._lists.load_latest(key.category, excluded, items=request.limit)
            return backfill_items(latest.items.values())
        if run is None or key.name == "popular":
            return ()
        if key.name == "starter":
            order = await self._starter.order(run, key.category, request.session)
            eligible = await self._lists.load_eligible(
                order, key.category, excluded, items=request.limit
            )
            return backfill_items(eligible.items.values())
        return with_scores(
            await self._lists.load_listed(run.run_id, key.name, key.category, excluded)
        )
