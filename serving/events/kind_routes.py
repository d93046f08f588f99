"""GET, PUT and DELETE /v1/event-kinds/{kind}: what events mean, for those who operate."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from domain.interactions import parse_scale
from serving.access.acting import FromActor
from serving.access.requirements import may_operate, may_read
from serving.events.kind_keeping import KindKeeping
from serving.events.schemas import EventKindAnswer, ScaleText, kind_answer
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import Text
from serving.runtime.faults import (
    BodyTooLargeError,
    KindInUseError,
    MalformedBodyError,
    UnknownKindError,
)
from sql.event_kinds import KIND_NAME, KindChange

router = APIRouter(prefix="/v1", tags=["events"], route_class=TandemRoute)

FromKindKeeping = Annotated[KindKeeping, provided(KindKeeping)]
KindPath = Annotated[
    str, Path(min_length=1, max_length=50, pattern=f"^{KIND_NAME}$", examples=["share"])
]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class RatingBody(BaseModel):
    """Events of the kind are ratings."""

    model_config = ConfigDict(extra="forbid")

    scale: ScaleText = Field(
        description="Of ratings that name none: the least and the greatest.", examples=["1:5"]
    )


class ProportionBody(BaseModel):
    """Events of the kind have a value, and weigh in proportion to it."""

    model_config = ConfigDict(extra="forbid")

    smallest: Number
    greatest: Number
    reference: Number = Field(description="With this value an event weighs `weight`.")


def _as_meant(given: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """One of both, so that faults are those of what was meant."""
    if not isinstance(given, dict):
        return validate(given)
    return (RatingBody if "scale" in given else ProportionBody).model_validate(given)


Value = Annotated[RatingBody | ProportionBody, WrapValidator(_as_meant)]


class KindBody(BaseModel):
    """All that is said of a kind; what is left out takes its default."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"weight": 3, "description": "shared it with others"}]},
    )

    weight: Number = Field(
        description="What one event weighs: 0, or 0.01 to 100 on either side of 0; a view is 1."
    )
    marks_seen: Annotated[bool, Field(strict=True)] = True
    description: Annotated[Text, Field(max_length=500)] = ""
    value: Value | None = Field(None, description="Null: events of the kind have no value.")
    half_life_days: Number | None = Field(
        None, description="At what age a nightly run counts an event half; null: never."
    )

    def change(self) -> KindChange:
        """The same as the command line says it."""
        rating = self.value if isinstance(self.value, RatingBody) else None
        proportion = self.value if isinstance(self.value, ProportionBody) else None
        return KindChange(
            weight=self.weight,
            marks_seen=self.marks_seen,
            half_life_days=self.half_life_days or 0.0,
            reference_value=None if proportion is None else proportion.reference,
            smallest_value=None if proportion is None else proportion.smallest,
            greatest_value=None if proportion is None else proportion.greatest,
            scale=None if rating is None else parse_scale(rating.scale),
            has_no_value=self.value is None,
            description=self.description,
        )


@router.get(
    "/event-kinds/{kind}",
    dependencies=[may_read],
    responses=problems_of_request(UnknownKindError),
)
async def find_kind(kind: KindPath, kinds: FromKindKeeping) -> EventKindAnswer:
    """What an event of a kind counts, and which values it takes."""
    return kind_answer(await kinds.find(kind))


@router.put(
    "/event-kinds/{kind}",
    dependencies=[may_operate],
    responses={
        int(HTTPStatus.CREATED): {"model": EventKindAnswer, "description": "The kind is new."},
        **problems_of_request(MalformedBodyError, BodyTooLargeError),
    },
)
async def put_kind(
    kind: KindPath, body: KindBody, response: Response, kinds: FromKindKeeping, actor: FromActor
) -> EventKindAnswer:
    """Create a kind of events, or replace all that is said of it. Its events are taken at once.

    Recorded events must go on to say what they did: for or against items, with a value or without.
    """
    stored, is_new = await kinds.put(kind, body.change(), actor)
    response.status_code = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return kind_answer(stored)


@router.delete(
    "/event-kinds/{kind}",
    dependencies=[may_operate],
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems_of_request(UnknownKindError, KindInUseError),
)
async def delete_kind(kind: KindPath, kinds: FromKindKeeping, actor: FromActor) -> Response:
    """Delete a kind of which no event is recorded."""
    await kinds.delete(kind, actor)
    return Response(status_code=HTTPStatus.NO_CONTENT)
