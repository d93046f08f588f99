"""Items that are like others."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from domain.errors import StoreUnavailableError, UnknownItemError
from domain.identifiers import ItemId, ItemNo, UserId
from serving.answering.list_kind import CachedKind
from serving.answering.pipeline import Answer, AnswerPipeline
from serving.candidates.filters import EVERYTHING, Filters
from serving.candidates.users import StateReader
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.fallback.fallback_catalogue import FallbackCatalogue
from serving.lists.decision import Decision
from serving.lists.meant_categories import MeantCategories
from serving.lists.recommendation_list import degraded_by
from serving.lists.ruled_lists import ListRuler, page_key
from serving.placements.exposures import Exposures
from serving.rules.rule_set import NO_RULES, HoldingRules
from serving.runs.live_runs import LiveRun, decoded_run, trusted
from serving.runs.vector_indexes import VECTOR_INDEX
from serving.runtime.budget import searching
from serving.similar.similar_items import ItemFilters, NearestItem, Seed, SimilarItems

SimilarStrategy = Literal["similar", "words", "popular", "fallback"]

_NOBODY = Exclusions()


@dataclass(frozen=True, slots=True)
class SimilarItem:
    """An item that is like others."""

    item_no: ItemNo
    item_id: str
    title: str
    score: float
    """The sum of the two that follow; 0 for items that only fill the list up."""
    used_by_same_people: float
    similar_in_words: float


@dataclass(frozen=True, slots=True)
class SimilarList:
    """Items like others, the most similar first."""

    strategy: SimilarStrategy
    run: LiveRun | None
    items: tuple[SimilarItem, ...]
    unknown: tuple[str, ...] = ()
    """Ids among those asked for that no item has."""
    degraded: str | None = None
    """Why it is less than it might have been, and so is not kept; None: it is not."""
    categories_meant: Mapping[str, str] = field(default_factory=dict)
    """Of an empty list: categories that no item has, and those written so but for case."""

    @classmethod
    def decode(cls, cached: bytes) -> Self:
        """The list from what was cached."""
        decoded = orjson.loads(cached)
        items = tuple(SimilarItem(**item) for item in decoded["items"])
        return cls(
            decoded["strategy"],
            decoded_run(decoded["run"]),
            items,
            unknown=tuple(decoded["unknown"]),
            categories_meant=decoded.get("categories_meant", {}),
        )


@dataclass(frozen=True, slots=True)
class SimilarRequest:
    """What a list of similar items is asked to be."""

    item_ids: tuple[ItemId, ...]
    """Items to be like, all of them equally."""
    limit: int
    filters: Filters = EVERYTHING
    exclude_seen: bool = True
    """False: only items the user disliked or hid stay out."""
    shown: tuple[ItemNo, ...] = ()
    """What was on the pages before this one."""
    rules: HoldingRules = NO_RULES
    """What a team has set above what was learned."""
    decision: Decision | None = None
    """Which placement it is for; None: for none."""
    only_similar: bool = False
    """Whether nothing is wanted that only fills the list up."""

    def scroll_key(self) -> str:
        """What stays the same while somebody scrolls: all but the length of a page."""
        parts = (sorted(self.item_ids), self.filters.key(), self.exclude_seen)
        return f"similar:{orjson.dumps(parts).decode()}"


@dataclass(eq=False, slots=True)
class Similar(CachedKind[SimilarRequest, SimilarList]):
    """Answers requests for similar items."""

    pipeline: AnswerPipeline
    items: SimilarItems
    fallback: FallbackCatalogue
    categories: MeantCategories
    ruler: ListRuler
    exposures: Exposures
    recall_bound: float
    fresh_seconds: float

    async def similar(self, user_id: UserId | None, request: SimilarRequest) -> Answer[SimilarList]:
        """Items like those of the request; UnknownItemError if none of these exists."""
        return await self.pipeline.answer(self, request, user_id)

    async def make(
        self, run: LiveRun | None, user: StateReader | None, request: SimilarRequest
    ) -> SimilarList:
        """The most similar by the run, then the most used, with their rules."""
        of_user = (await user.state(exclude_seen=True)).exclusions if user else _NOBODY
        seeds = await self.items.find_seeds(run.run_id if run else None, request.item_ids)
        known = {seed.item_id for seed in seeds}
        unknown = tuple(item_id for item_id in request.item_ids if item_id not in known)
        if not seeds:
            raise UnknownItemError(_unknown_detail(unknown))
        excluded = {seed.item_no for seed in seeds} | self._excluded(of_user, request)
        unruled = _UnruledSimilar(self, run, request, seeds, unknown, frozenset(excluded))
        return await self.ruler.ruled(unruled, request)

    def make_fallback(self, known: UserExclusions, request: SimilarRequest) -> SimilarList:
        """What is popular."""
        excluded = self.excluded(known.exclusions, request) | self.fallback.numbers_of(
            request.item_ids
        )
        fallback = self.fallback.answer(request.limit, excluded, filters=request.filters)
        items = tuple(
            SimilarItem(item.item_no, item.item_id, item.title, 0.0, 0.0, 0.0)
            for item in fallback.items
        )
        return SimilarList("fallback", fallback.run, items)

    def filters(self, request: SimilarRequest) -> Filters:
        """Those of the request."""
        return request.filters

    def key(self, request: SimilarRequest) -> str:
        """All of the request."""
        return f"{request.scroll_key()}:{page_key(request)}"

    def rules(self, request: SimilarRequest) -> HoldingRules:
        """Those of the request."""
        return request.rules

    def known_position(self, request: SimilarRequest) -> int | None:
        """See `CachedKind`."""
        return self.ruler.known_position(request)

    def excluded(self, exclusions: Exclusions, request: SimilarRequest) -> AbstractSet[ItemNo]:
        """The user's exclusions, the pages before, and what rules hide."""
        return self._excluded(exclusions, request) | self.ruler.hidden(request)

    def _excluded(self, exclusions: Exclusions, request: SimilarRequest) -> AbstractSet[ItemNo]:
        return exclusions.of(exclude_seen=request.exclude_seen) | {*request.shown}

    decode = staticmethod(SimilarList.decode)


