"""Applying a user's preferences to what was blended, or to what is popular."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from domain.blend import BlendedRanking
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.candidates.catalogue_items import Candidates, ListedItems
from serving.candidates.filters import Filters
from serving.candidates.preferences import (
    Preference,
    load_brought,
    load_matches,
    load_others,
)
from serving.candidates.recommendations import UserState
from serving.lists.explanation import PreferenceChange
from serving.lists.preference_effect import (
    HALF_RANK_OF_OTHERS,
    Floats,
    by_rank,
    by_similarity,
    moved,
)
from serving.lists.recommendation_list import RecommendedItem, degraded_by
from serving.lists.request import RecommendationRequest
from serving.postgres.store import ReadStore
from serving.runs.live_runs import LiveRun
from serving.runtime.budget import SEARCHING, until

_UNWANTED = 0.5
"""A new item that what the user wants less of concerns so much is not explored."""

_FEWEST_OTHERS = 20
"""With fewer candidates that the user does not want less of, others are looked for."""
_OTHERS = "others"
"""What brings these, beside the preferences."""

Changes = Mapping[int, tuple[PreferenceChange, ...]]
"""By item number: what each preference made of its score."""


@dataclass(frozen=True, slots=True)
class Preferred:
    """A ranking with a user's preferences."""

    ranked: BlendedRanking
    candidates: Candidates
    preferences: int | None = 0
    """How many there are; None: they could not be applied."""
    changes: Mapping[int, tuple[PreferenceChange, ...]] | None = None
    """None: nobody asked."""
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
        effect = _Effect.of(found, sharpness, user.preferences, candidates)
        return Preferred(
            effect.ranked(),
            replace(candidates, new=found.wanted_new(user, candidates)),
            len(user.preferences),
            effect.changes() if request.explain else None,
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
    ) -> "_Matching":
        extended = _extended(ranked, candidates)
        new = np.array(candidates.new, dtype=np.int32)
        asked = np.concatenate([extended.item_nos, new])
        run_id = run.run_id if run else None
        matches = await load_matches(self._store, run_id, user.preferences, asked)
        return _Matching(extended, len(ranked), *np.split(matches, [len(extended)], axis=1))

    async def _with_others(
        self, run: LiveRun, user: UserState, candidates: Candidates, filters: Filters
    ) -> Candidates:
        """The candidates, and others than what the user wants less of."""
        others = await load_others(
            self._store,
            run.run_id,
            [each for each in user.preferences if _takes_places(each)],
            embedding=user.embedding,
            excluded=user.excluded,
            filters=filters,
        )
        candidates.items.add(others)
        return replace(candidates, brought={**candidates.brought, _OTHERS: others.item_nos})

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
        return tuple(
            RecommendedItem(
                item.item_no, item.item_id, item.title, score, categories=item.categories
            )
            for item, score in zip(named, ranked.scores.tolist(), strict=True)
        ), preferred


@dataclass(frozen=True, slots=True)
class _Matching:
    """How much each preference concerns what is ranked (k, n), and what is new (k, m)."""

    ranked: BlendedRanking
    """With what preferences bring."""
    listed: int
    """So many of them the sources had; those that were brought follow."""
    of_ranked: Floats
    of_new: Floats

    def lacks_others(self, user: UserState) -> bool:
        """Whether sources have hardly anything but what the user wants less of."""
        if user.embedding is None:
            return False
        rows = [row for row, each in enumerate(user.preferences) if _takes_places(each)]
        concerned = self.of_ranked[rows].any(axis=0)
        others = ~concerned & (self.ranked.scores > 0.0)
        return bool(concerned.any()) and int(others.sum()) < _FEWEST_OTHERS

    def wanted_new(self, user: UserState, candidates: Candidates) -> tuple[ItemNo, ...]:
        """The new items that may be explored."""
        rows = [row for row, each in enumerate(user.preferences) if not each.is_more]
        unwanted = self.of_new[rows].max(axis=0, initial=0.0) >= _UNWANTED
        return tuple(no for no, gone in zip(candidates.new, unwanted, strict=True) if not gone)


