"""The body and the answer of POST /v1/rules/preview."""

from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field

from serving.lists.request import LONGEST
from serving.rule_preview.preview import MOST_EXAMPLES, RulePreview
from serving.rules.conflicts import DEFAULT_LIMIT, RuleConflict
from serving.rules.rule import Rules

_EXAMPLE: dict[str, Any] = {
    "rules": [
        {"name": "new films", "do": "boost", "filter": "year >= 2020", "factor": 2.0},
        {"name": "no horror", "do": "hide", "category": "Horror", "users": "age < 16"},
    ]
}


class RulePreviewBody(BaseModel):
    """The rules as they would be saved, in their order."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    rules: Annotated[Rules, Field(min_length=1)]
    limit: Annotated[int, Ge(1), Le(LONGEST), Field(strict=True)] = Field(
        DEFAULT_LIMIT, description="How many items the lists have."
    )


class ExampleItemAnswer(BaseModel):
    """An item that a rule is about."""

    item_id: str = Field(examples=["heat-1995"])
    title: str = Field(examples=["Heat"])


class TouchedByRuleAnswer(BaseModel):
    """What a rule is about."""

    name: str = Field(description="Of the rule.", examples=["new films"])
    items: int = Field(
        description="How many available items; of a cap for each value of an attribute, those that"
        " have one."
    )
    examples: list[ExampleItemAnswer] = Field(
        description=f"Up to {MOST_EXAMPLES} of them: the first that were named, or the newest."
    )
    users: int | None = Field(description="For how many users it is. Null: for everybody.")
    holds_now: bool = Field(description="Whether it has begun and not ended.")


class RulePreviewAnswer(BaseModel):
    """Whom and what the rules would touch."""

    rules: list[TouchedByRuleAnswer] = Field(description="In the order of the request.")
    conflicts: list[RuleConflict]

    @classmethod
    def of(cls, found: RulePreview) -> "RulePreviewAnswer":
        """What was found out."""
        return cls(
            rules=[
                TouchedByRuleAnswer(
                    name=each.rule.name,
                    items=each.items,
                    examples=[
                        ExampleItemAnswer(item_id=item.item_id, title=item.title)
                        for item in each.examples
                    ],
                    users=each.users,
                    holds_now=each.holds_now,
                )
                for each in found.touched
            ],
            conflicts=list(found.conflicts),
        )
