"""The pages of placements: what is decided, what a draft would change, and all versions.

What they change goes to `/v1/placements`, whose answers say what is wrong and where.
"""

from collections.abc import Container, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from serving.access.requirements import FromCaller
from serving.answering.list_values import SOURCE_NAMES
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_change_runs, may_look_after_runs
from serving.console.rule_routes import RULE_WORDS
from serving.console.rule_sentences import typed_context
from serving.console.version_changes import changes_by_version
from serving.console.wording import format_indented
from serving.placements.definition import DEFAULT, EVERYWHERE, NAME, PlacementDefinition
from serving.placements.placement_keeping import PlacementVersion
from serving.placements.routes import FromPlacementKeeping, PlacementName
from serving.placements.schemas import GREATEST_VERSION
from serving.recommendations.move_causes import Cause
from serving.recommendations.preview_routes import (
    FromPlacementPreview,
    PreviewBody,
    preview_placement,
)
from serving.runtime.faults import UnknownPlacementError

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

_SHOWN_VERSIONS = 20
_FIRST_INPUTS = {"limit", "diversity", "explore", "fallback", "filter", "rules", "variants"}
_FURTHER_INPUTS = {
    "weights",
    "policy",
    "sharpness",
    "max_per_category",
    "not_again",
    "exclude_seen",
    "impressions",
    "fields",
}
"""Those that are decided more seldom."""
_OF_VARIANTS = ("when", "limit", "filter")
"""What a variant has inputs for; all else of it is JSON."""
_CAUSES: Mapping[Cause, str] = {
    "limit": "one list is shorter",
    "filter": "left out by a filter",
    "seen": "seen before",
    "fallback": "another list for those of whom nothing is known",
    "explored": "a new item that is to become known",
    "blend": "the sources weigh otherwise",
    "rules": "a rule",
    "reranking": "diversity, caps of categories or exploration",
    "others": "others moved",
}


VersionNumber = Annotated[int, Path(ge=1, le=GREATEST_VERSION)]


class PlacementsQuery(BaseModel):
    """Which placement is to be shown."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=f"^{NAME}$")] | None = None


@router.get("/console/placements", dependencies=[may_look_after_runs])
async def placements_page(
    pages: FromPages, keeping: FromPlacementKeeping, asked: Annotated[PlacementsQuery, Query()]
) -> Response:
    """All placements in force; a name leads to its page, where a new one is made."""
    if asked.name is not None:
        to = pages.url(f"/console/placements/{asked.name}")
        return RedirectResponse(to, HTTPStatus.SEE_OTHER)
    return pages.page("placements.html", placements=await keeping.list())


@router.get("/console/placements/{name}", dependencies=[may_look_after_runs])
async def placement_page(
    pages: FromPages, keeping: FromPlacementKeeping, name: PlacementName
) -> Response:
    """One placement; for who may decide one that does not exist too, to be made."""
    may_decide = pages.person is not None and pages.person.may("operator")
    try:
        versions = await keeping.versions(name, before=None, most=_SHOWN_VERSIONS + 1)
    except UnknownPlacementError:
        if not may_decide:
            raise
        versions = []
    in_force = await _in_force(keeping, name)
    everywhere = None if name == EVERYWHERE else await _in_force(keeping, EVERYWHERE)
    everywhere_rules = len(everywhere.definition.get("rules", ())) if everywhere else 0
    definition = {} if in_force is None else in_force.definition
    decided = PlacementDefinition.model_validate(definition)
    return pages.page(
        "placement.html",
        placement=name,
        in_force=in_force,
        definition=definition,
        written=format_indented(definition),
        kept=_without(definition, _FIRST_INPUTS | _FURTHER_INPUTS),
        more_is_decided=not _FURTHER_INPUTS.isdisjoint(definition),
        variants=[_typed_variant(each) for each in definition.get("variants", ())],
        rows=[(rule, None) for rule in decided.rules],
        conflicts=(),
        may_decide=may_decide,
        contexts=_contexts(decided),
        everywhere_rules=everywhere_rules,
        versions=versions[:_SHOWN_VERSIONS],
        has_older=len(versions) > _SHOWN_VERSIONS,
        changes=changes_by_version(versions),
        sources=SOURCE_NAMES,
        is_everywhere=name == EVERYWHERE,
        is_default=name == DEFAULT,
        **RULE_WORDS,
    )


@router.get("/console/placements/{name}/versions/{version}", dependencies=[may_look_after_runs])
async def version_part(
    pages: FromPages, keeping: FromPlacementKeeping, name: PlacementName, version: VersionNumber
) -> Response:
    """All that a version decides: a part of the page."""
    return pages.page("placement_version.html", found=await keeping.find(name, version))


@router.post("/console/placements/{name}/preview", dependencies=[may_change_runs])
async def preview_page(
    pages: FromPages,
    caller: FromCaller,
    preview: FromPlacementPreview,
    name: PlacementName,
    body: PreviewBody,
) -> Response:
    """Users' lists now and under the draft: a part of the page."""
    found = await preview_placement(name, body, caller, preview)
    lists = [(each, {move.item_id: move for move in each.moves}) for each in found.lists]
    return pages.page("placement_preview.html", lists=lists, causes=_CAUSES, context=body.context)


async def _in_force(keeping: FromPlacementKeeping, name: str) -> PlacementVersion | None:
    try:
        return await keeping.find(name)
    except UnknownPlacementError:
        return None


def _without(values: Mapping[str, Any], names: Container[str]) -> Mapping[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _typed_variant(variant: Mapping[str, Any]) -> Mapping[str, Any]:
    """A variant as its fields have it."""
    rest = _without(variant, _OF_VARIANTS)
    return {
        "when": typed_context(variant["when"]),
        "limit": variant.get("limit", ""),
        "filter": variant.get("filter", ""),
        "rest": format_indented(rest) if rest else "",
    }


def _contexts(decided: PlacementDefinition) -> Sequence[str]:
    """Contexts that variants and rules ask for, as the preview takes them."""
    conditions = [*(each.when for each in decided.variants), *(each.when for each in decided.rules)]
    pairs = [(name, values) for when in conditions if when for name, values in when.items()]
    return list(dict.fromkeys(f"{name}:{value}" for name, values in pairs for value in values))
