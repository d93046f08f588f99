"""The questions and answers of /v1/popular, /v1/trending, /v1/latest and /v1/starter."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import AfterValidator, Field
from typing_extensions import TypeAliasType

from serving.answering.fields import FieldedAnswer, ListedItemAnswer
from serving.answering.pipeline import Answer
from serving.answering.schemas import (
    CATEGORIES_MEANT,
    DEGRADED,
    EXCLUSIONS_OF_USER,
    NEXT,
    ExclusionKnowledge,
    RunAnswer,
    run_answer,
)
from serving.http.values import ONE_NAME_OR_NONE, Text, UserIdentifier, category_or_none
from serving.non_personalized.non_personalized_list import NonPersonalizedList, Window
from serving.placements.schemas import PlacedAnswer

TrendingWindow = TypeAliasType("TrendingWindow", Window)
PopularWindow = TypeAliasType("PopularWindow", Literal["day", "week", "month", "all"])
PopularStrategy = TypeAliasType("PopularStrategy", Literal["popular", "fallback"])
TrendingStrategy = TypeAliasType("TrendingStrategy", Literal["trending", "popular", "fallback"])
LatestStrategy = TypeAliasType("LatestStrategy", Literal["latest", "popular", "fallback"])
StarterStrategy = TypeAliasType("StarterStrategy", Literal["starter", "popular", "fallback"])

Category = Annotated[
    str,
    AfterValidator(category_or_none),
    ONE_NAME_OR_NONE,
    Query(max_length=200, description="Empty: the whole catalogue."),
]
ForUser = Annotated[
    UserIdentifier | None,
    Query(
        description="Leave out what this user has seen, disliked or hidden. Unknown users have"
        " nothing to leave out."
    ),
]
Session = Annotated[
    Text | None,
    Query(
        min_length=1,
        max_length=200,
        description="Any text that names the visit: the same session gets the same items as long"
        " as the run is served. Other sessions may begin with another item.",
    ),
]


class NamedItemAnswer(ListedItemAnswer):
    """One item."""


class PopularItemAnswer(ListedItemAnswer):
    """One popular item."""

    score: float = Field(description="Scaled to [0, 1]; 0 for items that only fill the list up.")


class NonPersonalizedAnswer(FieldedAnswer, PlacedAnswer):
    """What all of these answers have."""

    run: RunAnswer | None = Field(description="Null before the first run is published.")
    categories_meant: dict[str, str] = Field(
        description=CATEGORIES_MEANT, examples=[{"comedy": "Comedy"}]
    )
    degraded: str | None = Field(description=DEGRADED)
    exclusions: ExclusionKnowledge | None = Field(description=EXCLUSIONS_OF_USER)
    next: str | None = Field(description=NEXT)


class PopularAnswer(NonPersonalizedAnswer):
    """Popular items, best first."""

    items: list[PopularItemAnswer]
    strategy: PopularStrategy = Field(
        description="fallback: the list kept in memory, because PostgreSQL did not answer."
    )


class TrendingAnswer(NonPersonalizedAnswer):
    """Trending items, best first."""

    items: list[PopularItemAnswer]
    strategy: TrendingStrategy = Field(
        description="popular: nothing trends, these are popular items; fallback: what was in"
        " memory, because PostgreSQL did not answer."
    )


class LatestAnswer(NonPersonalizedAnswer):
    """New items, the newest first."""

    items: list[NamedItemAnswer]
    strategy: LatestStrategy = Field(
        description="popular: the arm of an experiment that gets what is popular; fallback: what"
        " was in memory, because PostgreSQL did not answer; popular items if this process was not"
        " asked for the newest before."
    )


class StarterAnswer(NonPersonalizedAnswer):
    """Items to choose from, each as different as can be from those before it."""

    items: list[NamedItemAnswer]
    strategy: StarterStrategy = Field(
        description="popular: the run cannot tell items apart, or there is none yet; fallback:"
        " what was in memory, because PostgreSQL did not answer."
    )


def scored_answer(found: Answer[NonPersonalizedList]) -> dict[str, Any]:
    """The fields of `PopularAnswer` and `TrendingAnswer`, ready to be written."""
    items = [
        {"item_id": item.item_id, "title": item.title, "score": item.score}
        for item in found.result.items
    ]
    return _answer(found, items)


def named_answer(found: Answer[NonPersonalizedList]) -> dict[str, Any]:
    """The fields of `LatestAnswer` and `StarterAnswer`, ready to be written."""
    return _answer(
        found, [{"item_id": item.item_id, "title": item.title} for item in found.result.items]
    )


def _answer(found: Answer[NonPersonalizedList], items: list[dict[str, Any]]) -> dict[str, Any]:
    listed = found.result
    return {
        "items": items,
        "run": run_answer(listed.run),
        "strategy": listed.strategy,
        "categories_meant": listed.categories_meant,
        "degraded": found.degraded,
        "exclusions": found.exclusions,
    }
