"""What sources said of each item of a list, and what kept others out of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self

from domain.blend import BATCH, CANDIDATES, BlendedRanking
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.candidates import collect
from serving.candidates.catalogue_items import Candidates, CatalogueItem, NewItems
from serving.candidates.filters import (
    EVERYTHING,
    AmongItems,
    Filters,
    InAnyCategory,
    InNoCategory,
    OtherThanItems,
)
from serving.candidates.preferences import Direction, Preference
from serving.candidates.source import CandidateRequest, ItemLookup
from serving.candidates.user_state import UserState
from serving.rules.rule import Act

Reason = Literal[
    "disliked", "seen", "rule", "named", "excluded", "category", "filter", "unavailable", "capped"
]


_REASONS: Mapping[type, Reason] = {
    OtherThanItems: "excluded",
    InAnyCategory: "category",
    InNoCategory: "category",
}
"""Why an item does not pass a condition of this kind; of others because of the written filter."""


@dataclass(frozen=True, slots=True)
class SourceScore:
    """What one source says of an item."""

    score: float
    """As the source gives it: of batch that of the nightly list, of speed the live score."""
    scaled: float
    """In [0, 1], by the eligible items of the source."""
    rank: int
    """Among these, from 1."""


@dataclass(frozen=True, slots=True)
class PreferenceChange:
    """What a preference made of the score of an item."""

    preference_id: str
    direction: Direction
    item_id: str | None
    category: str | None
    attribute: str | None
    value: Any
    change: float
    """What the blended score would lack without it; below 0 for less."""

    @classmethod
    def of(cls, preference: Preference, change: float) -> Self:
        """The change by a preference."""
        thing = (preference.item_id, preference.category, preference.attribute, preference.value)
        return cls(preference.preference_id, preference.direction, *thing, change)


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What a rule did to an item of a list."""

    name: str
    do: Act
    change: float | None = None
    """What the blended score would lack without it; None: the rule moved no score."""


Changes = Mapping[int, tuple[PreferenceChange, ...]]
"""By item number: what each preference made of its score."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one list."""

    sources: Mapping[str, Mapping[str, SourceScore]]
    """By item id and source; a source that lacks the item is absent."""
    blend_ranks: Mapping[str, int]
    """By item id: where the blend alone would have put it, from 1."""
    removed: Mapping[Reason, int] | None = None
    """How many of the best candidates are not in the list for which reason, each for the first that
    holds; None: that could not be found out, or only some items were asked about."""
    preferences: Mapping[str, tuple[PreferenceChange, ...]] = field(default_factory=dict)
    """By item id: what the user's preferences made of its score, the largest change first."""
    rules: Mapping[str, tuple[RuleEffect, ...]] = field(default_factory=dict)
    """By item id: the rules that moved it or kept it from a position."""

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any] | None) -> Self | None:
        """The explanation of a cached list from its JSON."""
        if fields is None:
            return None
        sources = {
            item_id: {name: SourceScore(**score) for name, score in scores.items()}
            for item_id, scores in fields["sources"].items()
        }
        preferences = {
            item_id: tuple(PreferenceChange(**change) for change in changes)
            for item_id, changes in fields.get("preferences", {}).items()
        }
        rules = {
            item_id: tuple(RuleEffect(**effect) for effect in effects)
            for item_id, effects in fields.get("rules", {}).items()
        }
        return cls(sources, fields["blend_ranks"], fields["removed"], preferences, rules)


class _Item(Protocol):
    @property
    def item_no(self) -> ItemNo: ...

    @property
    def item_id(self) -> str: ...


def explanation(
    candidates: Candidates,
    ranked: BlendedRanking,
    listed: Iterable[_Item],
    changes: Changes,
    effects: Mapping[int, tuple[RuleEffect, ...]],
) -> Explanation:
    """What the sources, the blend (`ranked`), preferences and rules said of what is listed."""
    ids = {item.item_no: item.item_id for item in listed}
    scores = {name: dict(_scores(candidates, name)) for name in candidates.rankings}
    blend_ranks = {no: rank for rank, no in enumerate(ranked.item_nos.tolist(), start=1)}
    return Explanation(
        {
            item_id: {name: of[no] for name, of in scores.items() if no in of}
            for no, item_id in ids.items()
        },
        {item_id: blend_ranks[no] for no, item_id in ids.items() if no in blend_ranks},
        preferences={item_id: changes[no] for no, item_id in ids.items() if no in changes},
        rules={item_id: effects[no] for no, item_id in ids.items() if no in effects},
    )


def _scores(candidates: Candidates, name: str) -> Iterator[tuple[int, SourceScore]]:
    ranking = candidates.rankings[name]
    columns = (ranking.item_nos.tolist(), ranking.scores.tolist(), ranking.scaled().tolist())
    for rank, (no, score, scaled) in enumerate(zip(*columns, strict=True), start=1):
        yield no, SourceScore(score, scaled, rank)


async def count_removed(
    user: UserState,
    wanted: CandidateRequest,
    names: Collection[str],
    candidates: Candidates,
    *,
    capped: int,
    hidden: AbstractSet[int],
) -> Mapping[Reason, int] | None:
    """Why candidates are not in the list. The sources are asked again, for all that is available.

    `wanted`: what the sources named were asked; `capped`: how many were passed over because a
    category or a cap had enough; `hidden`: what rules hide. None: only some items were asked about,
    or there was no time to find out. RunGoneError if the run was dropped.
    """
    if any(isinstance(each, AmongItems) for each in wanted.filters.conditions):
        return None
    everything = replace(
        wanted, filters=EVERYTHING, new=NewItems(), with_categories=True, lookup=ItemLookup()
    )
    try:
        available = await collect(user.changed(excluded=()), everything, names)
    except StoreUnavailableError:
        return None
    kept = _numbers(candidates)
    removed = (available.items[no] for no in _numbers(available) - kept)
    excluded = frozenset(user.excluded)
    counts = Counter(_reason(item, user, excluded, hidden, wanted.filters) for item in removed)
    if BATCH in names:
        best = user.batch.top(CANDIDATES).item_nos.tolist()
        gone = [no for no in best if no not in available.items]
        counts["unavailable"] += len(gone)
    counts["capped"] += capped
    return {reason: count for reason, count in sorted(counts.items()) if count}


def _numbers(candidates: Candidates) -> set[ItemNo]:
    return {
        ItemNo(no) for ranking in candidates.rankings.values() for no in ranking.item_nos.tolist()
    }


def _reason(
    item: CatalogueItem,
    user: UserState,
    excluded: AbstractSet[ItemNo],
    hidden: AbstractSet[int],
    filters: Filters,
) -> Reason:
    """The first that holds of an available item which is no candidate."""
    if item.item_no in excluded:
        if item.item_no in user.exclusions.disliked:
            return "disliked"
        if item.item_no in user.exclusions.seen:
            return "seen"
        return "rule" if item.item_no in hidden else "named"
    failed = {type(each) for each in filters.conditions if not each.matches(item, None)}
    return next((reason for kind, reason in _REASONS.items() if kind in failed), "filter")
