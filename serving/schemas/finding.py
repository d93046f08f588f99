"""Parameters that searching and finding similar items share."""

from typing import Annotated

from annotated_types import Ge, Le
from fastapi import Query
from pydantic import Field

from domain.identifiers import UserId
from serving.http.values import AS_INTEGER, Identifier
from serving.lists.request import LONGEST
from serving.schemas.filtering import FilterQuery

Limit = Annotated[int, Ge(1), Le(LONGEST), AS_INTEGER, Query(description="How many items.")]
EXCLUDE_SEEN = "Whether items that the user has seen stay out, too; needs user_id."


class FindingQuery(FilterQuery):
    """How many items, for whom, and which."""

    limit: Annotated[int, Ge(1), Le(LONGEST), AS_INTEGER, Field(description="How many items.")] = 20
    user_id: Annotated[
        Identifier | None,
        Field(
            description="For whom: what the user disliked or hid stays out.",
            examples=["ann"],
        ),
    ] = None

    def user(self) -> UserId | None:
        """The user asked for."""
        return None if self.user_id is None else UserId(self.user_id)
