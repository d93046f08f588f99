"""POST /v1/placements/{name}/preview: what a draft would change, before it is saved."""

from typing import Annotated

from annotated_types import Ge, Le
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from domain.errors import ForbiddenError, TandemError
from domain.identifiers import UserId
from serving.access.callers import may_see_users
from serving.access.requirements import FromCaller, may_look_after
from serving.answering.list_values import AskedContextByName
from serving.http.errors import inner_problem, problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import UserIdentifier
from serving.placements.definition import PlacementDefinition
from serving.placements.routes import PlacementName
from serving.recommendations.move_causes import Cause, PlacedResult
from serving.recommendations.placement_preview import PlacementPreview, PreviewedLists
from serving.recommendations.schemas import InnerProblem
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError

MOST_PREVIEWED = 20
MoveCause = TypeAliasType("MoveCause", Cause)

router = APIRouter(prefix="/v1", tags=["placements"], route_class=TandemRoute)

FromPlacementPreview = Annotated[PlacementPreview, provided(PlacementPreview)]


class PreviewBody(BaseModel):
    """A draft, and whose lists are to be shown."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"definition": {"diversity": 0.5}, "users": ["ann"], "drawn": 3}]
        },
    )

    definition: PlacementDefinition
    users: Annotated[list[UserIdentifier], Field(max_length=MOST_PREVIEWED)] = []
    drawn: Annotated[int, Ge(0), Le(MOST_PREVIEWED)] = Field(
        5, strict=True, description="How many other users, drawn at random."
    )
    seed: Annotated[int, Ge(0), Le(2**31 - 1)] = Field(
        0, strict=True, description="The same seed draws the same users."
    )
    context: AskedContextByName = None


class PreviewedItem(BaseModel):
    """One item of a list."""

    item_id: str
    title: str | None


class MoveAnswer(BaseModel):
    """An item that stands elsewhere under the draft."""

    item_id: str
    title: str | None
    before: int | None = Field(description="Its rank now, from 1. Null: it is new.")
    after: int | None = Field(description="Its rank under the draft. Null: it is gone.")
    cause: MoveCause = Field(
        description="limit: one of the lists is shorter. filter, seen: one of them leaves it out."
        " rules: rules did it, see rules. fallback: users of whom nothing is known get another"
        " list. explored: it is a new item that is to become known. blend: the sources weigh"
        " otherwise. reranking: diversity, caps of categories, exploration or what was shown"
        " before. others: it made room, or items before it did."
    )
    rules: list[str] = Field(
        description="Of the cause rules: the names of those that did it, in the draft or now."
    )


class PreviewedListsAnswer(BaseModel):
    """What one user gets now, and would get."""

    user_id: str
    current: list[PreviewedItem]
    draft: list[PreviewedItem]
    moves: list[MoveAnswer] = Field(
        description="What stands elsewhere: as in the draft's list, then what is gone."
    )
    problem: InnerProblem | None = Field(description="Why there are no lists. Null: there are.")


class PreviewAnswer(BaseModel):
    """The lists of all users that were asked for."""

    version: int = Field(description="What is in force; 0: the lists are as the settings say.")
    lists: list[PreviewedListsAnswer]


@router.post(
    "/placements/{name}/preview",
    dependencies=[may_look_after],
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError),
)
async def preview_placement(
    name: PlacementName, body: PreviewBody, caller: FromCaller, preview: FromPlacementPreview
) -> PreviewAnswer:
    """Show what a draft would change: users' lists under it beside those of now, and what moved.

    Nothing is saved, cached or kept as shown. It needs a key with the scope `users` too. A
    placement that does not exist yet is compared with the default, and rules of everywhere are
    shown in the default's lists. With `context` variants and rules for it are seen.
    """
    if not may_see_users(caller):
        raise ForbiddenError("A preview shows users' lists: that needs the scope users too.")
    named = list(dict.fromkeys(map(UserId, body.users)))
    drawn = await preview.draw_users(body.drawn, body.seed) if body.drawn else []
    users = [*named, *(user_id for user_id in drawn if user_id not in named)]
    found = await preview.preview(name, body.definition, users, body.context or {})
    return PreviewAnswer(
        version=preview.in_force(name).version,
        lists=[_lists_answer(*each) for each in zip(users, found, strict=True)],
    )


def _lists_answer(user_id: str, found: PreviewedLists | TandemError) -> PreviewedListsAnswer:
    if isinstance(found, TandemError):
        problem = InnerProblem.model_validate(inner_problem(found))
        return PreviewedListsAnswer(
            user_id=user_id, current=[], draft=[], moves=[], problem=problem
        )
    return PreviewedListsAnswer(
        user_id=user_id,
        current=_items(found.before),
        draft=_items(found.after),
        moves=[MoveAnswer.model_validate(move, from_attributes=True) for move in found.moves],
        problem=None,
    )


def _items(result: PlacedResult) -> list[PreviewedItem]:
    return [PreviewedItem(item_id=item.item_id, title=item.title) for item in result.made.items]
