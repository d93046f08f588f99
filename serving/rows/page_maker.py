"""Making pages: every row from one run, and each item claimed by the first row that has it."""

import uuid
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from domain.errors import StoreUnavailableError, UnknownItemError
from domain.identifiers import ItemNo, UserNo
from serving.answering.impressions import ImpressionQueue, impression_of
from serving.answering.list_kind import ListKind
from serving.answering.pipeline import Answer, AnswerPipeline
from serving.candidates.catalogue_items import NewItems
from serving.candidates.filters import Filters, OtherThanItems
from serving.candidates.user_state import UserState
from serving.candidates.users import UserReader
from serving.events.kinds import Kinds
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.fallback.fallback_catalogue import FallbackCatalogue
from serving.lists.recommendation_list import RecommendedItem, backfill_items, degraded_by
from serving.lists.request import RecommendationRequest
from serving.non_personalized.non_personalized_list import (
    TRENDING,
    ListKey,
    ListName,
    NonPersonalizedRequest,
)
from serving.non_personalized.non_personalized_list_maker import NonPersonalizedListMaker
from serving.recommendations.recommend import Recommender
from serving.rows.own_items import OwnItems, SeedItem
from serving.rows.page import (
    OF_RECOMMENDATIONS,
    DroppedRow,
    Page,
    PageRequest,
    Row,
    RowKind,
    RowRequest,
)
from serving.runs.live_runs import LiveRun
from serving.runtime.faults import Fault, invalid_request
from serving.similar.similar import Similar, SimilarRequest

_MADE_WITHOUT_STORE: AbstractSet[RowKind] = {"for_you", "trending", "new_for_you", "popular"}
"""Rows that the fallback can stand in for; the others would not be what their titles say."""


@dataclass(frozen=True, slots=True)
class AnsweredPage:
    """One answer to one request."""

    answer: Answer[Page]
    recommendation_ids: tuple[uuid.UUID, ...]
    """One of each row."""
    generated_at: datetime


@dataclass(eq=False, slots=True, kw_only=True)
class PageMaker(ListKind[PageRequest, Page]):
    """Answers requests for pages."""

    pipeline: AnswerPipeline
    recommender: Recommender
    similar: Similar
    non_personalized: NonPersonalizedListMaker
    own_items: OwnItems
    kinds: Kinds
    fallback: FallbackCatalogue
    impressions: ImpressionQueue

    async def page(self, request: PageRequest) -> AnsweredPage:
        """The page; StoreUnavailableError only if there is no row whatever."""
        answer = await self.pipeline.answer(self, request, request.user_id)
        page = AnsweredPage(
            answer, tuple(uuid.uuid4() for _ in answer.result.rows), datetime.now(UTC)
        )
        for recommendation_id, row in zip(page.recommendation_ids, answer.result.rows, strict=True):
            decision = row.request.decision
            if decision is None or decision.keeps_impressions:
                self.impressions.put(
                    impression_of(
                        recommendation_id,
                        _of_row(answer, row),
                        decision,
                        request.user_id,
                        explored=[item.item_no for item in row.items if item.explored],
                        shown_at=page.generated_at,
                    )
                )
        return page

    async def make(
        self, run: LiveRun | None, user: UserReader | None, request: PageRequest
    ) -> Page:
        """The rows of a run, one after the other."""
        await self._check_kinds(request)
        rows = _Rows(self, run, None if user is None else _ReadOnce(user), request)
        return await rows.made()

    def make_fallback(self, known: UserExclusions, request: PageRequest) -> Page:
        """Rows of what is in memory, without what would be no more than its title."""
        rows: list[Row] = []
        dropped: list[DroppedRow] = []
        claimed = set(self.excluded(known.exclusions, request))
        for asked in request.rows:
            hidden = self.recommender.rule_items.hidden(asked.rules)
            items = self._from_memory(asked, claimed | hidden)
            if items is None or len(items) < asked.least:
                dropped.append(DroppedRow(asked, "away" if items is None else "too_few"))
                continue
            claimed.update(item.item_no for item in items)
            rows.append(Row(asked, "fallback", items, category=asked.category))
        if not rows:
            raise StoreUnavailableError
        return Page("fallback", self.fallback.run, tuple(rows), tuple(dropped))

    def excluded(
        self,
        exclusions: Exclusions,
        request: PageRequest,  # noqa: ARG002 -- of all pages
    ) -> AbstractSet[ItemNo]:
        """What the user has seen, disliked or hidden."""
        return exclusions.of(exclude_seen=True)

    def _from_memory(
        self, asked: RowRequest, claimed: AbstractSet[ItemNo]
    ) -> tuple[RecommendedItem, ...] | None:
        """None: memory cannot tell."""
        if asked.kind not in _MADE_WITHOUT_STORE:
            return None
        try:
            return self.fallback.answer(asked.limit, claimed, filters=_in_category(asked)).items
        except StoreUnavailableError:
            return None

    async def _check_kinds(self, request: PageRequest) -> None:
        """FaultyInputError if a row names an event kind that does not exist."""
        named = {
            f"/rows/{no}/{field}/{index}": kind
            for no, row in enumerate(request.rows)
            for field, kinds in (("begun", row.begun), ("finished", row.finished))
            for index, kind in enumerate(kinds)
        }
        await self.kinds.named(named)


