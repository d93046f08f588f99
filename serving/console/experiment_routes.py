"""The pages of experiments: what is known of each, and its start and end.

What they change goes to `/v1/experiments`.
"""

from typing import Any

from fastapi import APIRouter, Response

from serving.console.experiment_chart import difference_charts, format_difference
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_look_after_runs
from serving.experiments.definition import LESS_IS_BETTER, POPULAR, UNITS
from serving.experiments.routes import (
    ExperimentId,
    FromExperimentKeeping,
    FromExperimentReading,
)

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

_WORDS: dict[str, Any] = {
    "states": {
        "draft": ("Draft", ""),
        "running": ("Running", "busy"),
        "stopped": ("Stopped", "warn"),
        "adopted": ("Adopted", "good"),
    },
    "metrics": {
        "clicks": "Clicks",
        "click_through": "Click-through",
        "conversion": "Conversion",
        "value": "Value",
        "dislikes": "Dislikes",
        "returned": "Returned",
    },
    "units": UNITS,
    "less_is_better": LESS_IS_BETTER,
    "popular": POPULAR,
}


@router.get("/console/experiments", dependencies=[may_look_after_runs])
async def experiments_page(pages: FromPages, keeping: FromExperimentKeeping) -> Response:
    """All experiments, the newest first."""
    return pages.page("experiments.html", experiments=await keeping.list(None), **_WORDS)


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
        "experiment.html", found=found, charts=charts, difference=format_difference, **_WORDS
    )
