"""Lists that are the same for everybody, without what one user has seen if that is asked for."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import islice

from domain.identifiers import ItemNo
from serving.answering.list_kind import ListKind
from serving.answering.pipeline import Answer, AnswerPipeline
from serving.answering.replica_reading import ReplicaReading, on_replica
from serving.candidates.users import UserReader
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.fallback.fallback_catalogue import FallbackCatalogue
from serving.lists.meant_categories import MeantCategories
from serving.lists.recommendation_list import RecommendationList, backfill_items
from serving.lists.request import LONGEST
from serving.lists.ruled_lists import ListRuler
from serving.non_personalized.non_personalized_list import (
    FallbackLists,
    ListKey,
    NonPersonalizedList,
    NonPersonalizedRequest,
)
from serving.non_personalized.non_personalized_list_maker import (
    NonPersonalizedListMaker,
    NonPersonalizedLists,
)
from serving.placements.exposures import Exposures
from serving.runs.live_runs import LiveRun, LiveRuns, same_run

_FALLBACK_ITEMS = 2 * LONGEST
"""Longer than any answer, so that items may be left out."""


@dataclass(eq=False, slots=True, kw_only=True)
class NonPersonalizedService(ListKind[NonPersonalizedRequest, NonPersonalizedList]):
    """Answers requests for popular, trending, latest and starter lists."""

    pipeline: AnswerPipeline
    live_runs: LiveRuns
    lists: NonPersonalizedLists
    maker: NonPersonalizedListMaker
    fallback: FallbackCatalogue
    fallback_lists: FallbackLists
    replica: ReplicaReading
    categories: MeantCategories
    ruler: ListRuler
    exposures: Exposures

    async def answer(self, request: NonPersonalizedRequest) -> Answer[NonPersonalizedList]:
        """The list that was asked for.

        With the store away it is the fallback: the last such list, else what is popular.
        StoreUnavailableError if nothing in it is eligible, but something else may be.
        """
        return await self.pipeline.answer(self, request, request.user_id)

    async def make(
        self, run: LiveRun | None, user: UserReader | None, request: NonPersonalizedRequest
    ) -> NonPersonalizedList:
        """The list of the run; kept as a fallback from now on, if it is for everybody."""
        excluded: Sequence[ItemNo] = request.shown
        if user is not None:
            excluded = (*excluded, *await self.lists.load_excluded(user.user_no))
        listed = await self.maker.make(run, request, excluded)
        self._keep_fallback(request, listed)
        meant = await self.categories.find_if_possible(request.filters, listed.items)
        return replace(listed, categories_meant=meant) if meant else listed

    def make_fallback(
        self, known: UserExclusions, request: NonPersonalizedRequest
    ) -> NonPersonalizedList:
        """The fallback of this list, else what is popular in its category."""
        excluded = self.excluded(known.exclusions, request)
        if not request.is_plain:
            # Lists are kept without what a filter may ask.
            result = self.fallback.answer(request.limit, excluded, filters=request.filters)
            return NonPersonalizedList("fallback", result.run, result.items)
        listed = self.fallback_lists.find(request.listed) or self.fallback_lists.find(
            ListKey("popular", request.key.category)
        )
        eligible = (
            item
            for item in (listed.items if listed else ())
            if item.item_no not in excluded and not self.fallback.has_expired(item.item_no)
        )
        items = tuple(islice(eligible, request.limit))
        if listed is None or not items:
            result = self.fallback.answer(request.limit, excluded, filters=request.filters)
            return NonPersonalizedList("fallback", result.run, result.items)
        own = NonPersonalizedList("fallback", listed.run, items)
        if len(items) == request.limit or not self.fallback.can_answer():
            return own
        popular = self.fallback.top(request.limit, excluded, filters=request.filters)
        return _completed(own, popular, request.limit)

    def excluded(
        self, exclusions: Exclusions, request: NonPersonalizedRequest
    ) -> AbstractSet[ItemNo]:
        """The user's exclusions, of nobody none, the pages before, and what rules hide."""
        of_user = exclusions.of(exclude_seen=request.user_id is not None)
        return of_user | {*request.shown} | self.ruler.hidden(request)

    async def refresh(self) -> None:
        """Make the fallback lists again, as long as any may be asked for."""

        async def load(key: ListKey) -> NonPersonalizedList:
            return await self.live_runs.reading(lambda run: self._for_all(run, key))

        await self.fallback_lists.refresh(load)
        await self.fallback.follow_expiries(self.fallback_lists.item_nos())

    async def _for_all(self, run: LiveRun | None, key: ListKey) -> NonPersonalizedList:
        with on_replica(await self.replica.grant_for_all(run)):
            return await self.maker.make(run, NonPersonalizedRequest(key, _FALLBACK_ITEMS))

    def _keep_fallback(self, request: NonPersonalizedRequest, listed: NonPersonalizedList) -> None:
        key = request.listed
        if key == ListKey("popular") or not request.is_plain or request.shown:
            return
        if request.user_id is None and request.session is None and not request.rules:
            self.fallback_lists.keep(key, listed)
        elif listed.items:
            # It is not a list for everybody: that is made at the next refresh.
            self.fallback_lists.note(key)


def _completed(
    own: NonPersonalizedList, popular: RecommendationList, limit: int
) -> NonPersonalizedList:
    """A list with what is popular at its end; of two runs the longer list alone."""
    if same_run(own.run, popular.run):
        listed = {item.item_no for item in own.items}
        added = backfill_items(item for item in popular.items if item.item_no not in listed)
        return replace(own, items=(*own.items, *added)[:limit])
    if len(popular.items) > len(own.items):
        return replace(own, run=popular.run, items=popular.items)
    return own
