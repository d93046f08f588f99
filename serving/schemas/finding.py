"""Parameters that searching and finding similar items share."""

from typing import Annotated

from annotated_types import Ge, Le
from fastapi import Query

from domain.identifiers import UserId
from serving.schemas.identifiers import Identifier
from serving.schemas.query_values import AS_INTEGER, QueryBoolean
from serving.services.lists.held_popular import LONGEST

MOST_CATEGORIES = 50

Limit = Annotated[int, Ge(1), Le(LONGEST), AS_INTEGER, Query(description="How many items.")]
ToUser = Annotated[
    Identifier | None,
    Query(description="For whom: what the user spoke against stays out.", examples=["ann"]),
]
Categories = Annotated[
    list[Identifier] | None,
    Query(
        max_length=MOST_CATEGORIES,
        description="Only items of this category, written exactly so; repeated, of any of these.",
        examples=[["Comedy"]],
    ),
]
NoCategories = Annotated[
    list[Identifier] | None,
    Query(
        max_length=MOST_CATEGORIES,
        description="No item of this category; may be repeated.",
        examples=[["Horror"]],
    ),
]
ExcludeSeen = Annotated[
    QueryBoolean,
    Query(description="Whether items that the user has seen stay out, too; needs user_id."),
]


def user_of(user_id: str | None) -> UserId | None:
    """The user asked for."""
    return None if user_id is None else UserId(user_id)