@dataclass(frozen=True, slots=True)
class _UnruledSimilar:
    """One list as it is made without rules."""

    of: Similar
    run: LiveRun | None
    request: SimilarRequest
    seeds: Sequence[Seed]
    unknown: tuple[str, ...]
    excluded: frozenset[ItemNo]

    async def listed(self, count: int, left_out: Collection[ItemNo]) -> SimilarList:
        """See `UnruledList`."""
        of, run, request = self.of, self.run, self.request
        filters, excluded = ItemFilters(request.filters), self.excluded.union(left_out)
        nearest, degraded = await self._nearest(excluded, filters, count)
        strategy = _strategy(self.seeds) if nearest else "popular"
        missing = count - len(nearest)
        if missing > 0 and not request.only_similar:
            listed = excluded.union(item.item_no for item in nearest)
            run_id = run.run_id if run else None
            nearest += await of.items.load_most_used(run_id, listed, filters, items=missing)
        meant = await of.categories.find(request.filters, nearest)
        items = tuple(map(_similar_item, nearest))
        return SimilarList(strategy, run, items, self.unknown, degraded, meant)

    async def looked_up(self, item_nos: Sequence[ItemNo]) -> Sequence[SimilarItem]:
        """See `UnruledList`."""
        filters = ItemFilters(self.request.filters)
        found = await self.of.items.load_fitting(item_nos, self.excluded, filters)
        return list(map(_similar_item, found))

    async def _nearest(
        self, excluded: AbstractSet[ItemNo], filters: ItemFilters, count: int
    ) -> tuple[list[NearestItem], str | None]:
        """The most similar, and why they are fewer than they might have been."""
        items, run = self.of.items, self.run
        similarity_embedding = mean_similarity_embedding(self.seeds)
        if run is None or (self.request.decision and self.request.decision.is_popular):
            return [], None
        if similarity_embedding is None:
            await items.check_run(run.run_id)
            return [], None
        index = trusted(run.similarity_index, self.of.recall_bound)
        try:
            with searching(among_few=filters.leave_few):
                nearest = await items.load_nearest(
                    run.run_id, similarity_embedding, excluded, filters, items=count, index=index
                )
        except StoreUnavailableError as error:
            if items.lacks(index):
                return [], VECTOR_INDEX
            if not filters.leave_few:
                raise
            return [], degraded_by(error)
        if self.request.only_similar:
            nearest = [item for item in nearest if item.score > 0]
        lacking = items.lacks(index) and not filters.leave_few
        return nearest, VECTOR_INDEX if lacking else None


def mean_similarity_embedding(seeds: Sequence[Seed]) -> NDArray[np.float32] | None:
    """The mean of the similarity embeddings that are known; None if none is."""
    known = [seed.similarity_embedding for seed in seeds if seed.similarity_embedding is not None]
    return np.asarray(np.mean(known, axis=0, dtype=np.float32)) if known else None


def _strategy(seeds: Sequence[Seed]) -> SimilarStrategy:
    return "similar" if any(seed.is_embedded for seed in seeds) else "words"


def _similar_item(item: NearestItem) -> SimilarItem:
    return SimilarItem(
        item_no=item.item_no,
        item_id=item.item_id,
        title=item.title,
        score=item.score,
        used_by_same_people=item.used_by_same_people,
        similar_in_words=item.score - item.used_by_same_people,
    )


def _unknown_detail(unknown: Sequence[str]) -> str:
    named = ", ".join(map(repr, unknown))
    return (
        f"There is no item {named}. Look for its id with GET /v1/search, or store it first with"
        " PUT /v1/items/{item_id}."
    )
