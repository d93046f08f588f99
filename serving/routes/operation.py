"""For whoever runs the service: /healthz, /readyz and /metrics. They need no key."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from domain.errors import StoreUnavailableError
from serving.dependencies import FromServices
from serving.errors import problem_responses
from serving.server.figures import Figures

router = APIRouter(tags=["operation"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[Literal["status"], Literal["alive"]]:
    """Whether the process lives."""
    return {"status": "alive"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=problem_responses(StoreUnavailableError))
async def readyz(services: FromServices) -> dict[str, str]:
    """Whether requests can be served. Redis is told, but not required."""
    ready = await services.readiness.check()
    return {
        "status": "ready",
        "postgres": "reachable and migrated",
        "redis": "reachable" if ready.redis else "away: answers come from PostgreSQL",
    }


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Figures for Prometheus, of all processes that answer here."""
    figures: Figures = request.state.figures
    return Response(await figures.text(), media_type=CONTENT_TYPE_LATEST)
