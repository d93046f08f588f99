"""Lists as the page Watch shows them: what each source adds to an item, and why it is there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from domain.blend import BATCH, SPEED
from serving.answering.list_values import SOURCE_NAMES
from serving.console.watching import Lists
from serving.lists.explanation import SourceScore
from serving.lists.recommendation_list import Cause, RecommendationList, RecommendedItem

_FIRST = (BATCH, SPEED)
SOURCES = (*_FIRST, *(name for name in SOURCE_NAMES if name not in _FIRST))
"""In the order in which bars and sliders show them."""

_STAND_IN = "What is popular stands in."
_NOTES: Mapping[str, str] = {
    BATCH: "The last night has made no list for this user. " + _STAND_IN,
    SPEED: "There is no live vector yet: it begins with the first click. " + _STAND_IN,
    "blend": "Neither source knows this user yet. " + _STAND_IN,
}
_DEGRADED = "This list is less than it might be: {reason}."


@dataclass(frozen=True, slots=True)
class Part:
    """What a source adds to the score of an item."""

    source: str
    start: float
    share: float
    """Of the width of the whole bar; all starts and shares are in [0, 1]."""


@dataclass(frozen=True, slots=True)
class ShownItem:
    """One item of a list."""

    rank: int
    item_id: str
    title: str
    score: float
    parts: Sequence[Part]
    because: Sequence[Cause]
    sources: Mapping[str, SourceScore]
    """Empty: nobody asked, or no source has it."""
    explored: bool


@dataclass(frozen=True, slots=True)
class ShownList:
    """One of the three lists."""

    name: str
    title: str
    says: str
    note: str | None
    """Why it is not what its title says; None: it is."""
    items: Sequence[ShownItem]


def shown_lists(lists: Lists) -> list[ShownList]:
    """The three lists, the blend last."""
    return [
        _shown(BATCH, "Batch", "Learned last night", lists.batch),
        _shown(SPEED, "Speed", "The live vector, after each click", lists.speed),
        _shown("blend", "Blended", "What apps get", lists.blend),
    ]


def _shown(name: str, title: str, says: str, found: RecommendationList) -> ShownList:
    items = [_item(rank, item, found) for rank, item in enumerate(found.items, start=1)]
    return ShownList(name, title, says, _note(name, found), items)


def _note(name: str, found: RecommendationList) -> str | None:
    if found.degraded is not None:
        return _DEGRADED.format(reason=found.degraded.replace("_", " "))
    if found.strategy in ("popular", "fallback"):
        return _NOTES[name]
    return None


def _item(rank: int, item: RecommendedItem, found: RecommendationList) -> ShownItem:
    scores = found.explanation.sources.get(item.item_id, {}) if found.explanation else {}
    return ShownItem(
        rank,
        item.item_id,
        item.title,
        item.score,
        list(_parts(item, found)),
        item.because,
        scores,
        item.explored,
    )


def _parts(item: RecommendedItem, found: RecommendationList) -> Iterator[Part]:
    """The terms of the blend, w_source * scaled^p, one after the other."""
    start = 0.0
    for source in SOURCES:
        weight = found.policy.weights.get(source, 0.0)
        share = weight * item.scores.get(source, 0.0) ** found.policy.sharpness
        if share > 0:
            yield Part(source, start, min(share, 1.0 - start))
            start += share
