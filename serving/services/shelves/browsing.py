"""Lists that are the same for everybody, without what one user has seen if that is wished."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import islice

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, UserNo
from serving.budget import in_time
from serving.metrics import ServingMetrics
from serving.repositories.exclusions import RememberedUser
from serving.repositories.filters import Filters
from serving.repositories.runs import LiveRun, same_run
from serving.repositories.shelves import Shelves
from serving.services.lists.held_popular import LONGEST, HeldPopular
from serving.services.lists.made_list import MadeList, degraded_by, fillers
from serving.services.lists.meant_categories import MeantCategories
from serving.services.live_runs import LiveRuns
from serving.services.memory.early_look import EarlyLook
from serving.services.memory.exclusion_lookup import ExclusionLookup
from serving.services.replica_reading import ReplicaReading, taking
from serving.services.shelves.held import HeldShelves
from serving.services.shelves.making import ShelfMaker
from serving.services.shelves.shelf import Shelf, ShelfList, ShelfWish
from serving.services.user_numbers import UserNumbers

_HELD_ITEMS = 2 * LONGEST
"""Longer than any answer, so that items may be left out."""


class Browser:
    """Answers requests for popular, trending, latest and starter lists."""

    def __init__(
        self,
        *,
        live_runs: LiveRuns,
        shelves: Shelves,
        maker: ShelfMaker,
        users: UserNumbers,
        held: HeldPopular,
        held_shelves: HeldShelves,
        exclusions: ExclusionLookup,
        replica: ReplicaReading,
        metrics: ServingMetrics,
        categories: MeantCategories,
    ) -> None:
        self._live_runs = live_runs
        self._shelves = shelves
        self._maker = maker
        self._users = users
        self._held = held
        self._held_shelves = held_shelves
        self._exclusions = exclusions
        self._replica = replica
        self._metrics = metrics
        self._categories = categories

    async def browse(self, wish: ShelfWish) -> ShelfList:
        """The list of a shelf.

        With the store away it is what is held in memory: of the shelf, else of what is popular.
        StoreUnavailableError if nothing is held that is eligible, but something else may be.
        """
        with EarlyLook(lambda: self._known(wish)) as looked_up:
            try:
                listed = await in_time(self._live_runs.reading(lambda run: self._of_run(run, wish)))
            except StoreUnavailableError as error:
                return self._without_store(wish, await looked_up.found(), error)
        self._hold(wish, listed)
        filters = Filters.of_category(wish.shelf.category)
        meant = await self._categories.meant(filters, listed.items)
        listed = replace(listed, categories_meant=meant) if meant else listed
        return listed if wish.user_id is None else replace(listed, exclusions="known")

    def _without_store(
        self, wish: ShelfWish, known: RememberedUser, error: StoreUnavailableError
    ) -> ShelfList:
        made = self._of_held(wish, known.exclusions.of(exclude_seen=True))
        reason = degraded_by(error)
        self._metrics.degraded.labels(reason).inc()
        if wish.user_id is None:
            return replace(made, degraded=reason)
        if not known.complete:
            self._metrics.exclusions_unknown.inc()
        return replace(made, degraded=reason, exclusions=known.knowledge)

    async def refresh(self) -> None:
        """Make the held lists again, as long as any may be asked for."""

        async def load(shelf: Shelf) -> ShelfList:
            wish = ShelfWish(shelf, _HELD_ITEMS)
            return await self._live_runs.reading(lambda run: self._for_all(run, wish))

        await self._held_shelves.refresh(load)

    async def _known(self, wish: ShelfWish) -> RememberedUser:
        if wish.user_id is None:
            return RememberedUser()
        return await self._exclusions.find(wish.user_id)

    async def _of_run(self, run: LiveRun | None, wish: ShelfWish) -> ShelfList:
        if wish.user_id is None:
            return await self._for_all(run, wish)

        async def read(user_no: UserNo | None) -> ShelfList:
            excluded: Sequence[ItemNo] = ()
            if user_no is not None:
                excluded = await self._shelves.load_excluded(user_no)
            return await self._maker.make(run, wish, excluded)

        return await self._users.reading(wish.user_id, read)

    async def _for_all(self, run: LiveRun | None, wish: ShelfWish) -> ShelfList:
        with taking(await self._replica.leave_for_all(run)):
            return await self._maker.make(run, wish)

    def _hold(self, wish: ShelfWish, listed: ShelfList) -> None:
        if wish.shelf == Shelf("popular"):
            return
        if wish.user_id is None and wish.session is None:
            self._held_shelves.hold(wish.shelf, listed)
        elif listed.items:
            # It is not a list for everybody: that is made at the next refresh.
            self._held_shelves.note(wish.shelf)

    def _of_held(self, wish: ShelfWish, excluded: AbstractSet[ItemNo]) -> ShelfList:
        """What is held of the shelf, else of what is popular in its category."""
        category = wish.shelf.category
        filters = Filters.of_category(category)
        listed = self._held_shelves.find(wish.shelf) or self._held_shelves.find(
            Shelf("popular", category)
        )
        eligible = (item for item in listed.items if item.item_no not in excluded) if listed else ()
        items = tuple(islice(eligible, wish.limit))
        if listed is None or not items:
            made = self._held.answer(wish.limit, excluded, filters=filters)
            return ShelfList("held", made.run, made.items)
        own = ShelfList("held", listed.run, items)
        if len(items) == wish.limit or not self._held.can_answer():
            return own
        popular = self._held.top(wish.limit, excluded, filters=filters)
        return _completed(own, popular, wish.limit)


def _completed(own: ShelfList, popular: MadeList, limit: int) -> ShelfList:
    """A list with what is popular at its end; of two runs the longer list alone."""
    if same_run(own.run, popular.run):
        listed = {item.item_no for item in own.items}
        added = fillers(item for item in popular.items if item.item_no not in listed)
        return replace(own, items=(*own.items, *added)[:limit])
    if len(popular.items) > len(own.items):
        return replace(own, run=popular.run, items=popular.items)
    return own
