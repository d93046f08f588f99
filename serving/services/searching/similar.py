"""Items that are like others."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from domain.errors import StoreUnavailableError, UnknownItemError
from domain.identifiers import ItemId, ItemNo, UserId
from serving.budget import SEARCHING, until
from serving.repositories.exclusions import Exclusions
from serving.repositories.filters import EVERYTHING, Filters
from serving.repositories.recommendations import UserState
from serving.repositories.runs import LiveRun, trusted
from serving.repositories.similar_items import AlikeItem, ItemFilters, Seed, SimilarItems
from serving.repositories.vector_indexes import VECTOR_INDEX
from serving.services.lists.held_popular import HeldPopular
from serving.services.searching.finding import Asked, Finder, FoundItems
from serving.services.searching.found_list import SimilarItem, SimilarLevel, SimilarList

_NOTHING: AbstractSet[ItemNo] = frozenset()


@dataclass(frozen=True, slots=True)
class SimilarWish:
    """What a list of similar items is asked to be."""

    item_ids: tuple[ItemId, ...]
    """Items to be like, all of them alike."""
    limit: int
    filters: Filters = EVERYTHING
    exclude_seen: bool = True
    """False: only items the user spoke against stay out."""

    def field(self) -> str:
        """What tells its answers from others."""
        parts = (sorted(self.item_ids), self.limit, self.filters.key(), self.exclude_seen)
        return f"similar:{orjson.dumps(parts).decode()}"


class Similar:
    """Answers requests for similar items."""

    def __init__(
        self,
        finder: Finder[SimilarList],
        items: SimilarItems,
        held: HeldPopular,
        *,
        recall_bound: float,
    ) -> None:
        self._finder = finder
        self._items = items
        self._held = held
        self._recall_bound = recall_bound

    async def similar(self, user_id: UserId | None, wish: SimilarWish) -> FoundItems[SimilarList]:
        """Items like those of the wish; UnknownItemError if none of these exists."""

        async def make(run: LiveRun | None, user: UserState | None) -> SimilarList:
            return await self._make(run, user, wish)

        def excluded(of_user: Exclusions) -> AbstractSet[ItemNo]:
            return of_user.of(exclude_seen=wish.exclude_seen)

        asked = Asked(
            field=wish.field(),
            make=make,
            make_held=lambda of_user: self._make_held(wish, excluded(of_user)),
            decode=SimilarList.decode,
            excluded=excluded,
        )
        return await self._finder.find(user_id, asked)

    async def _make(
        self, run: LiveRun | None, user: UserState | None, wish: SimilarWish
    ) -> SimilarList:
        seeds = await self._items.find_seeds(run.run_id if run else None, wish.item_ids)
        known = {seed.item_id for seed in seeds}
        unknown = tuple(item_id for item_id in wish.item_ids if item_id not in known)
        if not seeds:
            raise UnknownItemError(_unknown_detail(unknown))
        of_user = user.exclusions.of(exclude_seen=wish.exclude_seen) if user else _NOTHING
        excluded = {seed.item_no for seed in seeds} | of_user
        filters = ItemFilters(wish.filters)
        alike, degraded = await self._alike(run, seeds, excluded, filters, wish.limit)
        missing = wish.limit - len(alike)
        level = _level(seeds) if alike else "popular"
        if missing > 0:
            listed = excluded.union(item.item_no for item in alike)
            run_id = run.run_id if run else None
            alike += await self._items.load_most_used(run_id, listed, filters, items=missing)
        meant = await self._items.find_categories_meant(wish.filters, alike)
        items = tuple(map(_similar_item, alike))
        return SimilarList(level, run, items, unknown, degraded, meant)

    async def _alike(
        self,
        run: LiveRun | None,
        seeds: Sequence[Seed],
        excluded: AbstractSet[ItemNo],
        filters: ItemFilters,
        limit: int,
    ) -> tuple[list[AlikeItem], str | None]:
        """The most alike, and why they are fewer than they might have been."""
        likeness = mean_likeness(seeds)
        if run is None:
            return [], None
        if likeness is None:
            await self._items.check_run(run.run_id)
            return [], None
        index = trusted(run.likeness_index, self._recall_bound)
        try:
            with until(SEARCHING):
                alike = await self._items.load_alike(
                    run.run_id, likeness, excluded, filters, items=limit, index=index
                )
        except StoreUnavailableError:
            if not self._items.lacks(index):
                raise
            return [], VECTOR_INDEX
        lacking = self._items.lacks(index) and not filters.leave_few
        return alike, VECTOR_INDEX if lacking else None

    def _make_held(self, wish: SimilarWish, excluded: AbstractSet[ItemNo]) -> SimilarList:
        excluded |= self._held.numbers_of(wish.item_ids)
        held = self._held.answer(wish.limit, excluded, filters=wish.filters)
        items = tuple(
            SimilarItem(item.item_no, item.item_id, item.title, 0.0, 0.0, 0.0)
            for item in held.items
        )
        return SimilarList("held", held.run, items)


def mean_likeness(seeds: Sequence[Seed]) -> NDArray[np.float32] | None:
    """The mean of the likenesses that are known; None if none is."""
    known = [seed.likeness for seed in seeds if seed.likeness is not None]
    return np.asarray(np.mean(known, axis=0, dtype=np.float32)) if known else None


def _level(seeds: Sequence[Seed]) -> SimilarLevel:
    return "similar" if any(seed.is_placed for seed in seeds) else "words"


def _similar_item(item: AlikeItem) -> SimilarItem:
    return SimilarItem(
        item_no=item.item_no,
        item_id=item.item_id,
        title=item.title,
        score=item.score,
        used_by_same_people=item.used_by_same_people,
        alike_in_words=item.score - item.used_by_same_people,
    )


def _unknown_detail(unknown: Sequence[str]) -> str:
    named = ", ".join(map(repr, unknown))
    return (
        f"There is no item {named}. Look for its id with GET /v1/search, or store it first with"
        " PUT /v1/items/{item_id}."
    )
