"""The pages of runs: what each night made, and which is served."""

from typing import Annotated, Any, Literal

import orjson
from annotated_types import Ge, Le
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict

from serving.access.acting import FromActor
from serving.administration.run_keeping import Outcome, RunKeeping
from serving.administration.schemas import GREATEST_RUN
from serving.console.charts import format_interval, run_charts, whiskers
from serving.console.figures import BY_NAME, FIGURES, STATES, TERMS
from serving.console.night_schedule import ScheduleReader
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.prefect_api import PrefectPages
from serving.console.requirements import may_change_runs, may_look_after_runs
from serving.console.run_pages import RunReader
from serving.http.routing import provided
from serving.http.values import AS_INTEGER

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

FromRunReader = Annotated[RunReader, provided(RunReader)]
FromScheduleReader = Annotated[ScheduleReader, provided(ScheduleReader)]
FromPrefectPages = Annotated[PrefectPages, provided(PrefectPages)]
FromRunKeeping = Annotated[RunKeeping, provided(RunKeeping)]
RunNumber = Annotated[int, Ge(1), Le(GREATEST_RUN), AS_INTEGER, Path()]

_WORDS: dict[str, Any] = {"states": STATES, "terms": TERMS, "interval": format_interval}
_OUTCOMES: dict[Outcome, str] = {
    "served": "Run {run_id} is served now, with all that users did since.",
    "under_way": "What users did since is still being folded into run {run_id}. It is served when"
    " that is done.",
}


class RunsQuery(BaseModel):
    """What the page of runs shows."""

    model_config = ConfigDict(extra="forbid")

    figure: Literal["ndcg@20", "recall@20", "hit_rate@20", "mrr", "coverage@20", "novelty@20"] = (
        "ndcg@20"
    )


@router.get("/console/runs", dependencies=[may_look_after_runs])
async def runs_page(
    pages: FromPages, reader: FromRunReader, asked: Annotated[RunsQuery, Query()]
) -> Response:
    """The newest runs, with a figure of them over the nights."""
    return pages.page("runs.html", **await _shown(reader, asked.figure))


@router.get("/console/runs/schedule", dependencies=[may_look_after_runs])
async def schedule(pages: FromPages, reader: FromScheduleReader) -> Response:
    """When the next nights come: a part of the page, which does not wait for Prefect."""
    return pages.page("schedule.html", schedule=await reader.load())


@router.get("/console/runs/{run_id:run}", dependencies=[may_look_after_runs])
async def run_page(
    pages: FromPages, reader: FromRunReader, prefect: FromPrefectPages, run_id: RunNumber
) -> Response:
    """One run with everything measured, what its steps took, and what changed."""
    detail = await reader.detail(run_id)
    flow_run = prefect.of_flow_run(await reader.flow_run(run_id))
    return pages.page("run.html", detail=detail, flow_run=flow_run, **_WORDS)


@router.post("/console/runs/{run_id:run}/promote", dependencies=[may_change_runs])
async def promote_run(
    pages: FromPages, keeping: FromRunKeeping, actor: FromActor, run_id: RunNumber
) -> Response:
    """Serve a retained run, older or newer."""
    outcome = await keeping.publish(run_id, actor)
    return _to_runs(pages, run_id, outcome)


@router.post("/console/runs/rollback", dependencies=[may_change_runs])
async def roll_back_page(pages: FromPages, keeping: FromRunKeeping, actor: FromActor) -> Response:
    """Serve the newest retained run that is older than the served one."""
    run_id, outcome = await keeping.roll_back(actor)
    return _to_runs(pages, run_id, outcome)


async def _shown(reader: RunReader, figure: str) -> dict[str, Any]:
    runs = await reader.load()
    oldest_first = list(reversed(runs.newest_first))
    return {
        "runs": runs,
        "figure": BY_NAME[figure],
        "figures": FIGURES,
        "charts": run_charts(oldest_first, figure),
        "whiskers": whiskers(runs.newest_first, figure),
        **_WORDS,
    }


def _to_runs(pages: FromPages, run_id: int, outcome: Outcome) -> Response:
    """On to the page of runs, with a notice of what became of it."""
    text = _OUTCOMES[outcome].format(run_id=run_id)
    notice = {"text": text, "kind": "good", "on": pages.url("/console/runs")}
    return Response(headers={"HX-Trigger": orjson.dumps({"notice": notice}).decode()})
