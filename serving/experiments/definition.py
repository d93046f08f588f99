"""What an experiment is to be, as it is written, checked and stored."""

import json
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator
from typing_extensions import TypeAliasType

from serving.http.values import Identifier, Text

Metric = TypeAliasType(
    "Metric",
    Literal["clicks", "click_through", "conversion", "value", "dislikes", "returned"],
)
METRICS: tuple[Metric, ...] = (
    "clicks",
    "click_through",
    "conversion",
    "value",
    "dislikes",
    "returned",
)
UNITS: dict[str, str] = {
    "clicks": "clicks per user",
    "click_through": "clicked lists per list",
    "conversion": "of the users with a conversion",
    "value": "value per user",
    "dislikes": "dislikes per user",
    "returned": "of the users returning",
}
LESS_IS_BETTER = frozenset({"dislikes"})

PopularList = TypeAliasType("PopularList", Literal["popular"])
POPULAR: PopularList = "popular"
MOST_ARMS = 10
LONGEST_NAME = 64
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_ROUNDING = 1e-6

Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=LONGEST_NAME)]
Version = Annotated[int, Ge(0), Le(2**31 - 1), Field(strict=True)]
WindowDays = Annotated[float, Gt(0), Le(90)]
Share = Annotated[float, Gt(0), Le(1)]


class ArmDefinition(BaseModel):
    """One of what is compared."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    version: Version | PopularList = Field(
        description="A version of the placement; 0: as the settings say. popular: the popular list,"
        " without what the user must not be shown."
    )
    share: Share = Field(description="Of the users in the experiment; all sum to 1.")
    run_id: Annotated[int, Ge(1), Le(2**31 - 1), Field(strict=True)] | None = Field(
        None,
        description="A retained run, whose nightly lists these users get; what is live is of the"
        " served run. Left out: the served run.",
    )

    @model_validator(mode="after")
    def _has_lists_of_a_run(self) -> Self:
        if self.run_id is not None and self.version == POPULAR:
            raise ValueError("the popular list is not of a run: leave run_id out")
        return self


class RampDefinition(BaseModel):
    """How many users are in it from when on."""

    model_config = ConfigDict(extra="forbid")

    days: Annotated[float, Ge(0), Le(365)] = Field(description="After the start.")
    share: Share = Field(description="Of all users.")


class GuardrailDefinition(BaseModel):
    """What an arm must not harm: it is stopped when it does for certain."""

    model_config = ConfigDict(extra="forbid")

    metric: Metric
    most_loss: Annotated[float, Ge(0), Lt(1)] = Field(
        description="The share of the control's mean that may be lost; of dislikes, that may be"
        " added."
    )


EXAMPLES: list[JsonValue] = [
    {
        "placement": "home",
        "arms": [
            {"name": "now", "version": 3, "share": 0.5},
            {"name": "diverse", "version": 4, "share": 0.5},
        ],
        "goal": "conversion",
        "kinds": ["purchase"],
        "ramp": [{"days": 0, "share": 0.1}, {"days": 2, "share": 1}],
        "guardrails": [{"metric": "returned", "most_loss": 0.05}],
    }
]


class ExperimentDefinition(BaseModel):
    """What is compared, with whom, and by what."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": EXAMPLES})

    placement: Name
    arms: Annotated[list[ArmDefinition], Field(min_length=2, max_length=MOST_ARMS)] = Field(
        description="The first is the control, which all others are compared with."
    )
    goal: Metric = Field(
        "clicks",
        description="What decides: clicks on items of its lists; click_through, lists with a click"
        " per list; conversion, whether a user did one of `kinds`; value, the sum of their values"
        " (1 where there is none); dislikes, events that count against an item; returned, whether a"
        " user did anything after a day. All per user, within the window.",
    )
    kinds: Annotated[list[Identifier], Field(min_length=1, max_length=50)] = Field(
        ["purchase"], description="The kinds of events that count as a conversion."
    )
    window_days: WindowDays | None = Field(
        None,
        description="A user counts by what happens so long after the first list. Left out: as"
        " TANDEM_ATTRIBUTION_DAYS is when it is saved.",
    )
    confidence: Annotated[float, Ge(0.5), Le(0.999)] = Field(
        0.95, description="Of all intervals of one metric together, at all times."
    )
    tuned_to: Annotated[int, Ge(100), Le(1_000_000_000)] = Field(
        10_000, description="The number of users at which intervals are narrowest."
    )
    guardrails: Annotated[list[GuardrailDefinition], Field(max_length=len(METRICS))] = []
    layer: Name | None = Field(
        None,
        description="Experiments of one layer have different users. Left out: that named as the"
        " placement.",
    )
    salt: Name | None = Field(
        None, description="What the arms are drawn with. Left out: the name of the experiment."
    )
    ramp: Annotated[list[RampDefinition], Field(min_length=1, max_length=20)] = Field(
        [RampDefinition(days=0, share=1)],
        description="The share of all users in it: from 0 days on, rising.",
    )
    automatic: bool = Field(
        False, strict=True, description="Shares of the arms follow the evidence, day by day."
    )
    starts_at: AwareDatetime | None = Field(
        None, description="Nobody is in it before, though it was started."
    )
    ends_at: AwareDatetime | None = Field(None, description="It is stopped then.")
    note: Annotated[Text, Field(max_length=500)] = Field("", description="What it is to show.")

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("each arm needs a name of its own")
        total = sum(arm.share for arm in self.arms)
        if abs(total - 1) > _ROUNDING:
            raise ValueError(f"the shares of the arms sum to {total:g}, not to 1")
        if self.ramp[0].days != 0:
            raise ValueError("the ramp begins at 0 days")
        if any(
            before.days >= after.days or before.share > after.share
            for before, after in pairwise(self.ramp)
        ):
            raise ValueError("days and shares of the ramp rise")
        if self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            raise ValueError("it ends before it starts")
        return self

    def to_stored(self, experiment_id: str, attribution_days: int) -> str:
        """As the columns of `experiments`, in JSON; `attribution_days`: where it has no window."""
        stored: dict[str, Any] = self.model_dump(mode="json")
        if self.window_days is None:
            stored["window_days"] = float(attribution_days)
        for arm in stored["arms"]:
            arm["version"] = None if arm["version"] == POPULAR else arm["version"]
        stored["layer"] = self.layer or self.placement
        stored["salt"] = self.salt or experiment_id
        return json.dumps(stored)


ExperimentState = TypeAliasType(
    "ExperimentState", Literal["draft", "running", "stopped", "adopted"]
)


class Experiment(ExperimentDefinition):
    """An experiment as it is kept."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": []})

    window_days: WindowDays
    experiment_id: str
    state: ExperimentState
    revision: int = Field(description="Rises with every change.")
    started_at: datetime | None
    stopped_at: datetime | None
    stopped_because: str | None
    adopted_arm: str | None
    adopted_version: int | None = Field(
        description="The version of the placement that decides as the adopted arm did."
    )
    created_at: datetime

    def definition(self) -> ExperimentDefinition:
        """What it is to be, without what has become of it."""
        names = ExperimentDefinition.model_fields
        return ExperimentDefinition.model_construct(**{name: getattr(self, name) for name in names})

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """From the columns of `experiments`."""
        stored = row._asdict()
        for arm in stored["arms"]:
            arm["version"] = POPULAR if arm["version"] is None else arm["version"]
        return cls.model_validate(stored)
