"""For whoever runs the service: /healthz, /readyz and /metrics. They need no key."""

from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from domain.errors import StoreUnavailableError
from serving.dependencies import FromServices
from serving.errors import problem_responses

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
async def metrics(services: FromServices) -> Response:
    """Figures for Prometheus, of this process."""
    return Response(generate_latest(services.metrics.registry), media_type=CONTENT_TYPE_LATEST)
