"""GET /v1/items/{item_id}/similar and GET /v1/similar."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field
from typing_extensions import TypeAliasType

from domain.errors import UnknownItemError
from domain.identifiers import ItemId
from serving.access.requirements import may_read
from serving.answering.fields import (
    FieldedAnswer,
    FromItemFields,
    ItemFields,
    ListedItemAnswer,
)
from serving.answering.list_response import NOT_MODIFIED, IfNoneMatch, list_response
from serving.answering.own_values import FromOwnValues, OwnValues
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
from serving.http.values import Identifier, QueryBoolean
from serving.lists.cursor import Scroll
from serving.lists.decision import Decision
from serving.placements.current_placements import CurrentPlacements, FromCurrentPlacements
from serving.placements.found_lists import PlacedQuery, place
from serving.placements.schemas import PlacedAnswer, placed_answer
from serving.runtime.faults import CursorExpiredError
from serving.similar.similar import Similar, SimilarList, SimilarRequest, SimilarStrategy

SimilarItemsStrategy = TypeAliasType("SimilarItemsStrategy", SimilarStrategy)

MOST_SEEDS = 20

_PROBLEMS = NOT_MODIFIED | problems_of_request(UnknownItemError, CursorExpiredError)


class SimilarQuery(PlacedQuery):
    """The parameters of the query where the path names the item."""

    exclude_seen: Annotated[QueryBoolean, Field(description=EXCLUDE_SEEN)] = True

    def like(self, item_ids: Iterable[str]) -> SimilarRequest:
        """What is looked for, given the items to be like."""
        return SimilarRequest(
            item_ids=tuple(ItemId(item_id) for item_id in dict.fromkeys(item_ids)),
            limit=self.limit,
            filters=self.filters(),
            exclude_seen=self.exclude_seen,
        )


class SimilarToSeveralQuery(SimilarQuery):
    """The parameters of the query where it names the items."""

    item_id: Annotated[
        list[Identifier],
        Field(
            min_length=1,
            max_length=MOST_SEEDS,
            description="Items to be like, each equally; those that do not exist are in"
            " unknown_item_ids.",
            examples=[["stalker-1979", "solaris-1972"]],
        ),
    ]


class SimilarItemAnswer(ListedItemAnswer):
    """One similar item."""

    score: float = Field(
        description="How similar it is, at most 1: the sum of the two parts. 0 for items that only"
        " fill the list up."
    )
    used_by_same_people: float = Field(
        description="The part that comes from who uses the items, and one after the other."
    )
    similar_in_words: float = Field(description="The part that comes from what is said of them.")


class SimilarAnswer(FieldedAnswer, PlacedAnswer):
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
    generation_time_ms: float
    next: str | None = Field(description=NEXT)


def similar_answer(
    found: Answer[SimilarList],
    following: str | None,
    decision: Decision | None,
    recommendation_id: uuid.UUID | None,
) -> dict[str, Any]:
    """The fields of `SimilarAnswer`, ready to be written."""
    result = found.result
    return {
        **placed_answer(decision, recommendation_id),
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
        "generation_time_ms": found.generation_time_ms,
        "next": following,
    }


router = APIRouter(prefix="/v1", tags=["search"], route_class=TandemRoute)

FromSimilar = Annotated[Similar, provided(Similar)]


@dataclass(frozen=True, slots=True)
class _SimilarLists:
    """What both routes answer with."""

    similar: Similar
    own_values: OwnValues
    item_fields: ItemFields
    placements: CurrentPlacements

    async def answer(
        self, asked: SimilarQuery, item_ids: Iterable[str], if_none_match: str | None
    ) -> Response:
        """The list, from where the query goes on."""
        user_id = asked.user()
        placed = await place(asked, asked.like(item_ids), self.placements, self.own_values)
        scroll = Scroll.at(asked.cursor, placed.binding)
        request = replace(placed.request, shown=scroll.shown)
        found = await self.similar.similar(user_id, request)
        following = scroll.after(found.result, request.limit, placed.binding)
        shown_as = self.similar.exposures.note(user_id, request.decision, found)
        answer = similar_answer(found, following, request.decision, shown_as)
        fielded = await self.item_fields.put(answer, found.result, placed.fields)
        return list_response(fielded, if_none_match, is_for_all=user_id is None)


async def _similar_lists(
    similar: FromSimilar,
    own_values: FromOwnValues,
    item_fields: FromItemFields,
    placements: FromCurrentPlacements,
) -> _SimilarLists:
    return _SimilarLists(similar, own_values, item_fields, placements)


FromSimilarLists = Annotated[_SimilarLists, Depends(_similar_lists)]


@router.get(
    "/items/{item_id:id}/similar",
    dependencies=[may_read],
    response_model=SimilarAnswer,
    responses=_PROBLEMS,
)
async def similar_to_item(
    item_id: Annotated[Identifier, Path(examples=["stalker-1979"])],
    similar: FromSimilarLists,
    asked: Annotated[SimilarQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Items like this one: used by the same people, and similar in what is said of them.

    As many as were asked for, or all that are eligible. An item that is new has neighbours too.
    """
    return await similar.answer(asked, [item_id], if_none_match)


@router.get(
    "/similar",
    dependencies=[may_read],
    response_model=SimilarAnswer,
    responses=_PROBLEMS,
)
async def similar_to_items(
    similar: FromSimilarLists,
    asked: Annotated[SimilarToSeveralQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Items like several, as those in a cart or of a page: near to the middle of them all."""
    return await similar.answer(asked, asked.item_id, if_none_match)
