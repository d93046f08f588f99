"""One search as it is made without rules: by words, by what they mean, and by taste."""

import asyncio
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, RunId
from serving.lists.meant_categories import MeantCategories
from serving.lists.recommendation_list import degraded_by
from serving.runs.live_runs import LiveRun, trusted
from serving.runs.vector_indexes import VECTOR_INDEX
from serving.runtime.budget import searching
from serving.search.highlighting import highlights
from serving.search.query_analysis import AnalyzedQuery
from serving.search.query_plan import QueryPlan
from serving.search.search_list import SearchedItem, SearchList, SearchRequest, SearchStrategy
from serving.search.search_ranking import ranked, ranked_by_use
from serving.search.words import Found, Search
from serving.similar.similar_items import ItemFilters, NearestItem, SimilarItems

_NEAR = 100
"""How many of the nearest in meaning are candidates, at least."""
_ENOUGH = 20
"""With fewer items that have all the words, those that have some are looked for."""


@dataclass(frozen=True, slots=True)
class SearchStores:
    """What a search reads."""

    search: Search
    items: SimilarItems
    categories: MeantCategories
    recall_bound: float


@dataclass(frozen=True, slots=True)
class UnruledSearch:
    """One search of one run."""

    stores: SearchStores
    run: LiveRun | None
    request: SearchRequest
    analyzed: AnalyzedQuery
    excluded: frozenset[ItemNo]
    seen: AbstractSet[ItemNo]
    embedding: Any
    """The user's live vector as the driver gives it, or None."""

    @property
    def run_id(self) -> RunId | None:
        """The run that is searched."""
        return self.run.run_id if self.run else None

    @property
    def is_popular(self) -> bool:
        """Whether it is for users who get what is popular, whatever is known of them."""
        return self.request.decision is not None and self.request.decision.is_popular

    async def listed(self, count: int, left_out: Collection[ItemNo]) -> SearchList:
        """What is found, then the most used; see `UnruledList`."""
        if left_out:
            without = replace(self, excluded=self.excluded.union(left_out))
            return await without.listed(count, ())
        plan, filters = self.analyzed.plan, self._filters()
        if plan is None:
            items = await self._filled([], filters, count)
            meant = await self.stores.categories.find(self.request.filters, items)
            return SearchList("popular", self.run, tuple(items), categories_meant=meant)
        near, degraded = await self._near_in_time(filters)
        items = (await self._found(plan, filters, near))[:count]
        strategy = _strategy(items, near)
        if not self.request.only_words:
            items = await self._filled(items, filters, count)
        meant = await self.stores.categories.find(self.request.filters, items)
        return SearchList(
            strategy, self.run, tuple(items), self.analyzed.corrected, degraded, meant
        )

    async def looked_up(self, item_nos: Sequence[ItemNo]) -> Sequence[SearchedItem]:
        """Those of some items that hold to what is binding; see `UnruledList`."""
        plan, filters = self.analyzed.plan, self._filters()
        if plan is not None and self.request.only_words:
            words = " | ".join(f"({term})" for term in plan.match.terms)
            binding = (
                f"({words})" if filters.binding is None else f"({filters.binding}) & ({words})"
            )
            filters = replace(filters, binding=binding)
        found = await self.stores.items.load_fitting(item_nos, self.excluded, filters)
        return [_backfill_item(item, self.seen) for item in found]

    async def highlighted(self, found: SearchList) -> SearchList:
        """The list with highlights; without, and why, if there is no time left."""
        matched = [item.item_no for item in found.items if item.match == "words"]
        plan = self.analyzed.plan
        if plan is None or not matched:
            return found
        try:
            marked = await self.stores.search.load_marked_texts(
                matched, " | ".join(plan.match.terms)
            )
        except StoreUnavailableError as error:
            return replace(found, degraded=found.degraded or degraded_by(error))
        shown = []
        for item in found.items:
            mark = marked.get(item.item_no)
            shown.append(replace(item, highlights=highlights(mark)) if mark else item)
            # A long text takes milliseconds: others come in between.
            await asyncio.sleep(0)
        return replace(found, items=tuple(shown))

    def _filters(self) -> ItemFilters:
        plan, filters = self.analyzed.plan, self.request.filters
        if plan is None:
            return ItemFilters(filters)
        return ItemFilters(filters, plan.binding, plan.unwanted, plan.unwanted_is_common)

    async def _near_in_time(self, filters: ItemFilters) -> tuple[list[ItemNo], str | None]:
        """The nearest in meaning; if the search for them takes too long none, and why."""
        run, items = self.run, self.stores.items
        if run is None or self.request.only_words or self.is_popular:
            return [], None
        if self.analyzed.meaning is None:
            await items.check_run(run.run_id)
            return [], None
        index = trusted(run.similarity_index, self.stores.recall_bound)
        try:
            with searching(among_few=filters.leave_few):
                nearest = await items.load_nearest(
                    run.run_id,
                    self.analyzed.meaning,
                    self.excluded,
                    filters,
                    items=max(_NEAR, self.request.limit),
                    index=index,
                )
        except StoreUnavailableError as error:
            # By words only.
            return [], VECTOR_INDEX if items.lacks(index) else degraded_by(error)
        lacking = items.lacks(index) and not filters.leave_few
        return [item.item_no for item in nearest], VECTOR_INDEX if lacking else None

    async def _found(
        self, plan: QueryPlan, filters: ItemFilters, near: Sequence[ItemNo]
    ) -> list[SearchedItem]:
        """What matches in words, and the nearest in meaning, the best first."""
        found = await self.stores.search.load_found(
            self.run_id,
            plan.match,
            self.excluded,
            filters,
            near=near,
            meaning=self.analyzed.meaning,
            embedding=self.embedding,
            enough=max(self.request.limit, _ENOUGH),
        )
        if self.run is not None and near and not any(item.meaning for item in found):
            await self.stores.items.check_run(self.run.run_id)
        if self.is_popular:
            ordered = ranked_by_use(found)
        else:
            personal = self.embedding is not None
            ordered = ranked(found, plan.weights, times=plan.times, personal=personal)
        return [
            _searched_item(item, score, self.seen)
            for item, score in ordered
            if any(item.field_weights) or not self.request.only_words
        ]

    async def _filled(
        self, items: list[SearchedItem], filters: ItemFilters, count: int
    ) -> list[SearchedItem]:
        """The list with the most used items at its end, if it is too short.

        Only where nothing at all would be left is what is binding not looked at.
        """
        for wanted in (filters, replace(filters, binding=None)):
            missing = count - len(items)
            if missing > 0 and (not items or wanted is filters):
                listed = self.excluded.union(item.item_no for item in items)
                added = await self.stores.items.load_most_used(
                    self.run_id, listed, wanted, items=missing
                )
                items = [*items, *(_backfill_item(item, self.seen) for item in added)]
        return items


def _strategy(items: Sequence[SearchedItem], near: Sequence[ItemNo]) -> SearchStrategy:
    if near:
        return "search"
    return "words" if items else "popular"


def _searched_item(item: Found, score: float, seen: AbstractSet[ItemNo]) -> SearchedItem:
    return SearchedItem(
        item_no=item.item_no,
        item_id=item.item_id,
        title=item.title,
        score=score,
        match="words" if any(item.field_weights) else "meaning",
        seen=item.item_no in seen,
    )


def _backfill_item(item: NearestItem, seen: AbstractSet[ItemNo]) -> SearchedItem:
    return SearchedItem(
        item.item_no, item.item_id, item.title, 0.0, "popular", item.item_no in seen
    )
