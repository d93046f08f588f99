"""For whoever runs the service, with a key of the scope admin: GET /v1/admin/diagnose."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from domain.errors import ForbiddenError, StoreUnavailableError, UnauthenticatedError
from serving.access.requirements import may_look_after
from serving.diagnosis.diagnose import Diagnoser
from serving.diagnosis.finding import Severity
from serving.http.errors import problem_responses
from serving.http.routing import TandemRoute, provided

FindingSeverity = TypeAliasType("FindingSeverity", Severity)


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


router = APIRouter(prefix="/v1/admin", tags=["operation"], route_class=TandemRoute)

FromDiagnoser = Annotated[Diagnoser, provided(Diagnoser)]


@router.get(
    "/diagnose",
    dependencies=[may_look_after],
    responses=problem_responses(UnauthenticatedError, ForbiddenError, StoreUnavailableError),
)
async def diagnose(diagnoser: FromDiagnoser) -> DiagnosisAnswer:
    """What is wrong, since when, and what to do about it.

    A dependency that is away is a finding, and the answer is still 200. (503: PostgreSQL is away
    and this process does not know the key.)
    """
    return DiagnosisAnswer.model_validate(await diagnoser.diagnose())
