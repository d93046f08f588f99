"""The page Health."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from serving.administration.recent_performance import load_recent_performance
from serving.console.health_pages import MINUTES, health
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_look_after_runs
from serving.diagnosis.diagnose import Diagnoser
from serving.http.routing import provided

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

FromDiagnoser = Annotated[Diagnoser, provided(Diagnoser)]


@router.get("/console/health", dependencies=[may_look_after_runs])
async def health_page(request: Request, pages: FromPages, diagnoser: FromDiagnoser) -> Response:
    """The layers, what is wrong and what to do; the page asks again by itself."""
    found = health(await diagnoser.diagnose(), await load_recent_performance(request.state.figures))
    return pages.page("health.html", health=found, minutes=MINUTES)