@dataclass(frozen=True, slots=True)
class _Effect:
    """What each preference does to each item of a ranking."""

    before: BlendedRanking
    sharpness: float
    preferences: Sequence[Preference]
    degrees: Floats
    """(preferences, items); the last is of what takes the place of what is wanted less."""
    is_more: NDArray[np.bool_]
    """(preferences,)"""

    @classmethod
    def of(
        cls,
        matching: _Matching,
        sharpness: float,
        preferences: Sequence[Preference],
        candidates: Candidates,
    ) -> "_Effect":
        """From how much the preferences concern the items."""
        ranked, matches = matching.ranked, matching.of_ranked
        u = ranked.scores ** (1.0 / sharpness)
        degrees = [
            _degrees(each, row, ranked.item_nos, u, candidates)
            for each, row in zip(preferences, matches, strict=True)
        ]
        degrees.append(_degrees_of_others(matching, u, candidates))
        is_more = np.array([*(each.is_more for each in preferences), True])
        return cls(ranked, sharpness, preferences, np.stack(degrees), is_more)

    def ranked(self) -> BlendedRanking:
        """The items in the order that they have now."""
        scores = self._scores(np.ones(len(self.degrees), dtype=bool))
        order = np.lexsort((self.before.item_nos, -scores))
        return replace(self.before, scores=scores).reordered(order)

    def changes(self) -> Changes:
        """What the score of each item would lack without each preference."""
        of_all = np.ones(len(self.degrees), dtype=bool)
        scores = self._scores(of_all)
        found: dict[int, list[PreferenceChange]] = {}
        for row, preference in enumerate(self.preferences):
            others = of_all.copy()
            others[row] = False
            change = scores - self._scores(others)
            for index in np.nonzero(change)[0].tolist():
                said = PreferenceChange.of(preference, float(change[index]))
                found.setdefault(int(self.before.item_nos[index]), []).append(said)
        return {
            no: tuple(sorted(changes, key=lambda each: -abs(each.change)))
            for no, changes in found.items()
        }

    def _scores(self, counted: NDArray[np.bool_]) -> Floats:
        more, less = self.degrees[counted & self.is_more], self.degrees[counted & ~self.is_more]
        return moved(self.before.scores, self.sharpness, more, less)


def _degrees(
    preference: Preference,
    matches: Floats,
    item_nos: NDArray[np.int32],
    u: Floats,
    candidates: Candidates,
) -> Floats:
    """How much a preference moves each item (n,), given how much it concerns it."""
    if preference.item_no is not None:
        return by_similarity(matches, item_nos == preference.item_no)
    if not preference.is_more:
        return matches
    places = _places(candidates.brought.get(preference.preference_id, ()), item_nos)
    return by_rank(matches > 0.0, u, places)


def _degrees_of_others(matching: _Matching, u: Floats, candidates: Candidates) -> Floats:
    """How much what no source has is lifted in place of what is wanted less, (n,)."""
    others, item_nos = candidates.brought.get(_OTHERS, ()), matching.ranked.item_nos
    brought = np.isin(item_nos, others) & (np.arange(len(item_nos)) >= matching.listed)
    return by_rank(brought, u, _places(others, item_nos), HALF_RANK_OF_OTHERS)


def _places(brought: Sequence[int], item_nos: NDArray[np.int32]) -> NDArray[np.integer]:
    """Where items stand among those that were brought; all others after them."""
    places = {no: place for place, no in enumerate(brought)}
    return np.array([places.get(no, len(brought) + no) for no in item_nos.tolist()])


def _takes_places(preference: Preference) -> bool:
    """Whether so much may be wanted less that others must be looked for."""
    return not preference.is_more and preference.item_no is None


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
