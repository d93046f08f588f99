"""The page Health."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from domain.errors import StoreUnavailableError
from serving.administration.recent_performance import load_recent_performance
from serving.console.freshness_chart import HOURS, freshness_charts
from serving.console.freshness_chart import MINUTES as SPAN_MINUTES
from serving.console.health_pages import MINUTES, health
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_look_after_runs
from serving.diagnosis.diagnose import Diagnoser
from serving.freshness.measured_freshness import FreshnessReader
from serving.http.routing import provided

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

FromDiagnoser = Annotated[Diagnoser, provided(Diagnoser)]
FromFreshnessReader = Annotated[FreshnessReader, provided(FreshnessReader)]


@router.get("/console/health", dependencies=[may_look_after_runs])
async def health_page(
    request: Request, pages: FromPages, diagnoser: FromDiagnoser, freshness: FromFreshnessReader
) -> Response:
    """The layers, what is wrong and what to do; the page asks again by itself."""
    found = health(await diagnoser.diagnose(), await load_recent_performance(request.state.figures))
    measured = await _measured(freshness)
    return pages.page("health.html", health=found, minutes=MINUTES, hours=HOURS, **measured)


async def _measured(freshness: FreshnessReader) -> dict[str, Any]:
    """What the canary measured; nothing while PostgreSQL is away."""
    measured = None
    with suppress(StoreUnavailableError):
        measured = await freshness.load(hours=HOURS, minutes=SPAN_MINUTES)
    return {
        "freshness": measured,
        "freshness_charts": freshness_charts(measured.spans, datetime.now(UTC)) if measured else [],
        "has_canary": freshness.is_measured,
    }
