"""Experiments as they are saved and shown over HTTP."""

from datetime import date, datetime
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field

from serving.experiments.definition import (
    EXAMPLES,
    Experiment,
    ExperimentDefinition,
    ExperimentState,
    Metric,
    Name,
)
from serving.http.values import Text


class ExperimentBody(BaseModel):
    """A draft."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"definition": example} for example in EXAMPLES]},
    )

    definition: ExperimentDefinition
    revision: Annotated[int, Ge(0), Le(2**31 - 1), Field(strict=True)] = Field(
        0, description="The one you looked at; 0: it is new. Another one is a conflict."
    )


class StopBody(BaseModel):
    """Why it ends."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})

    because: Annotated[Text, Field(min_length=1, max_length=500)] = "somebody stopped it"


class AdoptBody(BaseModel):
    """Which arm decides from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"arm": "diverse"}]})

    arm: Name


class ExperimentsQuery(BaseModel):
    """Which experiments."""

    state: Annotated[ExperimentState | None, Field(description="Left out: in any state.")] = None


class ExperimentsAnswer(BaseModel):
    """Experiments, the newest first."""

    experiments: list[Experiment]


class ArmFigures(BaseModel):
    """What is known of one arm."""

    name: str
    share: float = Field(description="Of the users who come in now; 0: the arm was stopped.")
    users: int = Field(description="Who were shown it first.")
    completed: int = Field(description="Those whose window is over: they count below.")
    means: dict[Metric, float] = Field(description="By metric, per user.")
    items: int = Field(description="Different items in its lists.")
    coverage: float | None = Field(description="Of the available items; null: there are none.")
    best_probability: float = Field(
        description="That its mean of the goal is the best of the arms that run."
    )
    stopped_at: datetime | None = Field(
        description="When it was stopped, as it did harm; its users get what the control decides."
    )
    stopped_because: str | None


class ComparisonFigures(BaseModel):
    """One arm less the control, by one metric."""

    arm: str
    metric: Metric
    difference: float = Field(description="Per user.")
    low: float | None = Field(description="Of the interval; null: too few users are known.")
    high: float | None
    relative: float | None = Field(description="Of the control's mean; null: that is 0.")
    users: int = Field(description="Of both arms, whose window is over.")
    decided: bool = Field(description="Whether the interval excludes 0.")
    variance_ratio: float = Field(
        description="What is left of the variance with earlier activity taken into account."
    )
    days_until_decided: float | None = Field(
        description="If the difference stays as it is; null: more than a year, or not known yet."
    )
    finding: str


class HistoryPoint(BaseModel):
    """The goal's difference and interval as they were at the end of a day."""

    day: date
    arm: str
    users: int
    difference: float
    low: float | None
    high: float | None


class RatioMismatch(BaseModel):
    """Whether users came in the shares they were assigned with."""

    p_value: float = Field(description="At most so likely if they did.")
    found: bool = Field(description="Whether it is below 0.01: users were lost in an arm.")


class ExperimentAnswer(BaseModel):
    """An experiment with what is known now. It may be looked at at any time."""

    experiment: Experiment
    finding: str = Field(description="What is known of the goal, in words.")
    arms: list[ArmFigures]
    comparisons: list[ComparisonFigures] = Field(description="The goal's first.")
    history: list[HistoryPoint] = Field(description="Of the goal, by day (UTC).")
    ratio_mismatch: RatioMismatch
