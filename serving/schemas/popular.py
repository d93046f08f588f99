"""The questions and answers of /v1/popular, /v1/trending, /v1/latest and /v1/starter."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import AfterValidator, BaseModel, Field

from serving.schemas.identifiers import Identifier, Text, category_or_none
from serving.schemas.recommendations import DEGRADED, RunAnswer, run_answer
from serving.services.lists.held_popular import LONGEST
from serving.services.shelves.shelf import ShelfList

Limit = Annotated[int, Query(ge=1, le=LONGEST, description="How many items.")]
Category = Annotated[
    str,
    AfterValidator(category_or_none),
    Query(max_length=200, description="Empty: the whole catalogue."),
]
ForUser = Annotated[
    Identifier | None,
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


class ShelfItemAnswer(BaseModel):
    """One item."""

    item_id: str
    title: str


class PopularItemAnswer(ShelfItemAnswer):
    """One popular item."""

    score: float = Field(description="Scaled to [0, 1]; 0 for items that only fill the list up.")


class ShelfAnswer(BaseModel):
    """What all of these answers tell."""

    run: RunAnswer | None = Field(description="Null before the first run is published.")
    degraded: str | None = Field(description=DEGRADED)


class PopularAnswer(ShelfAnswer):
    """Popular items, best first."""

    items: list[PopularItemAnswer]
    level: Literal["popular", "held"] = Field(
        description="held: the list as it was held in memory, because PostgreSQL did not answer."
    )


class TrendingAnswer(ShelfAnswer):
    """Trending items, best first."""

    items: list[PopularItemAnswer]
    level: Literal["trending", "popular", "held"] = Field(
        description="popular: nothing trends, these are popular items; held: what was held in"
        " memory, because PostgreSQL did not answer."
    )


class LatestAnswer(ShelfAnswer):
    """New items, the newest first."""

    items: list[ShelfItemAnswer]
    level: Literal["latest", "held"] = Field(
        description="held: what was held in memory, because PostgreSQL did not answer; popular"
        " items if this process was not asked for the newest before."
    )


class StarterAnswer(ShelfAnswer):
    """Items to choose from, each as different as can be from those before it."""

    items: list[ShelfItemAnswer]
    level: Literal["starter", "popular", "held"] = Field(
        description="popular: the run cannot tell items apart, or there is none yet; held: what was"
        " held in memory, because PostgreSQL did not answer."
    )


def scored_answer(listed: ShelfList) -> dict[str, Any]:
    """The fields of `PopularAnswer` and `TrendingAnswer`, ready to be written."""
    items = [
        {"item_id": item.item_id, "title": item.title, "score": item.score} for item in listed.items
    ]
    return _answer(listed, items)


def named_answer(listed: ShelfList) -> dict[str, Any]:
    """The fields of `LatestAnswer` and `StarterAnswer`, ready to be written."""
    return _answer(
        listed, [{"item_id": item.item_id, "title": item.title} for item in listed.items]
    )


def _answer(listed: ShelfList, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "items": items,
        "run": run_answer(listed.run),
        "level": listed.level,
        "degraded": listed.degraded,
    }
