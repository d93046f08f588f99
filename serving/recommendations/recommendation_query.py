"""What GET /v1/users/{user_id}/recommendations may be asked."""

import re
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import AfterValidator, Field

from serving.answering.list_values import (
    POLICY,
    SHARPNESS,
    SOURCE_NAMES,
    WEIGHTS,
    AskedContext,
    AskedPlacement,
    Duration,
    PolicyName,
    Sharpness,
    asked_blend,
    context_of,
    seconds_of,
)
from serving.answering.schemas import Cursor, FilterQuery
from serving.http.values import (
    AS_INTEGER,
    AS_NUMBER,
    MOST_ITEMS,
    MOST_WORDS,
    Documented,
    Identifier,
    Phrase,
    QueryBoolean,
)
from serving.lists.asked_blend import AskedBlend
from serving.lists.request import (
    LONGEST,
    MOST_NOT_AGAIN_DAYS,
    RecommendationRequest,
    RequestInterests,
)
from serving.placements.placement import AskedList

_WEIGHT = re.compile(
    rf"({'|'.join(SOURCE_NAMES)}):(?!0*(?:\.0*)?$)([0-9]{{1,3}}(?:\.[0-9]{{1,6}})?)"
)
_NO_WEIGHT = (
    f"give a source and its weight above 0, as speed:0.5. The sources are {', '.join(SOURCE_NAMES)}"
)


def _source_and_weight(text: str) -> str:
    if not _WEIGHT.fullmatch(text):
        raise ValueError(_NO_WEIGHT)
    return text


SourceWeight = Annotated[
    str, AfterValidator(_source_and_weight), Documented({"pattern": f"^{_WEIGHT.pattern}$"})
]


class RecommendationQuery(FilterQuery):
    """The parameters of the query.

    Parameters of the route itself would be gone through twice in every request.
    """

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
            " counts in each. Left out: as the placement says, then TANDEM_MAX_PER_CATEGORY.",
        ),
    ] = None
    diversity: Annotated[
        Annotated[float, Ge(0), Le(1), AS_NUMBER] | None,
        Field(
            description="0: the order of the blend; 1: after the first, each item as unlike those"
            " before it as can be. Left out: as the placement says, then TANDEM_DIVERSITY.",
        ),
    ] = None
    explore: Annotated[
        Annotated[float, Ge(0), Le(0.5), AS_NUMBER] | None,
        Field(
            description="Share of positions that goes to new items near the user, on average and"
            " never one of the first two. They are marked `explored`. Left out: as the placement"
            " says, then TANDEM_EXPLORATION_SHARE.",
        ),
    ] = None

    weights: Annotated[
        list[SourceWeight] | None,
        Field(
            max_length=len(SOURCE_NAMES),
            description=f"A source and a weight, as speed:0.5; may be repeated. {WEIGHTS}",
            examples=[["batch:0.5", "speed:0.5"]],
        ),
    ] = None
    policy: Annotated[PolicyName | None, Field(description=POLICY)] = None
    sharpness: Annotated[Annotated[Sharpness, AS_NUMBER] | None, Field(description=SHARPNESS)] = (
        None
    )

    cursor: Cursor = None
    not_again: Annotated[
        Duration | None,
        Field(
            description="What was shown to the user within this time and not used gives way to"
            f" other items, and stands at the end; hours or days, {MOST_NOT_AGAIN_DAYS}d at most."
            " 0h: it does not. Left out: as the placement says, then TANDEM_NOT_AGAIN_HOURS.",
            examples=["12h", "3d"],
        ),
    ] = None
    use_cache: Annotated[
        QueryBoolean,
        Field(description="False: the list is made anew, and not cached."),
    ] = True
    placement: AskedPlacement = None
    context: AskedContext = None

    def asked(self) -> AskedList:
        """What it says of the list."""
        return AskedList(
            self.to_request(),
            has_limit="limit" in self.model_fields_set,
            has_exclude_seen="exclude_seen" in self.model_fields_set,
            fields=self.fields,
            context=context_of(self.context or ()),
        )

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
            self._blend(),
            not_again_seconds=None if self.not_again is None else seconds_of(self.not_again),
            use_cache=self.use_cache,
        )

    def _blend(self) -> AskedBlend:
        pairs = (each.split(":") for each in self.weights or ())
        weights = [(name, float(weight)) for name, weight in pairs]
        return asked_blend(weights, self.policy, self.sharpness)
