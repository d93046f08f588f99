"""What GET /v1/users/{user_id}/recommendations may be asked."""

from typing import Annotated

from annotated_types import Ge, Le
from pydantic import Field

from serving.http.values import (
    AS_INTEGER,
    AS_NUMBER,
    MOST_ITEMS,
    MOST_WORDS,
    Identifier,
    Phrase,
    QueryBoolean,
)
from serving.lists.request import LONGEST, RecommendationRequest, RequestInterests
from serving.schemas.filtering import FilterQuery


class RecommendationQuery(FilterQuery):
    """The parameters of the query.

    Parameters of the route itself would be gone through twice in every request.
    """

    limit: Annotated[int, Ge(1), Le(LONGEST), AS_INTEGER, Field(description="How many items.")] = 20
    exclude_seen: Annotated[
        QueryBoolean,
        Field(description="False: only items the user disliked or hid are left out."),
    ] = True
    explain: Annotated[
        QueryBoolean,
        Field(
            description="True: say which of the user's own items brought each item; needs a key"
            " with the scope users too.",
        ),
    ] = False
    interest: Annotated[
        list[Phrase] | None,
        Field(
            max_length=MOST_WORDS,
            description="A word or phrase the user likes, for this answer only; may be repeated.",
            examples=[["robots", "film noir"]],
        ),
    ] = None
    interest_item: Annotated[
        list[Identifier] | None,
        Field(
            max_length=MOST_ITEMS,
            description="An item the user likes, for this answer only; may be repeated. It is left"
            " out as if seen.",
        ),
    ] = None
    max_per_category: Annotated[
        Annotated[int, Ge(1), Le(LONGEST), AS_INTEGER] | None,
        Field(
            description="No more items of one category than this, as long as others are eligible;"
            " rather than a list that is too short there are more. An item of several categories"
            " counts in each. Left out: TANDEM_MAX_PER_CATEGORY.",
        ),
    ] = None
    diversity: Annotated[
        Annotated[float, Ge(0), Le(1), AS_NUMBER] | None,
        Field(
            description="0: the order of the blend; 1: after the first, each item as unlike those"
            " before it as can be. Left out: TANDEM_DIVERSITY.",
        ),
    ] = None
    explore: Annotated[
        Annotated[float, Ge(0), Le(0.5), AS_NUMBER] | None,
        Field(
            description="Share of positions that goes to new items near the user, on average and"
            " never one of the first two. They are marked `explored`. Left out:"
            " TANDEM_EXPLORATION_SHARE.",
        ),
    ] = None

    def to_request(self) -> RecommendationRequest:
        """What the list is to be."""
        return RecommendationRequest(
            self.limit,
            self.exclude_seen,
            self.explain,
            RequestInterests(tuple(self.interest or ()), tuple(self.interest_item or ())),
            self.filters(),
            self.explore,
            self.diversity,
            self.max_per_category,
        )
