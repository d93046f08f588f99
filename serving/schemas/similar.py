"""The answer of GET /v1/items/{item_id}/similar and of GET /v1/similar."""

from typing import Any

from pydantic import BaseModel, Field

from serving.answering.pipeline import Answer
from serving.schemas.named import ExclusionKnowledge, FoundItemsSource, SimilarItemsStrategy
from serving.schemas.recommendations import (
    CATEGORIES_MEANT,
    DEGRADED,
    EXCLUSIONS_OF_USER,
    RunAnswer,
    run_answer,
)
from serving.services.searching.found_list import SimilarList


class SimilarItemAnswer(BaseModel):
    """One similar item."""

    item_id: str = Field(examples=["stalker-1979"])
    title: str = Field(examples=["Stalker"])
    score: float = Field(
        description="How similar it is, at most 1: the sum of the two parts. 0 for items that only"
        " fill the list up."
    )
    used_by_same_people: float = Field(
        description="The part that comes from who uses the items, and one after the other."
    )
    similar_in_words: float = Field(description="The part that comes from what is said of them.")


class SimilarAnswer(BaseModel):
    """Items like others, the most similar first."""

    items: list[SimilarItemAnswer]
    categories_meant: dict[str, str] = Field(
        description=CATEGORIES_MEANT, examples=[{"comedy": "Comedy"}]
    )
    source: FoundItemsSource = Field(description="Where the list comes from now.")
    strategy: SimilarItemsStrategy = Field(
        description="What the list was made as. similar: by use and words. words: by words alone,"
        " as the item is too new. popular: nothing is known of the item. fallback: the popular list"
        " kept in memory, because PostgreSQL did not answer."
    )
    degraded: str | None = Field(description=DEGRADED)
    exclusions: ExclusionKnowledge | None = Field(description=EXCLUSIONS_OF_USER)
    run: RunAnswer | None = Field(description="Null before the first run is published.")
    unknown_item_ids: list[str] = Field(
        description="Ids among those asked for that no item has; the others were used."
    )
    generation_ms: float


def similar_answer(found: Answer[SimilarList]) -> dict[str, Any]:
    """The fields of `SimilarAnswer`, ready to be written."""
    result = found.result
    return {
        "items": [
            {
                "item_id": item.item_id,
                "title": item.title,
                "score": item.score,
                "used_by_same_people": item.used_by_same_people,
                "similar_in_words": item.similar_in_words,
            }
            for item in result.items
        ],
        "categories_meant": result.categories_meant,
        "source": found.source,
        "strategy": result.strategy,
        "degraded": found.degraded,
        "exclusions": found.exclusions,
        "run": run_answer(result.run),
        "unknown_item_ids": result.unknown,
        "generation_ms": found.generation_ms,
    }
