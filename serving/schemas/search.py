"""The answer of GET /v1/search."""

from typing import Any

from pydantic import BaseModel, Field

from serving.answering.pipeline import Answer
from serving.schemas.named import (
    ExclusionKnowledge,
    FoundItemsSource,
    SearchMatch,
    SearchResultStrategy,
)
from serving.schemas.recommendations import (
    CATEGORIES_MEANT,
    DEGRADED,
    EXCLUSIONS_OF_USER,
    RunAnswer,
    run_answer,
)
from serving.services.searching.found_list import SearchedItem, SearchList

_MATCH = (
    "words: at least one word is there. meaning: none is, but the item is near to what they mean."
    " popular: the item only fills the list up."
)


class HighlightsAnswer(BaseModel):
    """Where the words stand, as HTML that is safe to show."""

    title: str = Field(examples=["<mark>Toy</mark> <mark>Story</mark>"])
    text: str | None = Field(
        description="A piece of the description, or of categories and attributes, around the first"
        " word found; null: no word is found there."
    )


class SearchedItemAnswer(BaseModel):
    """One item found."""

    item_id: str = Field(examples=["stalker-1979"])
    title: str = Field(examples=["Toy Story"])
    score: float = Field(description="What the list is ordered by; 0 for items that fill it up.")
    match: SearchMatch = Field(description=_MATCH)
    seen: bool = Field(description="Whether the user has seen it; false without user_id.")
    highlights: HighlightsAnswer | None = Field(
        description="Null for items that do not match in words, and with highlight=false."
    )


class SearchAnswer(BaseModel):
    """What a search found, the best first."""

    q: str
    items: list[SearchedItemAnswer]
    match: SearchMatch | None = Field(
        description="The match of the first item; meaning or popular: no item has the words. Null:"
        " no item at all."
    )
    corrected: dict[str, str] = Field(
        description="Words that no item has, with the words that were looked for instead.",
        examples=[{"oddyssey": "odyssey"}],
    )
    categories_meant: dict[str, str] = Field(
        description=CATEGORIES_MEANT, examples=[{"comedy": "Comedy"}]
    )
    source: FoundItemsSource = Field(description="Where the list comes from now.")
    strategy: SearchResultStrategy = Field(
        description="What the list was made as. search: by words and meaning. words: by words"
        " alone. popular: nothing was found. fallback: the popular list kept in memory, items"
        " with the words in their titles first, because PostgreSQL did not answer."
    )
    degraded: str | None = Field(description=DEGRADED)
    exclusions: ExclusionKnowledge | None = Field(description=EXCLUSIONS_OF_USER)
    run: RunAnswer | None = Field(description="Null before the first run is published.")
    generation_ms: float


def search_answer(q: str, found: Answer[SearchList]) -> dict[str, Any]:
    """The fields of `SearchAnswer`, ready to be written."""
    result = found.result
    return {
        "q": q,
        "items": [_item_answer(item) for item in result.items],
        "match": result.match,
        "corrected": result.corrected,
        "categories_meant": result.categories_meant,
        "source": found.source,
        "strategy": result.strategy,
        "degraded": found.degraded,
        "exclusions": found.exclusions,
        "run": run_answer(result.run),
        "generation_ms": found.generation_ms,
    }


def _item_answer(item: SearchedItem) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "title": item.title,
        "score": item.score,
        "match": item.match,
        "seen": item.seen,
        "highlights": item.highlights,
    }
