"""GET /v1/event-kinds."""

from fastapi import APIRouter

from serving.access.requirements import FromServices, may_read
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute
from serving.schemas.event_kinds import EventKindsAnswer, event_kinds_answer

router = APIRouter(prefix="/v1", tags=["events"], route_class=TandemRoute)


@router.get("/event-kinds", dependencies=[may_read], responses=problems_of_request())
async def event_kinds(services: FromServices) -> EventKindsAnswer:
    """Which kinds of events there are, what each counts, and which values it takes."""
    return event_kinds_answer(await services.kinds.all())
