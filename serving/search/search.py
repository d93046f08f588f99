"""Searching the catalogue: by words, by what they mean, and for whoever searches."""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, RunId, UserId
from serving.answering.list_kind import CachedKind
from serving.answering.pipeline import Answer, AnswerPipeline
from serving.candidates.filters import Filters
from serving.candidates.users import UserReader
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.fallback.fallback_catalogue import FallbackCatalogue
from serving.lists.cursor import shown_key
from serving.lists.meant_categories import MeantCategories
from serving.lists.recommendation_list import degraded_by
from serving.runs.live_runs import LiveRun, trusted
from serving.runs.vector_indexes import VECTOR_INDEX
from serving.runtime.budget import searching
from serving.runtime.faults import Fault, FaultyInputError
from serving.search.highlighting import highlights
from serving.search.query import FallbackQuery, TypedQuery, typed_query
from serving.search.query_analysis import AnalyzedQuery, QueryAnalyzer
from serving.search.query_plan import QueryPlan
from serving.search.search_list import SearchedItem, SearchList, SearchRequest, SearchStrategy
from serving.search.search_ranking import ranked
from serving.search.words import Found, Search
from serving.similar.similar_items import ItemFilters, NearestItem, SimilarItems

_ALL = 1_000_000
_NEAR = 100
"""How many of the nearest in meaning are candidates, at least."""
_ENOUGH = 20
"""With fewer items that have all the words, those that have some are looked for."""
_NOBODY = Exclusions()


@dataclass(frozen=True, slots=True)
class _Search:
    """One search of one run."""

    run: LiveRun | None
    request: SearchRequest
    excluded: frozenset[ItemNo]
    seen: AbstractSet[ItemNo]
    embedding: Any
    """The user's live vector as the driver gives it, or None."""

    @property
    def run_id(self) -> RunId | None:
        return self.run.run_id if self.run else None


