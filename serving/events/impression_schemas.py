"""What POST /v1/impressions takes and answers."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from serving.answering.list_values import LONGEST_PLACEMENT, AskedContextByName
from serving.http.entries import MOST_ENTRIES
from serving.http.values import Identifier, Moment, Text, distinct_items
from serving.lists.request import LONGEST

_GREATEST = 2**31 - 1


class ShownPlacement(BaseModel):
    """The `placement` of the answer that was shown."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Text, Field(min_length=1, max_length=LONGEST_PLACEMENT)]
    version: Annotated[int, Ge(0), Le(_GREATEST), Field(strict=True)]


class ShownArm(BaseModel):
    """The `experiment` of the answer that was shown."""

    model_config = ConfigDict(extra="forbid")

    experiment_id: Annotated[Text, Field(min_length=1, max_length=200)]
    arm: Annotated[Text, Field(min_length=1, max_length=200)]


class PostedImpression(BaseModel):
    """A list that an app has shown."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "recommendation_id": "018f3b8e-7c7a-7a51-9d9c-0a3c5f1b2d4e",
                    "user_id": "ann",
                    "item_ids": ["stalker-1979"],
                    "placement": {"name": "mail", "version": 3},
                }
            ]
        },
    )

    recommendation_id: uuid.UUID = Field(
        description="Of the answer; events that the list leads to name it. An id counts once."
    )
    user_id: Identifier | None = Field(
        None, description="With a token for one user, `me` or that user. Null: for nobody."
    )
    item_ids: Annotated[
        list[Identifier],
        Field(min_length=1, max_length=LONGEST, description="What was shown, in this order."),
        AfterValidator(distinct_items),
    ]
    placement: ShownPlacement | None = None
    experiment: ShownArm | None = Field(
        None,
        description="Left out: the arm that the user was in at `placement` then. With a token for"
        " one user it is always that.",
    )
    context: AskedContextByName = None
    run_id: Annotated[int, Ge(1), Le(_GREATEST), Field(strict=True)] | None = Field(
        None, description="`run.id` of the answer."
    )
    shown_at: Moment | None = Field(
        None, description="In the last 7 days; UTC without a time zone. Left out: now."
    )

    def to_row(self, now: datetime) -> dict[str, Any]:
        """What is stored of it, but for its items."""
        placement, experiment = self.placement, self.experiment
        return {
            "recommendation_id": self.recommendation_id,
            "user_id": self.user_id,
            "run_id": self.run_id,
            "shown_at": self.shown_at or now,
            "placement": placement.name if placement else None,
            "placement_version": placement.version if placement else None,
            "experiment_id": experiment.experiment_id if experiment else None,
            "arm": experiment.arm if experiment else None,
        }


class ImpressionBatch(BaseModel):
    """Up to 1,000 lists that were shown."""

    model_config = ConfigDict(extra="forbid")

    impressions: Annotated[list[PostedImpression], Field(min_length=1, max_length=MOST_ENTRIES)]


class RecordedImpressionsAnswer(BaseModel):
    """What became of the batch."""

    accepted: int = Field(description="Stored now.", examples=[2])
    duplicates: int = Field(
        description="Known already: sent before, or kept when the list was given.", examples=[0]
    )
