"""The page Settings: what is in force and where it comes from; for admins the audit log."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Response

from domain.errors import StoreUnavailableError
from serving.access.audit_log import AuditLog
from serving.administration.settings_in_force import SettingsReader
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_look_after_runs
from serving.http.routing import provided

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

FromSettingsReader = Annotated[SettingsReader, provided(SettingsReader)]
FromAuditLog = Annotated[AuditLog, provided(AuditLog)]

_ENTRIES = 50


@router.get("/console/settings", dependencies=[may_look_after_runs])
async def settings_page(
    pages: FromPages,
    settings: FromSettingsReader,
    audit_log: FromAuditLog,
) -> Response:
    """All settings of this process; who did what is for admins, as over `/v1`."""
    entries = None
    if pages.person is not None and pages.person.may("admin"):
        with suppress(StoreUnavailableError):
            entries = await audit_log.list(before=None, most=_ENTRIES)
    return pages.page("settings.html", settings=settings.list(), entries=entries)
