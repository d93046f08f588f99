"""Recommendations for one user."""

import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from domain.blend import BlendPolicy
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, UserId
from serving.answering.cache import AtHand
from serving.answering.fields import ItemFields
from serving.answering.impressions import ImpressionQueue, impression_of
from serving.answering.list_kind import CachedKind, ListKind
from serving.answering.pipeline import Answer, AnswerPipeline
from serving.candidates.filters import Filters
from serving.candidates.groups import GroupReader
from serving.candidates.users import StateReader, UserReader
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.fallback.fallback_catalogue import FallbackCatalogue
from serving.lists.decision import Decision
from serving.lists.list_builder import RerankingPolicy
from serving.lists.list_maker import ListMaker
from serving.lists.meant_categories import NOTHING_MEANT, MeantCategories
from serving.lists.recommendation_list import RecommendationList, backfill_items
from serving.lists.request import RecommendationRequest
from serving.recommendations.warming import RecentRequests
from serving.rules.rule_items import RuleItems
from serving.rules.rule_set import HoldingRules
from serving.runs.live_runs import LiveRun, same_run
from serving.runtime.random_ids import random_uuid


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One answer to one request."""

    recommendation_id: uuid.UUID
    answer: Answer[RecommendationList]
    categories_meant: Mapping[str, str]
    """Of an empty list: categories asked for that no item has, with those that were meant."""
    generated_at: datetime
    decision: Decision | None
    """What was decided for the placement; None: it was for none."""
    rules: HoldingRules
    """Those that held."""


@dataclass(frozen=True, slots=True)
class CacheableRequest:
    """A request whose lists are cached."""

    request: RecommendationRequest
    complete: RecommendationRequest
    """With the defaults where nothing was asked."""
    key: str
    """What its lists are cached under, apart from run and user."""


@dataclass(eq=False, slots=True, kw_only=True)
class Recommender(CachedKind[RecommendationRequest, RecommendationList]):
    """Answers requests for recommendations."""

    pipeline: AnswerPipeline
    lists: ListMaker
    fallback: FallbackCatalogue
    impressions: ImpressionQueue
    policy: BlendPolicy
    reranking: RerankingPolicy
    recent_requests: RecentRequests
    categories: MeantCategories
    item_fields: ItemFields
    rule_items: RuleItems

    async def recommend(
        self, user_id: UserId | None, request: RecommendationRequest, *, cached: bool = True
    ) -> Recommendation:
        """The best list for a user; StoreUnavailableError only if there is none whatever.

        user_id None: for a group, or for somebody of whom only the request tells.
        """
        complete = request.with_defaults(self.reranking)
        is_cached = cached and complete.is_cached
        kind = self if is_cached else UncachedKind(self)
        if complete.not_again_seconds:
            # What was shown just now counts; what cannot be written now counts later.
            with suppress(StoreUnavailableError):
                await self.impressions.flush()
        answer = await self.pipeline.answer(kind, complete, user_id)
        meant = await self.categories.find_if_possible(request.filters, answer.result.items)
        recommendation = self._given(user_id, request, answer, meant)
        if is_cached and user_id is not None and answer.user_no is not None:
            self.recent_requests.note(user_id, request, self.key(complete))
        return recommendation

    def cacheable(self, request: RecommendationRequest) -> "CacheableRequest | None":
        """The request with what `find_at_hand` needs; None: its lists are not cached."""
        complete = request.with_defaults(self.reranking)
        if not complete.is_cached:
            return None
        return CacheableRequest(request, complete, self.key(complete))

    async def find_at_hand(
        self, user_id: UserId, asked: "CacheableRequest"
    ) -> tuple[Recommendation, AtHand] | None:
        """What `recommend` gives if all is well and there is a cached list; None: it must tell."""
        found = await self.pipeline.find_at_hand(self, asked.complete, user_id, asked.key)
        # What was meant by the categories of an empty list may be another by now.
        if found is None or not found[0].result.items:
            return None
        answer, at_hand = found
        recommendation = self._given(user_id, asked.request, answer, NOTHING_MEANT)
        if answer.user_no is not None:
            self.recent_requests.note(user_id, asked.request, asked.key)
        return recommendation, at_hand

    def _given(
        self,
        user_id: UserId | None,
        request: RecommendationRequest,
        answer: Answer[RecommendationList],
        meant: Mapping[str, str],
    ) -> Recommendation:
        """It counts as shown, unless it was decided that this is not kept."""
        decision = request.decision
        recommendation = Recommendation(
            random_uuid(), answer, meant, datetime.now(UTC), decision, request.rules
        )
        if decision is None or decision.keeps_impressions:
            self.impressions.put(
                impression_of(
                    recommendation.recommendation_id,
                    answer,
                    decision,
                    user_id,
                    explored=[item.item_no for item in answer.result.items if item.explored],
                    shown_at=recommendation.generated_at,
                )
            )
        return recommendation

    async def prepare(self, run: LiveRun, user_id: UserId, request: RecommendationRequest) -> None:
        """Cache a list of a run that is about to be served: see `AnswerPipeline.prepare`."""
        await self.pipeline.prepare(self, request.with_defaults(self.reranking), run, user_id)

    async def make(
        self, run: LiveRun | None, user: UserReader | None, request: RecommendationRequest
    ) -> RecommendationList:
        """A list of the run, long enough if the fallback is of the same run."""
        reader = self._group(run, request) if request.group else user
        result = await self.lists.make(run, reader, request)
        return result if result.degraded is None else self._completed(result, request, reader)

    def _group(self, run: LiveRun | None, request: RecommendationRequest) -> GroupReader:
        of = self.pipeline
        return GroupReader(
            of.recommendations, of.exclusion_cache, of.users, run=run, group=request.group
        )

    def make_fallback(
        self, known: UserExclusions, request: RecommendationRequest
    ) -> RecommendationList:
        """The fallback without what is excluded; it knows nothing of preferences."""
        found = self.fallback.answer(
            request.limit,
            self.excluded(known.exclusions, request),
            filters=request.filters,
            max_per_category=request.max_per_category,
        )
        return replace(found, preferences=None)

    def filters(self, request: RecommendationRequest) -> Filters:
        """Those of the request."""
        return request.filters

    def rules(self, request: RecommendationRequest) -> HoldingRules:
        """Those of the request."""
        return request.rules

    def known_position(self, request: RecommendationRequest) -> int | None:
        """See `CachedKind`."""
        return self.rule_items.position if request.rules else None

    def key(self, request: RecommendationRequest) -> str:
        """The request and the policy."""
        policy = self.policy
        parts = (
            "recommended",
            request.limit,
            request.exclude_seen,
            request.explain,
            request.interests.digest(),
            request.explore,
            request.diversity,
            request.max_per_category,
            request.filters.key(),
            policy.policy,
            policy.batch_weight,
            policy.sharpness,
            policy.half_life_events,
            dict(policy.more),
            request.blend.key(),
            request.rules.key,
            request.decision.key() if request.decision else "",
        )
        return ":".join(map(str, parts))

    def excluded(
        self, exclusions: Exclusions, request: RecommendationRequest
    ) -> AbstractSet[ItemNo]:
        """The user's exclusions, what the request names as the user's own, and what rules hide."""
        excluded = exclusions.of(exclude_seen=request.exclude_seen)
        named = self.fallback.numbers_of(request.left_out_ids())
        return excluded | named | {*request.shown} | self.rule_items.hidden(request.rules)

    decode = staticmethod(RecommendationList.decode)

    def _completed(
        self, result: RecommendationList, request: RecommendationRequest, user: StateReader | None
    ) -> RecommendationList:
        """A list that could not be made long enough, completed from the fallback of its run."""
        missing = request.limit - len(result.items)
        if (
            missing <= 0
            or not same_run(result.run, self.fallback.run)
            or not self.fallback.can_answer()
        ):
            return result
        listed = {item.item_no for item in result.items}
        exclusions = user.loaded.exclusions if user and user.loaded else Exclusions()
        excluded = self.excluded(exclusions, request) | listed
        added = backfill_items(self.fallback.top(missing, excluded, filters=request.filters).items)
        return replace(result, items=(*result.items, *added))


class UncachedKind(ListKind[RecommendationRequest, RecommendationList]):
    """The same lists, of which none is looked for in the cache or stored there."""

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender

    async def make(
        self, run: LiveRun | None, user: UserReader | None, request: RecommendationRequest
    ) -> RecommendationList:
        """See `ListKind`."""
        return await self._recommender.make(run, user, request)

    def make_fallback(
        self, known: UserExclusions, request: RecommendationRequest
    ) -> RecommendationList:
        """See `ListKind`."""
        return self._recommender.make_fallback(known, request)

    def excluded(
        self, exclusions: Exclusions, request: RecommendationRequest
    ) -> AbstractSet[ItemNo]:
        """See `ListKind`."""
        return self._recommender.excluded(exclusions, request)

    def group(self, request: RecommendationRequest) -> Sequence[UserId]:
        """See `ListKind`."""
        return request.group
