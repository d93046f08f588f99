"""A recommended list as it is made, cached and answered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson

from domain.blend import BlendPolicy, Policy
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.candidates.catalogue_items import CatalogueItem, ListedItems
from serving.lists.explanation import Explanation
from serving.runs.live_runs import LiveRun, decoded_run

_NOT_OF_POSTGRES = frozenset({"budget", "run_gone", "run_unusable", "interrupted", "vector_index"})
"""Reasons for which PostgreSQL is not to blame as a whole."""

Strategy = Literal["blend", "speed", "batch", "popular", "trending", "latest", "fallback"]
Source = Literal["cache", "blend", "speed", "batch", "popular", "trending", "latest", "fallback"]
OF_EVERYBODY = frozenset({"popular", "trending", "latest"})
"""Strategies of lists that change with what others do."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One of the user's own items, or a declared word, that brought a recommendation."""

    item_id: str | None
    title: str | None
    share: float
    """Of all that speaks for the recommendation in the live space, in (0, 1]."""
    interest: str | None = None
    """The declared word or phrase; None: it is an item."""


@dataclass(frozen=True, slots=True)
class RecommendedItem:
    """One item of a list."""

    item_no: ItemNo
    item_id: str
    title: str
    score: float
    """The blended score; of a popular list, the popular score scaled to [0, 1]; of backfill, 0."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """By source, scaled to [0, 1]; 0 if a source lacks the item, empty if none brought it."""
    because: tuple[Cause, ...] = ()
    """Empty too if nobody asked."""
    explored: bool = False
    """Whether it is a new item that is listed so that it becomes known."""
    categories: tuple[str, ...] = ()
    """Empty too where nobody has to know."""


@dataclass(frozen=True, slots=True)
class AppliedPolicy:
    """How the sources were weighed in one list."""

    name: Policy
    weights: Mapping[str, float]
    """By source, as applied: 0 for one that had nothing for the user."""
    sharpness: float
    events_since_cut_off: int

    @classmethod
    def of_no_source(cls, policy: BlendPolicy) -> "AppliedPolicy":
        """No source had anything for this user."""
        return cls(policy.policy, dict.fromkeys(policy.weights(0), 0.0), policy.sharpness, 0)


@dataclass(frozen=True, slots=True)
class RecommendationList:
    """Everything about an answer that stays the same when it is given again."""

    strategy: Strategy
    run: LiveRun | None
    policy: AppliedPolicy
    items: tuple[RecommendedItem, ...]
    degraded: str | None = None
    """Why it is less than it might have been, and so is not kept; None: it is not."""
    vector_at: datetime | None = None
    """When the live vector was made that it comes from; None: it comes from none."""
    explanation: Explanation | None = None
    """None: nobody asked, or neither a source nor a preference brought anything."""
    preferences: int | None = 0
    """How many of the user's preferences it follows; None: they are not known, or there was no time
    to apply them."""

    @classmethod
    def decode(cls, cached: bytes) -> "RecommendationList":
        """The list from what was cached; of its run it has only what answers show."""
        decoded = orjson.loads(cached)
        vector_at = decoded.get("vector_at")
        return cls(
            strategy=decoded["strategy"],
            run=decoded_run(decoded["run"]),
            policy=AppliedPolicy(**decoded["policy"]),
            items=tuple(_item(item) for item in decoded["items"]),
            vector_at=None if vector_at is None else datetime.fromisoformat(vector_at),
            explanation=Explanation.from_dict(decoded.get("explanation")),
            preferences=decoded.get("preferences", 0),
        )


def scored_items(
    named: Iterable[CatalogueItem], scores: Iterable[float]
) -> tuple[RecommendedItem, ...]:
    """Items with their scores, in order."""
    return tuple(
        RecommendedItem(item.item_no, item.item_id, item.title, score, categories=item.categories)
        for item, score in zip(named, scores, strict=True)
    )


def with_scores(listed: ListedItems) -> tuple[RecommendedItem, ...]:
    """Items of a list with its scores scaled to [0, 1]."""
    return scored_items(listed.items.values(), listed.ranking.scaled().tolist())


def backfill_items(named: Iterable[CatalogueItem | RecommendedItem]) -> tuple[RecommendedItem, ...]:
    """Items that only make a list long enough: their score is 0."""
    return tuple(
        RecommendedItem(item.item_no, item.item_id, item.title, 0.0, categories=item.categories)
        for item in named
    )


REDIS_AWAY = "redis_away"
"""A list made without Redis is as good as any, but each one is made anew."""


def degraded_by(error: StoreUnavailableError) -> str:
    """Why a list is less than it might have been."""
    return error.reason if error.reason in _NOT_OF_POSTGRES else f"postgres_{error.reason}"


def _item(fields: dict[str, Any]) -> RecommendedItem:
    # Most have neither, and there are many.
    if fields["because"]:
        fields["because"] = [Cause(**cause) for cause in fields["because"]]
    fields["because"], fields["categories"] = tuple(fields["because"]), tuple(fields["categories"])
    return RecommendedItem(**fields)
