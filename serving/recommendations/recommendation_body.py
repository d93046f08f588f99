"""What POST /v1/recommendations may be asked."""

from dataclasses import replace
from typing import Annotated, Self

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from domain.identifiers import UserId
from serving.answering.fields import FieldNames
from serving.answering.list_values import (
    POLICY,
    SHARPNESS,
    WEIGHTS,
    AskedContextByName,
    AskedPlacement,
    PolicyName,
    Sharpness,
    Weights,
    asked_blend,
)
from serving.answering.schemas import MOST_CATEGORIES, WrittenFilter, asked_filters
from serving.candidates.filters import Filters
from serving.http.values import MOST_ITEMS, MOST_WORDS, Identifier, Phrase, UserIdentifier
from serving.lists.asked_blend import AskedBlend
from serving.lists.request import (
    LONGEST,
    BasketItem,
    RecommendationRequest,
    RequestInterests,
)
from serving.placements.placement import AskedList

MOST_USERS = 1_000
MOST_MEMBERS = 20
MOST_IN_BASKET = 100
MOST_EXCLUDED = 1_000


def _distinct(user_ids: list[str]) -> list[str]:
    if len(set(user_ids)) < len(user_ids):
        raise ValueError("a user stands there twice")
    return user_ids


def _not_zero(weight: float) -> float:
    if weight == 0.0:
        raise ValueError("an item of weight 0 says nothing: leave it out")
    return weight


class BasketItemBody(BaseModel):
    """An item that is taken for one that was just used."""

    model_config = ConfigDict(extra="forbid")

    item_id: Identifier
    weight: Annotated[float, Ge(-100), Le(100), AfterValidator(_not_zero)] = Field(
        1.0,
        strict=True,
        description="As events weigh: a view 1, a like 3, a purchase 4. Below 0: not this one, and"
        " less of what is like it.",
    )


class ListBody(BaseModel):
    """What a list is to be, in a body; as the parameters of the query of the same names."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Ge(1), Le(LONGEST)] = Field(20, strict=True)
    filter: WrittenFilter = None
    category: Annotated[list[Identifier] | None, Field(max_length=MOST_CATEGORIES)] = Field(
        None, description="Only items of any of these categories."
    )
    exclude_category: Annotated[list[Identifier] | None, Field(max_length=MOST_CATEGORIES)] = Field(
        None, description="No item of these categories."
    )
    exclude: Annotated[list[Identifier] | None, Field(max_length=MOST_EXCLUDED)] = Field(
        None, description="Items that are to be left out."
    )
    exclude_seen: bool = Field(
        True, strict=True, description="False: only items the user disliked or hid are left out."
    )
    explain: bool = Field(False, strict=True, description="As of GET.")
    max_per_category: Annotated[int, Ge(1), Le(LONGEST), Field(strict=True)] | None = Field(
        None, description="As of GET."
    )
    diversity: Annotated[float, Ge(0), Le(1), Field(strict=True)] | None = Field(
        None, description="As of GET."
    )
    explore: Annotated[float, Ge(0), Le(0.5), Field(strict=True)] | None = Field(
        None, description="As of GET."
    )
    weights: Weights | None = Field(
        None, description=f"By source. {WEIGHTS}", examples=[{"batch": 0.5, "speed": 0.5}]
    )
    policy: PolicyName | None = Field(None, description=POLICY)
    sharpness: Annotated[Sharpness, Field(strict=True)] | None = Field(None, description=SHARPNESS)
    fields: FieldNames = None
    placement: AskedPlacement = None
    context: AskedContextByName = None

    def asked(self) -> AskedList:
        """What it says of the list."""
        return AskedList(
            self.to_request(),
            has_limit="limit" in self.model_fields_set,
            has_exclude_seen="exclude_seen" in self.model_fields_set,
            fields=self.fields,
            context=self.context or {},
        )

    def filters(self) -> Filters:
        """What the items are to meet."""
        return asked_filters(self.category, self.exclude_category, self.exclude, self.filter)

    def blend(self) -> AskedBlend:
        """How the sources are weighed."""
        return asked_blend((self.weights or {}).items(), self.policy, self.sharpness, pointer="/")

    def to_request(self) -> RecommendationRequest:
        """What the list is to be."""
        return RecommendationRequest(
            self.limit,
            exclude_seen=self.exclude_seen,
            explain=self.explain,
            filters=self.filters(),
            explore=self.explore,
            diversity=self.diversity,
            max_per_category=self.max_per_category,
            blend=self.blend(),
            in_body=True,
        )


_EXAMPLES: list[JsonValue] = [
    {"user_id": "ann", "limit": 10, "exclude": ["alien-1979"]},
    {"items": [{"item_id": "stalker-1979", "weight": 3}, {"item_id": "heat-1995", "weight": -2}]},
    {"user_ids": ["ann", "bob"]},
    {"users": ["ann", "bob"], "limit": 5},
]


class RecommendationBody(ListBody):
    """For whom, and what the list is to be.

    For a user (user_id), for a group (user_ids), for each of many users (users), or for somebody of
    whom the request alone tells (items or interests without any of the three).
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": _EXAMPLES})

    user_id: Identifier | None = Field(
        None, description="One user. With a token for one user, `me` or that user."
    )
    user_ids: (
        Annotated[
            list[UserIdentifier],
            Field(min_length=2, max_length=MOST_MEMBERS),
            AfterValidator(_distinct),
        ]
        | None
    ) = Field(
        None,
        description="A group that gets one list: its members count alike, and what any of them has"
        " seen, disliked or hidden is left out.",
    )
    users: (
        Annotated[
            list[UserIdentifier],
            Field(min_length=1, max_length=MOST_USERS),
            AfterValidator(_distinct),
        ]
        | None
    ) = Field(None, description="Users of whom each gets a list, as for mails.")
    items: Annotated[list[BasketItemBody], Field(max_length=MOST_IN_BASKET)] | None = Field(
        None,
        description="What somebody has just used, the last being the newest: a basket, or a"
        " session. It counts for this answer as events would, and is stored nowhere.",
    )
    interest: Annotated[list[Phrase] | None, Field(max_length=MOST_WORDS)] = Field(
        None, description="Words or phrases that are liked."
    )
    interest_item: Annotated[list[Identifier] | None, Field(max_length=MOST_ITEMS)] = Field(
        None, description="Items that are liked, as if said before anything was used."
    )

    @model_validator(mode="after")
    def _for_whom(self) -> Self:
        named = [
            name for name in ("user_id", "user_ids", "users") if getattr(self, name) is not None
        ]
        added = [name for name in ("items", "interest", "interest_item") if getattr(self, name)]
        if len(named) > 1:
            raise ValueError(f"give {' or '.join(named)}, not both")
        if not named and not added:
            raise ValueError(
                "it says of nobody whom the list is for: give user_id, user_ids or users, or items"
            )
        if named and added and named != ["user_id"]:
            raise ValueError(f"{added[0]} goes with user_id, or stands alone, not with {named[0]}")
        return self

    def to_request(self) -> RecommendationRequest:
        """What the list, or each of the lists, is to be."""
        return replace(
            super().to_request(),
            interests=RequestInterests(tuple(self.interest or ()), tuple(self.interest_item or ())),
            basket=tuple(BasketItem(item.item_id, item.weight) for item in self.items or ()),
            group=tuple(map(UserId, self.user_ids or ())),
        )
