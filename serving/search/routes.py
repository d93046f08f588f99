"""GET /v1/search."""

import uuid
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import TypeAliasType

from serving.access.requirements import may_read
from serving.answering.fields import FieldedAnswer, FromItemFields, ListedItemAnswer
from serving.answering.list_response import NOT_MODIFIED, IfNoneMatch, list_response
from serving.answering.own_values import FromOwnValues
from serving.answering.pipeline import Answer
from serving.answering.schemas import (
    CATEGORIES_MEANT,
    DEGRADED,
    EXCLUDE_SEEN,
    EXCLUSIONS_OF_USER,
    NEXT,
    ExclusionKnowledge,
    FoundItemsSource,
    RunAnswer,
    run_answer,
)
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import NOT_BLANK, Documented, QueryBoolean, storable_text
from serving.lists.cursor import Scroll
from serving.lists.decision import Decision
from serving.placements.current_placements import FromCurrentPlacements
from serving.placements.found_lists import PlacedQuery, place
from serving.placements.schemas import PlacedAnswer, placed_answer
from serving.runtime.faults import CursorExpiredError
from serving.search.search import Searcher
from serving.search.search_list import (
    Match,
    SearchedItem,
    SearchList,
    SearchRequest,
    SearchStrategy,
)

SearchMatch = TypeAliasType("SearchMatch", Match)
SearchResultStrategy = TypeAliasType("SearchResultStrategy", SearchStrategy)

LONGEST_QUERY = 200

_MATCH = (
    "words: at least one word is there. meaning: none is, but the item is near to what they mean."
    " popular: the item only fills the list up, or a rule brought it."
)


def _query_text(given: str) -> str:
    """ValueError if there is nothing to look for, or too much."""
    if not given.strip():
        raise ValueError(
            "The query q is empty. Give at least one word to look for, as in: toy story"
        )
    if len(given) > LONGEST_QUERY:
        raise ValueError(
            f"The query q is {len(given)} characters long. Give {LONGEST_QUERY} at"
            " most; the words that tell most are enough."
        )
    return given


class SearchQuery(PlacedQuery):
    """The parameters of the query."""

    q: Annotated[
        str,
        AfterValidator(storable_text),
        AfterValidator(_query_text),
        Documented({"minLength": 1, "maxLength": LONGEST_QUERY, **NOT_BLANK.keywords}),
        Field(
            description='Words to look for; "words in quotes" follow each other, -word must not'
            " be there, or separates alternatives. The last word may be the beginning of one,"
            " unless a space follows it.",
            examples=["space odyssey", '"science fiction" -war'],
        ),
    ]
    exclude_seen: Annotated[QueryBoolean, Field(description=EXCLUDE_SEEN)] = False
    only_words: Annotated[
        QueryBoolean,
        Field(description="True: only items that match in words, however few, or none."),
    ] = False
    highlight: Annotated[
        QueryBoolean, Field(description="Whether to show where the words stand.")
    ] = True

    def to_request(self) -> SearchRequest:
        """What is looked for."""
        return SearchRequest(
            text=self.q,
            limit=self.limit,
            filters=self.filters(),
            exclude_seen=self.exclude_seen,
            only_words=self.only_words,
            highlight=self.highlight,
        )


class HighlightsAnswer(BaseModel):
    """Where the words stand, as HTML that is safe to show."""

    title: str = Field(examples=["<mark>Toy</mark> <mark>Story</mark>"])
    text: str | None = Field(
        description="A piece of the description, or of categories and attributes, around the first"
        " word found; null: no word is found there."
    )


class SearchedItemAnswer(ListedItemAnswer):
    """One item found."""

    score: float = Field(
        description="What the list is ordered by before rules; 0 for items that fill it up."
    )
    match: SearchMatch = Field(description=_MATCH)
    seen: bool = Field(description="Whether the user has seen it; false without user_id.")
    highlights: HighlightsAnswer | None = Field(
        description="Null for items that do not match in words, and with highlight=false."
    )


class SearchAnswer(FieldedAnswer, PlacedAnswer):
    """What a search found, the best first."""

    q: str
    items: list[SearchedItemAnswer]
    match: SearchMatch | None = Field(
        description="The match of the item with the best score; meaning or popular: no item has the"
        " words. Null: no item at all."
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
    generation_time_ms: float
    next: str | None = Field(description=NEXT)


def search_answer(
    q: str,
    found: Answer[SearchList],
    following: str | None,
    decision: Decision | None = None,
    recommendation_id: uuid.UUID | None = None,
) -> dict[str, Any]:
    """The fields of `SearchAnswer`, ready to be written."""
    result = found.result
    return {
        "q": q,
        **placed_answer(decision, recommendation_id),
        "items": [_item_answer(item) for item in result.items],
        "match": result.match,
        "corrected": result.corrected,
        "categories_meant": result.categories_meant,
        "source": found.source,
        "strategy": result.strategy,
        "degraded": found.degraded,
        "exclusions": found.exclusions,
        "run": run_answer(result.run),
        "generation_time_ms": found.generation_time_ms,
        "next": following,
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


router = APIRouter(prefix="/v1", tags=["search"], route_class=TandemRoute)

FromSearcher = Annotated[Searcher, provided(Searcher)]


@router.get(
    "/search",
    dependencies=[may_read],
    response_model=SearchAnswer,
    responses=NOT_MODIFIED | problems_of_request(CursorExpiredError),
)
async def search(
    searcher: FromSearcher,
    own_values: FromOwnValues,
    item_fields: FromItemFields,
    placements: FromCurrentPlacements,
    asked: Annotated[SearchQuery, Query()],
    *,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Search the catalogue: by words, by what they mean, and, with user_id, by the user's taste.

    Words typed wrong are corrected if no item has them. As many items as were asked for, or all
    that are eligible: items that match in words, then the nearest in meaning.
    """
    placed = await place(asked, asked.to_request(), placements, own_values)
    scroll = Scroll.at(asked.cursor, placed.binding)
    request = replace(placed.request, shown=scroll.shown)
    found = await searcher.search(asked.user(), request)
    following = scroll.after(found.result, request.limit, placed.binding)
    shown_as = searcher.exposures.note(asked.user(), request.decision, found)
    answer = search_answer(asked.q, found, following, request.decision, shown_as)
    answer = await item_fields.put(answer, found.result, placed.fields)
    return list_response(answer, if_none_match, is_for_all=asked.user_id is None)
