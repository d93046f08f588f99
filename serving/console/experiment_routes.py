"""The pages of experiments: what is known of each, and its start and end.

What they change goes to `/v1/experiments`.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from serving.console.experiment_chart import difference_charts, format_difference
from serving.console.experiment_words import EXPERIMENT_WORDS
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_look_after_runs
from serving.experiments.definition import LESS_IS_BETTER, Name
from serving.experiments.routes import (
    ExperimentId,
    FromExperimentKeeping,
    FromExperimentReading,
)
from serving.experiments.schemas import ExperimentAnswer
from serving.placements.definition import DEFAULT, EVERYWHERE
from serving.placements.routes import FromPlacementKeeping

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)


class ExperimentsPageQuery(BaseModel):
    """Which experiment is to be drafted."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, Field()] = None
    placement: Annotated[Name, Field()] = DEFAULT


@router.get("/console/experiments", dependencies=[may_look_after_runs])
async def experiments_page(
    pages: FromPages,
    keeping: FromExperimentKeeping,
    placements: FromPlacementKeeping,
    asked: Annotated[ExperimentsPageQuery, Query()],
) -> Response:
    """All experiments, the newest first; a name leads to the form of a draft."""
    if asked.name is not None:
        to = f"/console/experiments/{asked.name}/draft?placement={asked.placement}"
        return RedirectResponse(pages.url(to), HTTPStatus.SEE_OTHER)
    names = [each.name for each in await placements.list() if each.name != EVERYWHERE]
    experiments = await keeping.list(None)
    return pages.page(
        "experiments.html", experiments=experiments, placements=names, **EXPERIMENT_WORDS
    )


@router.get("/console/experiments/{experiment_id}", dependencies=[may_look_after_runs])
async def experiment_page(
    pages: FromPages, reading: FromExperimentReading, experiment_id: ExperimentId
) -> Response:
    """One experiment with all that is known of it now."""
    found = await reading.load(experiment_id)
    arms = [arm.name for arm in found.arms[1:]]
    charts = {
        arm: difference_charts([point for point in found.history if point.arm == arm])
        for arm in arms
    }
    return pages.page(
        "experiment.html",
        found=found,
        charts=charts,
        difference=format_difference,
        winner=_winner(found),
        **EXPERIMENT_WORDS,
    )


def _winner(found: ExperimentAnswer) -> str | None:
    """The arm that is certainly better than the control by the goal, and most likely the best."""
    goal = found.experiment.goal
    better = {
        each.arm
        for each in found.comparisons
        if each.metric == goal
        and each.decided
        and (each.difference > 0) != (goal in LESS_IS_BETTER)
    }
    best = max(found.arms, key=lambda arm: arm.best_probability)
    return best.name if best.name in better else None
