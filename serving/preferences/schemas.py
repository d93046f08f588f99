"""The bodies of /v1/users/{user_id}/preferences."""

import hashlib
from datetime import datetime
from typing import Annotated, Self

import orjson
from annotated_types import Gt, Lt
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)
from typing_extensions import TypeAliasType

from serving.candidates.preferences import Direction
from serving.http.values import WITHOUT_NUL, Identifier, Text, storable_text

MOST_PREFERENCES = 100

PreferenceDirection = TypeAliasType("PreferenceDirection", Direction)

_LONGEST = 200
_Name = Annotated[Text, StringConstraints(min_length=1, max_length=_LONGEST)]
_Value = (
    StrictBool
    | Annotated[StrictInt, Gt(-(2**63)), Lt(2**63)]
    | Annotated[StrictFloat, Field(allow_inf_nan=False)]
    | Annotated[StrictStr, Field(max_length=_LONGEST), AfterValidator(storable_text), WITHOUT_NUL]
)

PreferenceValue = TypeAliasType("PreferenceValue", _Value)


class PreferenceBody(BaseModel):
    """More or less of one thing: `item_id`, `category`, or `attribute` with its `value`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"direction": "more", "item_id": "stalker-1979"},
                {"direction": "less", "category": "Horror"},
                {"direction": "more", "attribute": "language", "value": "fr"},
            ]
        },
    )

    direction: PreferenceDirection
    item_id: Identifier | None = Field(None, description="This item and what is like it.")
    category: Identifier | None = Field(None, description="Items of it, written exactly so.")
    attribute: _Name | None = Field(
        None, description="An attribute of items, by its name; with value."
    )
    value: PreferenceValue | None = Field(
        None, description="What the attribute is, or has in its list."
    )

    @model_validator(mode="after")
    def _of_one_thing(self) -> Self:
        if sum(each is not None for each in (self.item_id, self.category, self.attribute)) != 1:
            raise ValueError("give one of item_id, category, and attribute with value")
        if (self.attribute is None) != (self.value is None):
            raise ValueError("attribute and value go together")
        return self

    def preference_id(self) -> str:
        """A digest of the thing: the same whoever prefers it, and in either direction."""
        value = self.value
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
            value = int(value)
        identity = orjson.dumps([self.item_id, self.category, self.attribute, value])
        return hashlib.sha256(identity).hexdigest()[:16]


class PreferenceAnswer(BaseModel):
    """What a user wants more or less of."""

    model_config = ConfigDict(from_attributes=True)

    preference_id: str = Field(
        description="To take it back by; the same for the same thing, whoever prefers it.",
        examples=["9f2b1c4d5e6f7a80"],
    )
    direction: PreferenceDirection
    item_id: str | None = Field(
        description="Null: it is no item, or one that is not there any more."
    )
    category: str | None = Field(examples=["Horror"])
    attribute: str | None
    value: PreferenceValue | None
    created_at: datetime = Field(description="Since when it has this direction.")


class PreferencesAnswer(BaseModel):
    """All that a user wants more or less of, the newest first."""

    user_id: str = Field(examples=["ann"])
    preferences: list[PreferenceAnswer]


class DeletedPreferencesAnswer(BaseModel):
    """What was taken back."""

    user_id: str = Field(examples=["ann"])
    deleted: int = Field(description="0: there was nothing to take back.", examples=[1])
