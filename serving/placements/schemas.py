"""Placements as they are saved and shown over HTTP."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field

from serving.http.values import AS_INTEGER, Text
from serving.lists.decision import Decision
from serving.placements.definition import PlacementDefinition
from serving.placements.placement_keeping import PlacementVersion
from serving.rules.conflicts import DEFAULT_LIMIT, RuleConflict, conflicts

MOST_VERSIONS = 100
GREATEST_VERSION = 2**31 - 1
_BASE = "The version this was made from; 0: there was none. Another one in force is a conflict."

BaseVersion = Annotated[int, Ge(0), Le(GREATEST_VERSION), Field(strict=True, description=_BASE)]


class NamedPlacement(BaseModel):
    """The placement that a list was made for."""

    name: str = Field(examples=["home"])
    version: int = Field(description="0: nothing was decided for it, and the settings hold.")


class NamedArm(BaseModel):
    """The experiment that the user is in."""

    experiment_id: str = Field(examples=["more-diversity"])
    arm: str = Field(examples=["diverse"])


def named_placement(decision: Decision | None) -> dict[str, Any] | None:
    """The fields of `NamedPlacement`; None: the list is for none."""
    if decision is None:
        return None
    return {"name": decision.placement, "version": decision.version}


def named_arm(decision: Decision | None) -> dict[str, Any] | None:
    """The fields of `NamedArm`; None: the user is in no experiment."""
    if decision is None or decision.experiment_id is None:
        return None
    return {"experiment_id": decision.experiment_id, "arm": decision.arm}


IN_NO_EXPERIMENT = "Null: the user is in no experiment here, or no user is named."
SHOWN_IN_EXPERIMENT = (
    "Give it back with the events it leads to. Null: it is in no experiment, and it is not kept"
    " that it was shown."
)
OF_NO_PLACEMENT = "The placement that it is for. Null: it is for none."


class PlacedAnswer(BaseModel):
    """What answers say of a placement that have no id of their own otherwise."""

    placement: NamedPlacement | None = Field(description=OF_NO_PLACEMENT)
    experiment: NamedArm | None = Field(description=IN_NO_EXPERIMENT)
    recommendation_id: uuid.UUID | None = Field(description=SHOWN_IN_EXPERIMENT)


def placed_answer(decision: Decision | None, recommendation_id: uuid.UUID | None) -> dict[str, Any]:
    """The fields of `PlacedAnswer`, ready to be written."""
    return {
        "placement": named_placement(decision),
        "experiment": named_arm(decision),
        "recommendation_id": recommendation_id,
    }


class PlacementBody(BaseModel):
    """The next version of a placement."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"definition": {"diversity": 0.3, "limit": 12}, "base_version": 0}]
        },
    )

    definition: PlacementDefinition
    base_version: BaseVersion
    note: Annotated[Text, Field(max_length=500)] = Field("", description="Why it is so.")


class RollbackBody(BaseModel):
    """Which version is to be in force again."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"version": 3, "base_version": 5}]}
    )

    version: Annotated[int, Ge(1), Le(GREATEST_VERSION), Field(strict=True)]
    base_version: BaseVersion


class VersionsQuery(BaseModel):
    """Which versions."""

    limit: Annotated[int, Ge(1), Le(MOST_VERSIONS), AS_INTEGER] = 20
    before: Annotated[
        Annotated[int, Ge(1), Le(GREATEST_VERSION), AS_INTEGER] | None,
        Field(description="Versions before this one: the `next` of the answer before."),
    ] = None


class DeleteQuery(BaseModel):
    """Which version is meant."""

    base_version: Annotated[int, Ge(0), Le(GREATEST_VERSION), AS_INTEGER, Field(description=_BASE)]


class PlacementAnswer(BaseModel):
    """One version of a placement."""

    name: str = Field(examples=["home"])
    version: int = Field(description="0: nothing was saved of the default yet.")
    definition: PlacementDefinition
    note: str
    saved_by: str
    saved_at: datetime | None = Field(description="Null: it was not.")
    conflicts: list[RuleConflict] = Field(
        description="Rules that get into each other's way, as far as they say so themselves; POST"
        " /v1/rules/preview compares their items."
    )

    @classmethod
    def of(cls, found: PlacementVersion) -> "PlacementAnswer":
        """What is known of a version."""
        definition = PlacementDefinition.model_validate(found.definition)
        return cls(
            name=found.name,
            version=found.version,
            definition=definition,
            note=found.note,
            saved_by=found.saved_by,
            saved_at=found.saved_at,
            conflicts=conflicts(definition.rules, limit=definition.limit or DEFAULT_LIMIT),
        )


class PlacementsAnswer(BaseModel):
    """The placements in force, by name."""

    placements: list[PlacementAnswer]


class PlacementVersionsAnswer(BaseModel):
    """Versions of a placement, newest first."""

    versions: list[PlacementAnswer]
    next: int | None = Field(
        description="Give it as `before` for older ones. Null: there are none."
    )
