"""Making a list from a shelf: what is on it, then what is popular, then anything eligible."""

from collections.abc import Sequence

from domain.identifiers import ItemNo
from serving.repositories.runs import LiveRun
from serving.repositories.shelves import Shelves
from serving.services.lists.made_list import RecommendedItem, fillers, with_scores
from serving.services.lists.making import ListMaker
from serving.services.shelves.shelf import NonPersonalizedRequest, ShelfList
from serving.services.shelves.starter import Starter


class ShelfMaker:
    """Makes lists; a list has as many items as were asked for, or all that are eligible."""

    def __init__(self, shelves: Shelves, lists: ListMaker) -> None:
        self._shelves = shelves
        self._lists = lists
        self._starter = Starter(shelves)

    async def make(
        self, run: LiveRun | None, request: NonPersonalizedRequest, excluded: Sequence[ItemNo] = ()
    ) -> ShelfList:
        """The list; RunGoneError if the run was dropped.

        A shelf that is empty, or of a run that is still to come, gives way to what is popular.
        """
        items = (await self._own_items(run, request, excluded))[: request.limit]
        level = request.shelf.level if items or request.shelf.name == "latest" else "popular"
        missing = request.limit - len(items)
        if not missing or level == "latest":
            return ShelfList(level, run, items)
        popular = await self._lists.popular(
            run,
            limit=missing,
            excluded=[*excluded, *(item.item_no for item in items)],
            category=request.shelf.category,
        )
        return ShelfList(level, run, (*items, *fillers(popular)) if items else popular)

    async def _own_items(
        self, run: LiveRun | None, request: NonPersonalizedRequest, excluded: Sequence[ItemNo]
    ) -> tuple[RecommendedItem, ...]:
        shelf = request.shelf
        if shelf.name == "latest":
            latest = await self._shelves.load_latest(shelf.category, excluded, items=request.limit)
            return fillers(latest.items.values())
        if run is None or shelf.name == "popular":
            return ()
        if shelf.name == "starter":
            order = await self._starter.order(run, shelf.category, request.session)
            eligible = await self._shelves.load_eligible(
                order, shelf.category, excluded, items=request.limit
            )
            return fillers(eligible.items.values())
        return with_scores(
            await self._shelves.load_listed(run.run_id, shelf.name, shelf.category, excluded)
        )
