"""For whoever runs the service: /healthz, /readyz and /metrics."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from domain.errors import ForbiddenError, StoreUnavailableError, UnauthenticatedError
from serving.access.requirements import may_read_metrics
from serving.http.errors import problem_responses
from serving.http.routing import TandemRoute
from serving.http.services import provided
from serving.operation.readiness import Readiness
from serving.server.figures import Figures

AliveStatus = TypeAliasType("AliveStatus", Literal["alive"])
ReadyStatus = TypeAliasType("ReadyStatus", Literal["ready"])
AwayDependency = TypeAliasType("AwayDependency", Literal["redis_away"])


class Alive(BaseModel):
    """The process lives."""

    status: AliveStatus


class Ready(BaseModel):
    """Requests can be served."""

    status: ReadyStatus
    postgres: str = Field(examples=["reachable and migrated"])
    redis: str = Field(examples=["reachable"])
    degraded: AwayDependency | None = Field(
        description="redis_away: every list is made anew, from PostgreSQL. Null: nothing is away."
    )


router = APIRouter(tags=["operation"], route_class=TandemRoute)

FromReadiness = Annotated[Readiness, provided(Readiness)]


@router.get("/healthz")
async def healthz() -> Alive:
    """Whether the process lives."""
    return Alive(status="alive")


@router.get("/health")
async def health() -> Alive:
    """The same as /healthz, for balancers that ask here."""
    return Alive(status="alive")


@router.get("/readyz", responses=problem_responses(StoreUnavailableError))
async def readyz(readiness: FromReadiness) -> Ready:
    """Whether requests can be served. Redis is reported, but not required."""
    ready = await readiness.check()
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
