"""How much each preference concerns each candidate, and what all of them make of the ranking."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from domain.blend import BlendedRanking
from domain.identifiers import ItemNo
from serving.candidates.catalogue_items import Candidates
from serving.candidates.preferences import Preference
from serving.candidates.user_state import UserState
from serving.lists.explanation import Changes, PreferenceChange
from serving.lists.preference_effect import (
    HALF_RANK_OF_OTHERS,
    Floats,
    by_rank,
    by_similarity,
    moved,
)

_UNWANTED = 0.5
"""A new item that what the user wants less of concerns so much is not explored."""

_FEWEST_OTHERS = 20
"""With fewer candidates that the user does not want less of, others are looked for."""
OTHERS = "others"
"""What brings these, beside the preferences."""


@dataclass(frozen=True, slots=True)
class Matching:
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
        rows = [row for row, each in enumerate(user.preferences) if takes_places(each)]
        concerned = self.of_ranked[rows].any(axis=0)
        others = ~concerned & (self.ranked.scores > 0.0)
        return bool(concerned.any()) and int(others.sum()) < _FEWEST_OTHERS

    def wanted_new(self, user: UserState, candidates: Candidates) -> tuple[ItemNo, ...]:
        """The new items that may be explored."""
        rows = [row for row, each in enumerate(user.preferences) if not each.is_more]
        unwanted = self.of_new[rows].max(axis=0, initial=0.0) >= _UNWANTED
        return tuple(no for no, gone in zip(candidates.new, unwanted, strict=True) if not gone)


@dataclass(frozen=True, slots=True)
class Effect:
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
        matching: Matching,
        sharpness: float,
        preferences: Sequence[Preference],
        candidates: Candidates,
    ) -> "Effect":
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
                changed = PreferenceChange.of(preference, float(change[index]))
                found.setdefault(int(self.before.item_nos[index]), []).append(changed)
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


def _degrees_of_others(matching: Matching, u: Floats, candidates: Candidates) -> Floats:
    """How much what no source has is lifted in place of what is wanted less, (n,)."""
    others, item_nos = candidates.brought.get(OTHERS, ()), matching.ranked.item_nos
    brought = np.isin(item_nos, others) & (np.arange(len(item_nos)) >= matching.listed)
    return by_rank(brought, u, _places(others, item_nos), HALF_RANK_OF_OTHERS)


def _places(brought: Sequence[int], item_nos: NDArray[np.int32]) -> NDArray[np.integer]:
    """Where items stand among those that were brought; all others after them."""
    places = {no: place for place, no in enumerate(brought)}
    return np.array([places.get(no, len(brought) + no) for no in item_nos.tolist()])


def takes_places(preference: Preference) -> bool:
    """Whether so much may be wanted less that others must be looked for."""
    return not preference.is_more and preference.item_no is None
