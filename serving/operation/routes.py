"""For whoever runs the service: /healthz, /readyz and /metrics."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from domain.errors import ForbiddenError, StoreUnavailableError, UnauthenticatedError
from serving.access.requirements import may_read_metrics
from serving.events.kinds import Kinds
from serving.http.errors import problem_responses
from serving.http.routing import TandemRoute, provided
from serving.redis.redis_link import RedisLink
from serving.runs.live_runs import Runs
from serving.runtime.budget import Budget, spending
from serving.runtime.tasks import SingleFlight
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


class Readiness:
    """Whether this process can do its work."""

    def __init__(self, runs: Runs, kinds: Kinds, redis: RedisLink, *, seconds: float) -> None:
        self._runs = runs
        self._kinds = kinds
        self._redis = redis
        self._seconds = seconds
        self._checks: SingleFlight[bool] = SingleFlight()

    async def check(self) -> bool:
        """Whether Redis is there; StoreUnavailableError says what is missing to serve requests.

        It asks even while PostgreSQL is being left alone, and however many ask, once.
        """
        with spending(Budget.of("background", self._seconds, probing=True)):
            return await self._checks.run("ready", self._check)

    async def _check(self) -> bool:
        if not await self._runs.is_migrated():
            raise StoreUnavailableError(
                "The database is not at a revision that this version works with. Migrate it."
            )
        if not self._kinds.loaded:
            await self._kinds.refresh()
        if not self._kinds.loaded:
            raise StoreUnavailableError("The table event_kinds is empty.")
        return await self._redis.ask("PING") is not None


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
    has_redis = await readiness.check()
    return Ready(
        status="ready",
        postgres="reachable and migrated",
        redis="reachable" if has_redis else "away: answers come from PostgreSQL",
        degraded=None if has_redis else "redis_away",
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
