"""Applying a user's preferences to what was blended, or to what is popular."""

from dataclasses import dataclass, field, replace

import numpy as np

from domain.blend import BlendedRanking
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.candidates.catalogue_items import Candidates, ListedItems
from serving.candidates.filters import Filters
from serving.candidates.preferences import load_brought, load_matches, load_others
from serving.candidates.user_state import UserState
from serving.lists.explanation import Changes
from serving.lists.preference_matching import OTHERS, Effect, Matching, takes_places
from serving.lists.recommendation_list import RecommendedItem, degraded_by, scored_items
from serving.lists.request import RecommendationRequest
from serving.postgres.store import ReadStore
from serving.runs.live_runs import LiveRun
from serving.runtime.budget import SEARCHING, until


@dataclass(frozen=True, slots=True)
class Preferred:
    """A ranking with a user's preferences."""

    ranked: BlendedRanking
    candidates: Candidates
    preferences: int | None = 0
    """How many there are; None: they could not be applied."""
    changes: Changes = field(default_factory=dict)
    """Empty too if nobody asked."""
    degraded: str | None = None


class PreferenceApplier:
    """Applies them; a ranking of a user who has none stays as it is, and costs nothing."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def applied(
        self,
        run: LiveRun | None,
        user: UserState,
        candidates: Candidates,
        ranked: BlendedRanking,
        request: RecommendationRequest,
        *,
        sharpness: float,
    ) -> Preferred:
        """The ranking as the preferences want it, with the items that they bring.

        Without them, and why, if there is no time to find out what they concern.
        """
        if not user.preferences:
            return Preferred(ranked, candidates)
        # That the sources have found something counts more than what preferences would bring.
        candidates, late = await self._with_brought(run, user, candidates, request.filters)
        try:
            found = await self._matching(run, user, ranked, candidates)
            if run is not None and found.lacks_others(user):
                candidates = await self._with_others(run, user, candidates, request.filters)
                found = await self._matching(run, user, ranked, candidates)
        except StoreUnavailableError as error:
            return Preferred(ranked, candidates, None, degraded=degraded_by(error))
        effect = Effect.of(found, sharpness, user.preferences, candidates)
        return Preferred(
            effect.ranked(),
            replace(candidates, new=found.wanted_new(user, candidates)),
            len(user.preferences),
            effect.changes() if request.explain else {},
            late,
        )

    async def _with_brought(
        self, run: LiveRun | None, user: UserState, candidates: Candidates, filters: Filters
    ) -> tuple[Candidates, str | None]:
        """The candidates and what the user wants more of; without, and why, if that takes long."""
        if run is None:
            return candidates, None
        try:
            with until(SEARCHING):
                brought = await load_brought(
                    self._store,
                    run.run_id,
                    user.preferences,
                    embedding=user.embedding,
                    excluded=user.excluded,
                    filters=filters,
                )
        except StoreUnavailableError as error:
            return candidates, degraded_by(error)
        for columns in brought.values():
            candidates.items.add(columns)
        return replace(
            candidates, brought={of: each.item_nos for of, each in brought.items()}
        ), None

    async def _matching(
        self,
        run: LiveRun | None,
        user: UserState,
        ranked: BlendedRanking,
        candidates: Candidates,
    ) -> Matching:
        extended = _extended(ranked, candidates)
        new = np.array(candidates.new, dtype=np.int32)
        asked = np.concatenate([extended.item_nos, new])
        run_id = run.run_id if run else None
        matches = await load_matches(self._store, run_id, user.preferences, asked)
        return Matching(extended, len(ranked), *np.split(matches, [len(extended)], axis=1))

    async def _with_others(
        self, run: LiveRun, user: UserState, candidates: Candidates, filters: Filters
    ) -> Candidates:
        """The candidates, and others than what the user wants less of."""
        others = await load_others(
            self._store,
            run.run_id,
            [each for each in user.preferences if takes_places(each)],
            embedding=user.embedding,
            excluded=user.excluded,
            filters=filters,
        )
        candidates.items.add(others)
        return replace(candidates, brought={**candidates.brought, OTHERS: others.item_nos})

    async def popular(
        self,
        run: LiveRun | None,
        user: UserState,
        candidates: Candidates,
        listed: ListedItems,
        request: RecommendationRequest,
    ) -> tuple[tuple[RecommendedItem, ...], Preferred]:
        """What is popular, as the preferences want it, with the items that they bring."""
        scaled = BlendedRanking(listed.ranking.item_nos, listed.ranking.scaled(), {}, {})
        preferred = await self.applied(run, user, candidates, scaled, request, sharpness=1.0)
        ranked = preferred.ranked
        named = (
            listed.items.get(ItemNo(no)) or candidates.items[ItemNo(no)]
            for no in ranked.item_nos.tolist()
        )
        return scored_items(named, ranked.scores.tolist()), preferred


def _extended(ranked: BlendedRanking, candidates: Candidates) -> BlendedRanking:
    """The same ranking with what preferences bring after it, which no source knows: score 0."""
    brought = {no for item_nos in candidates.brought.values() for no in item_nos}
    extra = sorted(brought.difference(ranked.item_nos.tolist()))
    nothing = np.zeros(len(extra))
    return BlendedRanking(
        np.concatenate([ranked.item_nos, np.array(extra, dtype=np.int32)]),
        np.concatenate([ranked.scores, nothing]),
        {name: np.concatenate([scores, nothing]) for name, scores in ranked.by_source.items()},
        ranked.weights,
    )
