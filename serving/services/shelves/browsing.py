"""Lists that are the same for everybody, without what one user has seen if that is wished."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import islice

from domain.identifiers import ItemNo
from serving.answering.list_kind import ListKind
from serving.answering.pipeline import Answer, AnswerPipeline
from serving.answering.user_reader import UserReader
from serving.repositories.exclusions import Exclusions, RememberedUser
from serving.repositories.filters import Filters
from serving.repositories.runs import LiveRun, same_run
from serving.repositories.shelves import Shelves
from serving.services.lists.held_popular import LONGEST, HeldPopular
from serving.services.lists.made_list import MadeList, fillers
from serving.services.lists.meant_categories import MeantCategories
from serving.services.live_runs import LiveRuns
from serving.services.replica_reading import ReplicaReading, taking
from serving.services.shelves.held import HeldShelves
from serving.services.shelves.making import ShelfMaker
from serving.services.shelves.shelf import Shelf, ShelfList, ShelfWish

_HELD_ITEMS = 2 * LONGEST
"""Longer than any answer, so that items may be left out."""


class Browser(ListKind[ShelfWish, ShelfList]):
    """Answers requests for popular, trending, latest and starter lists."""

    cached = False

    def __init__(
        self,
        *,
        pipeline: AnswerPipeline,
        live_runs: LiveRuns,
        shelves: Shelves,
        maker: ShelfMaker,
        held: HeldPopular,
        held_shelves: HeldShelves,
        replica: ReplicaReading,
        categories: MeantCategories,
    ) -> None:
        self._pipeline = pipeline
        self._live_runs = live_runs
        self._shelves = shelves
        self._maker = maker
        self._held = held
        self._held_shelves = held_shelves
        self._replica = replica
        self._categories = categories

    async def browse(self, wish: ShelfWish) -> Answer[ShelfList]:
        """The list of a shelf.

        With the store away it is what is held in memory: of the shelf, else of what is popular.
        StoreUnavailableError if nothing is held that is eligible, but something else may be.
        """
        return await self._pipeline.answer(self, wish, wish.user_id)

    async def make(
        self, run: LiveRun | None, user: UserReader | None, request: ShelfWish
    ) -> ShelfList:
        """What is on the shelf in the run; held from now on, if it is for everybody."""
        excluded: Sequence[ItemNo] = ()
        if user is not None:
            excluded = await self._shelves.load_excluded(user.user_no)
        listed = await self._maker.make(run, request, excluded)
        self._hold(request, listed)
        filters = Filters.of_category(request.shelf.category)
        meant = await self._categories.meant(filters, listed.items)
        return replace(listed, categories_meant=meant) if meant else listed

    def make_fallback(self, known: RememberedUser, request: ShelfWish) -> ShelfList:
        """What is held of the shelf, else of what is popular in its category."""
        excluded = self.excluded(known.exclusions, request)
        filters = Filters.of_category(request.shelf.category)
        listed = self._held_shelves.find(request.shelf) or self._held_shelves.find(
            Shelf("popular", request.shelf.category)
        )
        eligible = (item for item in listed.items if item.item_no not in excluded) if listed else ()
        items = tuple(islice(eligible, request.limit))
        if listed is None or not items:
            made = self._held.answer(request.limit, excluded, filters=filters)
            return ShelfList("held", made.run, made.items)
        own = ShelfList("held", listed.run, items)
        if len(items) == request.limit or not self._held.can_answer():
            return own
        popular = self._held.top(request.limit, excluded, filters=filters)
        return _completed(own, popular, request.limit)

    def excluded(self, exclusions: Exclusions, request: ShelfWish) -> AbstractSet[ItemNo]:
        """The user's exclusions; of nobody none."""
        return exclusions.of(exclude_seen=request.user_id is not None)

    async def refresh(self) -> None:
        """Make the held lists again, as long as any may be asked for."""

        async def load(shelf: Shelf) -> ShelfList:
            return await self._live_runs.reading(lambda run: self._for_all(run, shelf))

        await self._held_shelves.refresh(load)

    async def _for_all(self, run: LiveRun | None, shelf: Shelf) -> ShelfList:
        with taking(await self._replica.leave_for_all(run)):
            return await self._maker.make(run, ShelfWish(shelf, _HELD_ITEMS))

    def _hold(self, wish: ShelfWish, listed: ShelfList) -> None:
        if wish.shelf == Shelf("popular"):
            return
        if wish.user_id is None and wish.session is None:
            self._held_shelves.hold(wish.shelf, listed)
        elif listed.items:
            # It is not a list for everybody: that is made at the next refresh.
            self._held_shelves.note(wish.shelf)


def _completed(own: ShelfList, popular: MadeList, limit: int) -> ShelfList:
    """A list with what is popular at its end; of two runs the longer list alone."""
    if same_run(own.run, popular.run):
        listed = {item.item_no for item in own.items}
        added = fillers(item for item in popular.items if item.item_no not in listed)
        return replace(own, items=(*own.items, *added)[:limit])
    if len(popular.items) > len(own.items):
        return replace(own, run=popular.run, items=popular.items)
    return own
