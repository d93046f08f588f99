"""Recommendations for one user."""

import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from domain.blend import BlendPolicy
from domain.identifiers import ItemNo, UserId
from serving.answering.list_kind import CachedKind
from serving.answering.pipeline import Answer, AnswerPipeline
from serving.answering.user_reader import UserReader
from serving.repositories.exclusions import Exclusions, UserExclusions
from serving.repositories.impressions import Impression
from serving.repositories.runs import LiveRun, same_run
from serving.services.impression_queue import ImpressionQueue
from serving.services.lists.fallback_catalogue import FallbackCatalogue
from serving.services.lists.made_list import MadeList, fillers
from serving.services.lists.making import ListMaker
from serving.services.lists.meant_categories import MeantCategories
from serving.services.lists.request import RecommendationRequest
from serving.services.lists.slots import SlotPolicy
from serving.services.warming import AskedLately


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One answer to one request."""

    recommendation_id: uuid.UUID
    answer: Answer[MadeList]
    categories_meant: Mapping[str, str]
    """Of an empty list: categories asked for that no item has, with those that were meant."""
    generated_at: datetime


class Recommender(CachedKind[RecommendationRequest, MadeList]):
    """Answers requests for recommendations."""

    def __init__(
        self,
        *,
        pipeline: AnswerPipeline,
        lists: ListMaker,
        fallback: FallbackCatalogue,
        impressions: ImpressionQueue,
        policy: BlendPolicy,
        slots: SlotPolicy,
        asked: AskedLately,
        categories: MeantCategories,
    ) -> None:
        self._pipeline = pipeline
        self._lists = lists
        self._fallback = fallback
        self._impressions = impressions
        self._policy = policy
        self._slots = slots
        self._asked = asked
        self._categories = categories

    async def recommend(self, user_id: UserId, request: RecommendationRequest) -> Recommendation:
        """The best list for a user; StoreUnavailableError only if there is none whatever."""
        answer = await self._pipeline.answer(self, request.with_defaults(self._slots), user_id)
        recommendation = Recommendation(
            recommendation_id=uuid.uuid4(),
            answer=answer,
            categories_meant=await self._categories.meant(request.filters, answer.made.items),
            generated_at=datetime.now(UTC),
        )
        self._impressions.put(_impression(recommendation))
        if answer.user_no is not None:
            self._asked.note(user_id, request)
        return recommendation

    async def prepare(self, run: LiveRun, user_id: UserId, request: RecommendationRequest) -> None:
        """Cache a list of a run that is about to be served: see `AnswerPipeline.prepare`."""
        await self._pipeline.prepare(self, request.with_defaults(self._slots), run, user_id)

    async def make(
        self, run: LiveRun | None, user: UserReader | None, request: RecommendationRequest
    ) -> MadeList:
        """A list of the run, long enough if the fallback is of the same run."""
        made = await self._lists.make(run, user, request)
        return made if made.degraded is None else self._completed(made, request, user)

    def make_fallback(self, known: UserExclusions, request: RecommendationRequest) -> MadeList:
        """The held list."""
        return self._fallback.answer(
            request.limit,
            self.excluded(known.exclusions, request),
            filters=request.filters,
            max_per_category=request.max_per_category,
        )

    def key(self, request: RecommendationRequest) -> str:
        """The request and the policy."""
        policy = self._policy
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
        )
        return ":".join(map(str, parts))

    def excluded(
        self, exclusions: Exclusions, request: RecommendationRequest
    ) -> AbstractSet[ItemNo]:
        """The user's exclusions, and the items named as interests if seen ones stay out."""
        excluded = exclusions.of(exclude_seen=request.exclude_seen)
        if request.exclude_seen:
            excluded |= self._fallback.numbers_of(request.interests.item_ids)
        return excluded

    def encode(self, made: MadeList) -> bytes:
        """All of the list."""
        return made.encode()

    def decode(self, cached: bytes) -> MadeList:
        """The list."""
        return MadeList.decode(cached)

    def _completed(
        self, made: MadeList, request: RecommendationRequest, user: UserReader | None
    ) -> MadeList:
        """A list that could not be made long enough, completed from the fallback of its run."""
        missing = request.limit - len(made.items)
        if (
            missing <= 0
            or not same_run(made.run, self._fallback.run)
            or not self._fallback.can_answer()
        ):
            return made
        listed = {item.item_no for item in made.items}
        exclusions = user.loaded.exclusions if user and user.loaded else Exclusions()
        excluded = self.excluded(exclusions, request) | listed
        added = fillers(self._fallback.top(missing, excluded, filters=request.filters).items)
        return replace(made, items=(*made.items, *added))


def _impression(recommendation: Recommendation) -> Impression:
    answer = recommendation.answer
    made = answer.made
    return Impression(
        recommendation_id=recommendation.recommendation_id,
        user_no=answer.user_no,
        run_id=made.run.run_id if made.run else None,
        source=answer.source,
        item_nos=[item.item_no for item in made.items],
        explored=[item.item_no for item in made.items if item.explored],
        shown_at=recommendation.generated_at,
    )
