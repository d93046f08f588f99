"""The page with the form of an experiment that has not begun."""

from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import StoreUnavailableError
from serving.console.experiment_words import EXPERIMENT_WORDS
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_change_runs
from serving.console.run_routes import FromRunReader
from serving.events.routes import FromKinds
from serving.experiments.definition import Experiment, ExperimentDefinition, Name
from serving.experiments.routes import ExperimentId, FromExperimentKeeping
from serving.placements.definition import DEFAULT
from serving.placements.placement_keeping import PlacementVersion
from serving.placements.routes import FromPlacementKeeping
from serving.placements.schemas import MOST_VERSIONS
from serving.runtime.faults import UnknownExperimentError
from sql.runs import ModelRun

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

_HALF = 0.5
_HAS_INPUTS = {
    "placement",
    "arms",
    "goal",
    "kinds",
    "window_days",
    "confidence",
    "guardrails",
    "layer",
    "ramp",
    "automatic",
    "starts_at",
    "ends_at",
    "note",
}
"""All else is as it was saved, of arms too."""
_OF_ARMS = {"name", "version", "share", "run_id"}


class DraftQuery(BaseModel):
    """What a new experiment is on."""

    model_config = ConfigDict(extra="forbid")

    placement: Annotated[Name, Field()] = DEFAULT


@router.get("/console/experiments/{experiment_id}/draft", dependencies=[may_change_runs])
async def draft_page(
    pages: FromPages,
    experiments: FromExperimentKeeping,
    placements: FromPlacementKeeping,
    kinds: FromKinds,
    *,
    runs: FromRunReader,
    experiment_id: ExperimentId,
    asked: Annotated[DraftQuery, Query()],
) -> Response:
    """The form of a draft, or of a new one; an experiment that has begun has its own page."""
    found = await _find(experiments, experiment_id)
    if found is not None and found.state != "draft":
        to = pages.url(f"/console/experiments/{experiment_id}")
        return RedirectResponse(to, HTTPStatus.SEE_OTHER)
    placement = asked.placement if found is None else found.placement
    versions = await placements.versions(placement, before=None, most=MOST_VERSIONS)
    definition = _new(placement, versions) if found is None else _definition(found)
    return pages.page(
        "experiment_form.html",
        experiment_id=experiment_id,
        said=definition,
        kept=_without(definition, _HAS_INPUTS),
        arms=[{**arm, "kept": _without(arm, _OF_ARMS)} for arm in definition["arms"]],
        revision=0 if found is None else found.revision,
        versions=versions,
        runs=await _retained(runs),
        kinds=list(dict.fromkeys([*await _known(kinds), *definition["kinds"]])),
        **EXPERIMENT_WORDS,
    )


async def _find(experiments: FromExperimentKeeping, experiment_id: str) -> Experiment | None:
    try:
        return await experiments.find(experiment_id)
    except UnknownExperimentError:
        return None


async def _retained(runs: FromRunReader) -> Sequence[ModelRun]:
    """Runs whose lists an arm may give."""
    with suppress(StoreUnavailableError):
        return [each.run for each in (await runs.load()).newest_first if each.retained]
    return []


async def _known(kinds: FromKinds) -> Sequence[str]:
    with suppress(StoreUnavailableError):
        return sorted(each.kind for each in await kinds.all())
    return []


def _definition(found: Experiment) -> Mapping[str, Any]:
    """What a draft says, as it was sent."""
    return found.definition().model_dump(mode="json", exclude_none=True)


def _without(values: Mapping[str, Any], names: Container[str]) -> Mapping[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _new(placement: str, versions: Sequence[PlacementVersion]) -> Mapping[str, Any]:
    """The newest two versions against each other, of all users."""
    newest = [each.version for each in versions[:2]][::-1]
    compared = newest if len(newest) > 1 else [0, *newest]
    arms = [
        {"name": name, "version": version, "share": _HALF}
        for name, version in zip(("now", "new"), compared, strict=False)
    ]
    usual = ExperimentDefinition.model_construct(placement=placement, arms=[])
    definition = usual.model_dump(mode="json", exclude_none=True)
    return {**definition, "arms": arms}