@dataclass(eq=False, slots=True)
class _ReadOnce:
    """What is known of a user, read for the first row that needs it."""

    reader: UserReader
    loaded: UserState | None = None

    @property
    def user_no(self) -> UserNo:
        return self.reader.user_no

    async def state(self, *, exclude_seen: bool) -> UserState:
        if self.loaded is None:
            self.loaded = await self.reader.state(exclude_seen=exclude_seen)
        excluded = tuple(self.loaded.exclusions.of(exclude_seen=exclude_seen))
        return replace(self.loaded, excluded=excluded)

    async def state_and_nearest(
        self,
        *,
        exclude_seen: bool,
        new: NewItems,  # noqa: ARG002
        with_categories: bool,  # noqa: ARG002
    ) -> UserState:
        """The state alone: other rows need it too."""
        return await self.state(exclude_seen=exclude_seen)


@dataclass(eq=False, slots=True)
class _Rows:
    """The rows of one page while they are made."""

    maker: PageMaker
    run: LiveRun | None
    user: _ReadOnce | None
    request: PageRequest
    rows: list[Row] = field(default_factory=list, init=False)
    claimed: dict[ItemNo, str] = field(default_factory=dict, init=False)
    """The ids of the items that rows have, by number."""
    seeds: list[SeedItem] | None = field(default=None, init=False)

    async def made(self) -> Page:
        dropped: list[DroppedRow] = []
        degraded: str | None = None
        for no, asked in enumerate(self.request.rows):
            if self._is_withheld(asked):
                dropped.append(DroppedRow(asked, "withheld"))
                continue
            try:
                row = await self._row(no, asked)
            except StoreUnavailableError as error:
                # The rows that are there are worth more than a page of the fallback.
                if not self.rows:
                    raise
                dropped.append(DroppedRow(asked, "away"))
                degraded = degraded or degraded_by(error)
                continue
            if row is None or len(row.items) < asked.least:
                dropped.append(DroppedRow(asked, "too_few"))
                continue
            self.rows.append(row)
            degraded = degraded or row.degraded
            self.claimed.update((item.item_no, item.item_id) for item in row.items)
        return Page("rows", self.run, tuple(self.rows), tuple(dropped), degraded)

    def _is_withheld(self, asked: RowRequest) -> bool:
        tells = asked.kind == "continue" or (asked.kind == "because_of" and asked.item_id is None)
        return tells and not self.request.shows_history

    async def _row(self, no: int, asked: RowRequest) -> Row | None:
        if asked.kind in OF_RECOMMENDATIONS:
            return await self._for_you(asked)
        if asked.kind == "because_of":
            return await self._because_of(no, asked)
        if asked.kind == "continue":
            return await self._continued(asked)
        return await self._for_everybody(asked)

    async def _for_you(self, asked: RowRequest) -> Row:
        recommender = self.maker.recommender
        placed = asked.placed or RecommendationRequest(asked.limit)
        request = replace(placed, filters=self._unclaimed(asked.filters))
        request = request.with_defaults(recommender.reranking)
        listed = await recommender.lists.make(self.run, self.user, request)
        if listed.degraded is not None and not listed.items:
            raise StoreUnavailableError(reason=listed.degraded)
        return Row(asked, listed.strategy, listed.items, degraded=listed.degraded)

    async def _because_of(self, no: int, asked: RowRequest) -> Row | None:
        seed = await self._seed(asked)
        if seed is None:
            return None
        request = SimilarRequest(
            (seed.item_id,),
            asked.limit,
            self._unclaimed(asked.filters),
            rules=asked.rules,
            decision=asked.decision,
            # What only fills a list up is not there because of the item.
            only_similar=asked.decision is None or not asked.decision.is_popular,
        )
        try:
            found = await self.maker.similar.make(self.run, self.user, request)
        except UnknownItemError as error:
            raise invalid_request([Fault(f"/rows/{no}/item_id", str(error))]) from error
        items = tuple(
            RecommendedItem(item.item_no, item.item_id, item.title, item.score)
            for item in found.items
        )
        return Row(asked, found.strategy, items, because_of=seed, degraded=found.degraded)

    async def _seed(self, asked: RowRequest) -> SeedItem | None:
        """The item that is named, or the newest liked one that no other row is made because of."""
        if asked.item_id is not None:
            return SeedItem(asked.item_id, None)
        if self.user is None:
            return None
        if self.seeds is None:
            state = await self.user.state(exclude_seen=True)
            self.seeds = await self.maker.own_items.load_newest_liked(
                self.user.user_no, state.exclusions.disliked, items=2 * len(self.request.rows)
            )
        named = {row.item_id for row in self.request.rows if row.item_id is not None}
        used = {row.because_of.item_id for row in self.rows if row.because_of} | named
        self.seeds = [seed for seed in self.seeds if seed.item_id not in used]
        return self.seeds.pop(0) if self.seeds else None

    async def _continued(self, asked: RowRequest) -> Row | None:
        if self.user is None:
            return None
        state = await self.user.state(exclude_seen=True)
        listed = await self.maker.own_items.load_begun(
            self.user.user_no,
            asked.filters,
            [*self.claimed, *state.exclusions.disliked],
            begun=asked.begun,
            finished=asked.finished,
            days=asked.days,
            items=asked.limit,
        )
        return Row(asked, "continue", backfill_items(listed.items.values()))

    async def _for_everybody(self, asked: RowRequest) -> Row:
        category = asked.category if asked.category is not None else await self._own_category(asked)
        name: ListName = "popular" if asked.kind == "popular" else TRENDING[asked.window]
        request = NonPersonalizedRequest(
            ListKey(name, category),
            asked.limit,
            asked.filters.written,
            rules=asked.rules,
            decision=asked.decision,
        )
        seen = (await self.user.state(exclude_seen=True)).excluded if self.user else ()
        listed = await self.maker.non_personalized.make(self.run, request, [*self.claimed, *seen])
        return Row(
            asked, listed.strategy, listed.items, category=category, degraded=listed.degraded
        )

    async def _own_category(self, asked: RowRequest) -> str:
        """The one the user likes most; '' if that may not be told, or there is none."""
        if asked.kind == "popular" or self.user is None or not self.request.shows_history:
            return ""
        found = await self.maker.own_items.find_top_category(self.user.user_no)
        return found or ""

    def _unclaimed(self, filters: Filters) -> Filters:
        if not self.claimed:
            return filters
        return filters.also(OtherThanItems(frozenset(self.claimed.values())))


def _in_category(asked: RowRequest) -> Filters:
    """The filters of a row of the fallback, which knows nobody's category."""
    of_category = Filters.of_category(asked.category or "")
    return of_category.also(*asked.filters.conditions)


def _of_row(answer: Answer[Page], row: Row) -> Answer[Page]:
    """An answer as if the page were this row alone."""
    return replace(answer, result=replace(answer.result, rows=(row,)), source=row.strategy)
