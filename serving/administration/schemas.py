"""What the routes of operators take and answer."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from serving.administration.run_keeping import Outcome
from serving.administration.settings_in_force import Origin
from serving.http.values import AS_INTEGER, UserIdentifier
from serving.runtime.performance import (
    Route,
    Window,
    errors_in,
    percentile,
    requests_in,
)

ServeOutcome = TypeAliasType("ServeOutcome", Outcome)
SettingOrigin = TypeAliasType("SettingOrigin", Origin)

MOST_RUNS = 100
GREATEST_RUN = 2**31 - 1


class RunsQuery(BaseModel):
    """Which runs."""

    model_config = ConfigDict(extra="forbid")

    before: Annotated[int | None, Field(ge=1, le=GREATEST_RUN), AS_INTEGER] = Field(
        None, description="Runs before the one of this number; left out, the newest."
    )
    limit: Annotated[int, Field(ge=1, le=MOST_RUNS), AS_INTEGER] = 20


class ModelRunAnswer(BaseModel):
    """One model run."""

    model_config = ConfigDict(from_attributes=True)

    run_id: int
    state: str = Field(
        description="training, evaluated, refused (by the gate), failed, published, or retired: no"
        " longer kept.",
        examples=["published"],
    )
    live: bool = Field(description="Whether it is the one being served.")
    cut_off_at: datetime = Field(description="It has learned from what was stored before.")
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None = Field(description="What it took; null: it has not ended.")
    metrics: dict[str, Any] = Field(
        description="What was measured.", examples=[{"ndcg@20": 0.31, "popularity_ndcg@20": 0.18}]
    )
    reason: str | None = Field(description="Why it was refused or failed.")


class ModelRunsAnswer(BaseModel):
    """Model runs, newest first."""

    runs: list[ModelRunAnswer]
    next: int | None = Field(description="`before` of what follows; null: these were the last.")


class WholeModelRunAnswer(ModelRunAnswer):
    """One model run with all that is known of it."""

    parameters: dict[str, Any] | None = Field(description="What it was made with.")
    step_seconds: dict[str, float] | None = Field(description="What each step took.")


class ServedRunAnswer(BaseModel):
    """A run that was asked to be served."""

    run_id: int
    outcome: ServeOutcome = Field(
        description="served: from now on. under_way: what users did since is still being folded in;"
        " GET /v1/admin/runs shows it as live when that is done."
    )


class RefreshBody(BaseModel):
    """Whose answers are made anew."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"user_id": "ann"}]})

    user_id: UserIdentifier | None = Field(None, description="Left out: everybody's.")


class RefreshedAnswer(BaseModel):
    """What was dropped."""

    model_config = ConfigDict(from_attributes=True)

    dropped: int | None = Field(
        description="How many answers; null: those of everybody, or Redis is away."
    )
    redis_away: bool = Field(
        description="True: nothing is answered from the cache, and what is in it goes when Redis is"
        " back."
    )


class SettingAnswer(BaseModel):
    """One setting."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["TANDEM_BLEND_BATCH_WEIGHT"])
    value: str | None = Field(description="Null: not set. Of a secret a mask.", examples=["0.7"])
    origin: SettingOrigin
    description: str


class SettingsAnswer(BaseModel):
    """The settings of the API that are in force, by name."""

    settings: list[SettingAnswer]


class RoutePerformance(BaseModel):
    """How one route did."""

    route: str = Field(examples=["/v1/users/{user_id}/recommendations"])
    method: str = Field(examples=["GET"])
    requests: int
    errors: int = Field(description="Answers of the kind 5xx.")
    p50_ms: float
    p95_ms: float
    p99_ms: float


class WindowPerformance(BaseModel):
    """What happened in the last minutes."""

    minutes: int
    seconds: float = Field(
        description="How much of it there was: less than the minutes after a start."
    )
    routes: list[RoutePerformance] = Field(description="Those that were asked, the busiest first.")
    cache_hits: int
    cache_misses: int
    cache_hit_rate: float | None = Field(description="In [0, 1]; null: nothing was looked for.")
    lists: int = Field(description="Lists of recommendations that were made, not from the cache.")
    candidates_per_list: float | None = Field(
        description="Items that the sources found for each on average; null: no list was made."
    )


class PerformanceAnswer(BaseModel):
    """How quick the API has been lately, all its processes together."""

    processes: int
    answering: int = Field(description="Processes that gave their figures in time.")
    windows: list[WindowPerformance]


def window_performance(minutes: int, window: Window) -> WindowPerformance:
    """The answer's part for one window."""
    hits, misses = int(window.counted["cache_hits"]), int(window.counted["cache_misses"])
    lists = int(window.counted["lists"])
    routes = [_of_route(route, counts) for route, counts in window.routes.items()]
    return WindowPerformance(
        minutes=minutes,
        seconds=round(window.seconds, 1),
        routes=sorted(
            (route for route in routes if route is not None),
            key=lambda route: (-route.requests, route.route, route.method),
        ),
        cache_hits=hits,
        cache_misses=misses,
        cache_hit_rate=hits / (hits + misses) if hits + misses else None,
        lists=lists,
        candidates_per_list=window.counted["candidates"] / lists if lists else None,
    )


def _of_route(route: Route, counts: Any) -> RoutePerformance | None:
    p50, p95, p99 = (percentile(counts, share) for share in (0.5, 0.95, 0.99))
    if p50 is None or p95 is None or p99 is None:
        return None
    template, method = route
    return RoutePerformance(
        route=template,
        method=method,
        requests=requests_in(counts),
        errors=errors_in(counts),
        p50_ms=round(1000 * p50, 2),
        p95_ms=round(1000 * p95, 2),
        p99_ms=round(1000 * p99, 2),
    )
