"""GET /v1/admin/audit, for those who administer."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from serving.access.audit_log import AuditLog
from serving.access.requirements import may_administer
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import AS_INTEGER

router = APIRouter(prefix="/v1/admin", tags=["audit"], route_class=TandemRoute)

FromAuditLog = Annotated[AuditLog, provided(AuditLog)]

_MOST = 1_000


class AuditQuery(BaseModel):
    """Which entries."""

    model_config = ConfigDict(extra="forbid")

    before: Annotated[int | None, Field(ge=1, le=2**63 - 1), AS_INTEGER] = Field(
        None, description="Entries before the one of this `audit_id`; left out, the newest."
    )
    limit: Annotated[int, Field(ge=1, le=_MOST), AS_INTEGER] = 100


class AuditEntryAnswer(BaseModel):
    """One act of those who administer."""

    model_config = ConfigDict(from_attributes=True)

    audit_id: int
    at: datetime
    actor: str = Field(
        description="A key or an account by its name, or an account of the machine.",
        examples=["key backend"],
    )
    act: str = Field(examples=["create key"])
    subject: str = Field(description="What was acted on.", examples=["shop"])
    details: dict[str, Any]
    request_id: str | None = Field(
        description="Under which the log has the request. Null: it came by none."
    )


class AuditAnswer(BaseModel):
    """Entries of the audit log, newest first."""

    entries: list[AuditEntryAnswer]


@router.get("/audit", dependencies=[may_administer], responses=problems_of_request())
async def list_audit(query: Annotated[AuditQuery, Query()], audit_log: FromAuditLog) -> AuditAnswer:
    """Who administered what, newest first. It holds no key, token or password.

    For older entries ask again with `before`, the `audit_id` of the last.
    """
    found = await audit_log.list(before=query.before, most=query.limit)
    return AuditAnswer(entries=[AuditEntryAnswer.model_validate(entry) for entry in found])
