"""What is decided for placements, for those who operate: /v1/placements."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from serving.access.acting import FromActor
from serving.access.requirements import may_look_after, may_operate
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.placements.definition import NAME
from serving.placements.placement_keeping import PlacementKeeping
from serving.placements.schemas import (
    DeleteQuery,
    PlacementAnswer,
    PlacementBody,
    PlacementsAnswer,
    PlacementVersionsAnswer,
    RollbackBody,
    VersionsQuery,
)
from serving.runtime.faults import (
    BodyTooLargeError,
    MalformedBodyError,
    PlacementConflictError,
    UnknownPlacementError,
)

router = APIRouter(prefix="/v1", tags=["placements"], route_class=TandemRoute)

FromPlacementKeeping = Annotated[PlacementKeeping, provided(PlacementKeeping)]
PlacementName = Annotated[
    str,
    Path(
        pattern=f"^{NAME}$",
        description="default: for requests that name none. everywhere: rules for all of them.",
        examples=["home"],
    ),
]
# Of a definition only what it says.
_AS_STORED: dict[str, Any] = {"response_model_exclude_unset": True}
_OF_BODY = (MalformedBodyError, BodyTooLargeError)


@router.get(
    "/placements", dependencies=[may_look_after], responses=problems_of_request(), **_AS_STORED
)
async def list_placements(placements: FromPlacementKeeping) -> PlacementsAnswer:
    """What is decided for each placement now. The default is always among them."""
    found = await placements.list()
    return PlacementsAnswer(placements=list(map(PlacementAnswer.of, found)))


@router.get(
    "/placements/{name}",
    dependencies=[may_look_after],
    responses=problems_of_request(UnknownPlacementError),
    **_AS_STORED,
)
async def find_placement(name: PlacementName, placements: FromPlacementKeeping) -> PlacementAnswer:
    """What is decided for a placement now, who decided it and when."""
    return PlacementAnswer.of(await placements.find(name))


@router.put(
    "/placements/{name}",
    dependencies=[may_operate],
    responses=problems_of_request(PlacementConflictError, *_OF_BODY),
    **_AS_STORED,
)
async def save_placement(
    name: PlacementName, body: PlacementBody, placements: FromPlacementKeeping, actor: FromActor
) -> PlacementAnswer:
    """Decide for a placement: a new version, in force in all processes within a second.

    `base_version` is the one you looked at: if somebody saved another meanwhile, a 409 says who and
    when, and nothing is saved. What is in force already is not saved again.
    """
    saved = await placements.save(
        name, body.definition, actor, base_version=body.base_version, note=body.note
    )
    return PlacementAnswer.of(saved)


@router.delete(
    "/placements/{name}",
    dependencies=[may_operate],
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems_of_request(UnknownPlacementError, PlacementConflictError),
)
async def delete_placement(
    name: PlacementName,
    query: Annotated[DeleteQuery, Query()],
    placements: FromPlacementKeeping,
    actor: FromActor,
) -> Response:
    """End a placement. Requests that name it are refused from then on; its versions stay."""
    await placements.delete(name, actor, base_version=query.base_version)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get(
    "/placements/{name}/versions",
    dependencies=[may_look_after],
    responses=problems_of_request(UnknownPlacementError),
    **_AS_STORED,
)
async def placement_versions(
    name: PlacementName,
    query: Annotated[VersionsQuery, Query()],
    placements: FromPlacementKeeping,
) -> PlacementVersionsAnswer:
    """All that was ever decided for a placement, newest first."""
    found = await placements.versions(name, before=query.before, most=query.limit + 1)
    versions = list(map(PlacementAnswer.of, found[: query.limit]))
    following = versions[-1].version if len(found) > query.limit else None
    return PlacementVersionsAnswer(versions=versions, next=following)


@router.post(
    "/placements/{name}/rollback",
    dependencies=[may_operate],
    responses=problems_of_request(UnknownPlacementError, PlacementConflictError, *_OF_BODY),
    **_AS_STORED,
)
async def roll_back_placement(
    name: PlacementName, body: RollbackBody, placements: FromPlacementKeeping, actor: FromActor
) -> PlacementAnswer:
    """Decide as an older version did: it is saved again, as the next one."""
    saved = await placements.roll_back(name, body.version, actor, base_version=body.base_version)
    return PlacementAnswer.of(saved)
