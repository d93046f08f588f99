"""For whoever runs the service: /healthz, /readyz and /metrics."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from domain.errors import ForbiddenError, StoreUnavailableError, UnauthenticatedError
from serving.access.requirements import FromServices, may_read_metrics
from serving.http.errors import problem_responses
from serving.http.routing import TandemRoute
from serving.schemas.operation import Alive, Ready
from serving.server.figures import Figures

router = APIRouter(tags=["operation"], route_class=TandemRoute)


@router.get("/healthz")
async def healthz() -> Alive:
    """Whether the process lives."""
    return Alive(status="alive")


@router.get("/health")
async def health() -> Alive:
    """The same as /healthz, for balancers that ask here."""
    return Alive(status="alive")


@router.get("/readyz", responses=problem_responses(StoreUnavailableError))
async def readyz(services: FromServices) -> Ready:
    """Whether requests can be served. Redis is reported, but not required."""
    ready = await services.readiness.check()
    return Ready(
        status="ready",
        postgres="reachable and migrated",
        redis="reachable" if ready.redis else "away: answers come from PostgreSQL",
        degraded=None if ready.redis else "redis_away",
    )


@router.get(
    "/metrics",
    dependencies=[may_read_metrics],
    response_class=Response,
    responses={
        200: {
            "description": "Figures in the text format of Prometheus.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problem_responses(UnauthenticatedError, ForbiddenError),
    },
)
async def metrics(request: Request) -> Response:
    """Figures for Prometheus, of all processes that answer here.

    They need a key of the scope admin unless the API is reached from its own machine only
    (TANDEM_API_METRICS).
    """
    figures: Figures = request.state.figures
    return Response(await figures.text(), media_type=CONTENT_TYPE_LATEST)
