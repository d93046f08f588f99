"""The answer of GET /v1/admin/diagnose."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from serving.schemas.named import FindingSeverity


class FindingAnswer(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(from_attributes=True)

    check: str = Field(description="What was looked at, a name that stays.", examples=["speed"])
    severity: FindingSeverity = Field(
        description="problem: something needs doing; notice: worth knowing; ok: as it should be."
    )
    what: str = Field(
        description="What was found, for people.",
        examples=["The speed worker is behind by 120 events; the oldest waits for 4 minutes."],
    )
    since: datetime | None = Field(description="Null: unknown, or not a matter of time.")
    advice: str | None = Field(description="What to do; null: nothing.")


class DiagnosisAnswer(BaseModel):
    """What is wrong, the worst first."""

    model_config = ConfigDict(from_attributes=True)

    well: bool = Field(description="Whether nothing needs doing: there is no problem.")
    looked_at: datetime
    findings: list[FindingAnswer]
