"""What a placement may decide, as it is written, checked and stored."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from typing_extensions import TypeAliasType

from domain.limits import MOST_CONTEXT
from serving.answering.fields import FieldNames
from serving.answering.list_values import (
    ONLY_THESE_NAMES,
    ContextName,
    ContextValue,
    Duration,
    PolicyName,
    Sharpness,
    Weights,
    asked_blend,
    seconds_of,
)
from serving.answering.schemas import WrittenFilter
from serving.lists.asked_blend import AskedBlend
from serving.lists.decision import Fallback
from serving.lists.request import LONGEST
from serving.rules.rule import Rules

MOST_VARIANTS = 20
NAME = "[a-z0-9][a-z0-9_-]{0,63}"
"""What a placement can be called."""
DEFAULT = "default"
"""The placement of requests that name none. It is always there."""
EVERYWHERE = "everywhere"
"""Holds rules alone, which count in every placement; no request can name it."""

FallbackList = TypeAliasType("FallbackList", Fallback)
Proportion = Annotated[float, Ge(0), Le(1), Field(strict=True)]
Few = Annotated[int, Ge(1), Le(LONGEST), Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
ContextValues = Annotated[list[ContextValue], Field(min_length=1, max_length=50)]


class PlacementValues(BaseModel):
    """What is decided; what is left out is as the settings say."""

    model_config = ConfigDict(extra="forbid")

    weights: Weights | None = Field(
        None, description="By source; sources that are not named are not asked."
    )
    policy: PolicyName | None = Field(
        None, description="How the weights are chosen, where weights does not give them."
    )
    sharpness: Annotated[Sharpness, Field(strict=True)] | None = None
    filter: WrittenFilter = None
    exclude_seen: Flag | None = None
    diversity: Proportion | None = None
    explore: Annotated[float, Ge(0), Le(0.5), Field(strict=True)] | None = None
    max_per_category: Few | None = None
    not_again: Duration | None = Field(None, description="As of GET, in hours or days.")
    limit: Few | None = None
    fields: FieldNames = None
    fallback: FallbackList | None = Field(
        None, description="Which list users get of whom nothing is known. Left out: popular."
    )
    impressions: Flag | None = Field(
        None, description="False: it is not kept that these lists were shown."
    )

    @model_validator(mode="after")
    def _weighs_in_one_way(self) -> Self:
        if self.weights and self.policy is not None:
            raise ValueError("the weights are given by weights: leave policy out")
        return self

    def blend(self) -> AskedBlend:
        """How the sources are weighed."""
        return asked_blend((self.weights or {}).items(), self.policy, self.sharpness)

    def not_again_seconds(self) -> float | None:
        """How long what was shown gives way; None: nothing is said."""
        return None if self.not_again is None else seconds_of(self.not_again)

    def decided(self) -> dict[str, Any]:
        """What is said, by name."""
        values = ((name, getattr(self, name)) for name in PlacementValues.model_fields)
        return {name: value for name, value in values if value is not None}


class Variant(PlacementValues):
    """What is decided otherwise where the context of a request is such."""

    when: Annotated[dict[ContextName, ContextValues], ONLY_THESE_NAMES] = Field(
        min_length=1,
        max_length=MOST_CONTEXT,
        description="By the name of a context its values, of which one is to be the request's.",
        examples=[{"device": ["phone", "tablet"]}],
    )

    def holds(self, context: Mapping[str, str]) -> bool:
        """Whether all of its conditions do."""
        return all(context.get(name) in values for name, values in self.when.items())


_EXAMPLES: list[JsonValue] = [
    {
        "weights": {"batch": 0.4, "speed": 0.6},
        "filter": "in_stock = true",
        "diversity": 0.3,
        "limit": 12,
        "variants": [{"when": {"device": ["phone"]}, "limit": 6}],
    }
]


class PlacementDefinition(PlacementValues):
    """All that is decided for a placement."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": _EXAMPLES})

    rules: Rules = []
    variants: Annotated[list[Variant], Field(max_length=MOST_VARIANTS)] = Field(
        [], description="The first whose conditions all hold is laid over the rest."
    )

    def to_dict(self) -> dict[str, Any]:
        """As it is stored and shown: without what says nothing."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)

    def values(self, context: Mapping[str, str]) -> PlacementValues:
        """What is decided in a context."""
        variant = next((each for each in self.variants if each.holds(context)), None)
        if variant is None:
            return self
        decided = variant.decided()
        if decided.keys() & {"weights", "policy"}:
            # They are two ways to say the same.
            decided = {"weights": None, "policy": None, **decided}
        return PlacementValues.model_construct(**{**self.decided(), **decided})