class Searcher(CachedKind[SearchRequest, SearchList]):
    """Answers searches."""

    def __init__(
        self,
        pipeline: AnswerPipeline,
        search: Search,
        items: SimilarItems,
        fallback: FallbackCatalogue,
        categories: MeantCategories,
        *,
        recall_bound: float,
        fresh_seconds: float,
    ) -> None:
        self._pipeline = pipeline
        self.fresh_seconds = fresh_seconds
        self._search = search
        self._analyzer = QueryAnalyzer(search)
        self._items = items
        self._fallback = fallback
        self._categories = categories
        self._recall_bound = recall_bound

    async def search(self, user_id: UserId | None, request: SearchRequest) -> Answer[SearchList]:
        """What is found; FaultyInputError if there is nothing to look for."""
        typed = typed_query(request.text)
        if not typed.wanted:
            raise nothing_to_look_for(typed)
        return await self._pipeline.answer(self, request, user_id)

    async def make(
        self, run: LiveRun | None, user: UserReader | None, request: SearchRequest
    ) -> SearchList:
        """What the run finds, then the most used."""
        state = await user.state(exclude_seen=True) if user else None
        of_user = state.exclusions if state else _NOBODY
        search = _Search(
            run,
            request,
            self.excluded(of_user, request),
            of_user.seen,
            state.embedding if state else None,
        )
        return await self._make(search, typed_query(request.text))

    def filters(self, request: SearchRequest) -> Filters:
        """Those of the request."""
        return request.filters

    def key(self, request: SearchRequest) -> str:
        """All of the request."""
        return f"{request.scroll_key()}:{request.limit}:{shown_key(request.shown)}"

    def excluded(self, exclusions: Exclusions, request: SearchRequest) -> frozenset[ItemNo]:
        """The user's exclusions, and the pages before."""
        return exclusions.of(exclude_seen=request.exclude_seen).union(request.shown)

    decode = staticmethod(SearchList.decode)

    async def _make(self, search: _Search, typed: TypedQuery) -> SearchList:
        analyzed = await self._analyzer.analyze(search.run_id, typed)
        plan = analyzed.plan
        if plan is None:
            items = await self._filled(search, [], ItemFilters(search.request.filters))
            meant = await self._categories.find(search.request.filters, items)
            return SearchList("popular", search.run, tuple(items), categories_meant=meant)
        filters = ItemFilters(
            search.request.filters, plan.binding, plan.unwanted, plan.unwanted_is_common
        )
        near, degraded = await self._near_in_time(search, analyzed, filters)
        items = await self._found(search, analyzed, plan, filters, near)
        strategy = _strategy(items, near)
        if not search.request.only_words:
            items = await self._filled(search, items, filters)
        if search.request.highlight:
            items, late = await self._highlighted(items, plan)
            degraded = degraded or late
        meant = await self._categories.find(search.request.filters, items)
        return SearchList(strategy, search.run, tuple(items), analyzed.corrected, degraded, meant)

    async def _near_in_time(
        self, search: _Search, analyzed: AnalyzedQuery, filters: ItemFilters
    ) -> tuple[list[ItemNo], str | None]:
        """The nearest in meaning; if the search for them takes too long none, and why."""
        run = search.run
        if run is None or search.request.only_words:
            return [], None
        if analyzed.meaning is None:
            await self._items.check_run(run.run_id)
            return [], None
        index = trusted(run.similarity_index, self._recall_bound)
        try:
            with searching(among_few=filters.leave_few):
                nearest = await self._items.load_nearest(
                    run.run_id,
                    analyzed.meaning,
                    search.excluded,
                    filters,
                    items=max(_NEAR, search.request.limit),
                    index=index,
                )
        except StoreUnavailableError as error:
            # By words only.
            return [], VECTOR_INDEX if self._items.lacks(index) else degraded_by(error)
        lacking = self._items.lacks(index) and not filters.leave_few
        return [item.item_no for item in nearest], VECTOR_INDEX if lacking else None

    async def _found(
        self,
        search: _Search,
        analyzed: AnalyzedQuery,
        plan: QueryPlan,
        filters: ItemFilters,
        near: Sequence[ItemNo],
    ) -> list[SearchedItem]:
        """What matches in words, and the nearest in meaning, the best first."""
        found = await self._search.load_found(
            search.run_id,
            plan.match,
            search.excluded,
            filters,
            near=near,
            meaning=analyzed.meaning,
            embedding=search.embedding,
            enough=max(search.request.limit, _ENOUGH),
        )
        if search.run is not None and near and not any(item.meaning for item in found):
            await self._items.check_run(search.run.run_id)
        personal = search.embedding is not None
        ordered = ranked(found, plan.weights, times=plan.times, personal=personal)
        return [
            _searched_item(item, score, search.seen)
            for item, score in ordered[: search.request.limit]
            if any(item.field_weights) or not search.request.only_words
        ]

    async def _filled(
        self, search: _Search, items: list[SearchedItem], filters: ItemFilters
    ) -> list[SearchedItem]:
        """The list with the most used items at its end, if it is too short.

        Only where nothing at all would be left is what is binding not looked at.
        """
        for wanted in (filters, replace(filters, binding=None)):
            missing = search.request.limit - len(items)
            if missing > 0 and (not items or wanted is filters):
                listed = search.excluded.union(item.item_no for item in items)
                added = await self._items.load_most_used(
                    search.run_id, listed, wanted, items=missing
                )
                items = [*items, *(_backfill_item(item, search.seen) for item in added)]
        return items

    async def _highlighted(
        self, items: list[SearchedItem], plan: QueryPlan
    ) -> tuple[list[SearchedItem], str | None]:
        """The items with highlights; without, and why, if there is no time left."""
        matched = [item.item_no for item in items if item.match == "words"]
        if not matched:
            return items, None
        try:
            marked = await self._search.load_marked_texts(matched, " | ".join(plan.match.terms))
        except StoreUnavailableError as error:
            return items, degraded_by(error)
        shown = []
        for item in items:
            mark = marked.get(item.item_no)
            shown.append(replace(item, highlights=highlights(mark)) if mark else item)
            # A long text takes milliseconds: others come in between.
            await asyncio.sleep(0)
        return shown, None

    def make_fallback(self, known: UserExclusions, request: SearchRequest) -> SearchList:
        """The fallback, first the items whose titles have words that are looked for.

        StoreUnavailableError if it has no item that may be shown, but there may be some.
        """
        of_user = known.exclusions
        result = self._fallback.answer(
            _ALL, self.excluded(of_user, request), filters=request.filters
        )
        query = FallbackQuery.of(typed_query(request.text))
        fallback = [item for item in result.items if query.allows((item.title, *item.categories))]
        scores = {item.item_no: query.score(item.title) for item in fallback}
        if request.only_words:
            fallback = [item for item in fallback if scores[item.item_no]]
        fallback.sort(key=lambda item: -scores[item.item_no])
        items = tuple(
            SearchedItem(
                item_no=item.item_no,
                item_id=item.item_id,
                title=item.title,
                score=scores[item.item_no],
                match="words" if scores[item.item_no] else "popular",
                seen=item.item_no in of_user.seen,
            )
            for item in fallback[: request.limit]
        )
        return SearchList("fallback", result.run, items)


def nothing_to_look_for(typed: TypedQuery) -> FaultyInputError:
    """What is wrong with a query without a wanted word."""
    detail = (
        "q says only what is not wanted. Add a word to look for, as in: space -war"
        if typed.unwanted
        else "q holds no word. Give at least one word or number to look for, as in: toy story"
    )
    return FaultyInputError(detail, [Fault("query:q", detail)])


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
