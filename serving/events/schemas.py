"""The bodies of /v1/events and /v1/event-kinds."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from domain.errors import InvalidInputError
from domain.interactions import EventKind, parse_scale
from serving.http.errors import faults_of
from serving.http.values import Identifier, Moment
from serving.runtime.faults import Fault


def _named_scale(given: str) -> str:
    try:
        parse_scale(given)
    except InvalidInputError as error:
        raise ValueError(str(error)) from error
    return given


ScaleText = Annotated[str, Field(max_length=100), AfterValidator(_named_scale)]


class EventBody(BaseModel):
    """One interaction of a user with an item."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "event_id": "order-1729-line-1",
                    "user_id": "ann",
                    "item_id": "stalker-1979",
                    "kind": "purchase",
                    "occurred_at": "2026-03-01T12:00:00Z",
                }
            ]
        },
    )

    event_id: Identifier | None = Field(
        None,
        description="The app's own id of the event; the same id counts once, however often sent."
        " Sent again it must say the same: user, item, kind, value, scale, and the time if one is"
        " given."
        " Left out, the event gets an id, which the answer has.",
    )
    user_id: Identifier
    item_id: Identifier
    kind: str = Field(
        description="One of GET /v1/event-kinds, such as view or purchase, or a usual word for one,"
        " such as addtocart for cart."
    )
    value: Annotated[float | None, Field(allow_inf_nan=False, strict=True)] = Field(
        None,
        description="What the kind measures, such as a rating: needed where the kind takes one,"
        " within the bounds that GET /v1/event-kinds gives, and refused where it takes none.",
    )
    scale: ScaleText | None = Field(
        None,
        description="Of ratings, the least and the greatest that could be given, such as 1:10;"
        " left out, that of the kind.",
        examples=["1:10"],
    )
    occurred_at: Moment | None = Field(
        None, description="ISO 8601; without a time zone it is UTC; if it is missing, now."
    )
    recommendation_id: uuid.UUID | None = Field(
        None, description="The recommendation that led to the event."
    )


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that is not even well formed, kept until the others have been looked at."""

    faults: tuple[Fault, ...]


def _refuse_later(given: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(given)
    except ValidationError as error:
        return RefusedEvent(faults_of(error.errors()))


class EventBatch(BaseModel):
    """Up to 1000 events, recorded all or none."""

    model_config = ConfigDict(extra="forbid")

    events: Annotated[
        list[Annotated[EventBody, WrapValidator(_refuse_later)]],
        Field(min_length=1, max_length=1000),
    ]

    def entries(self) -> list[EventBody | RefusedEvent]:
        """The events in their order, those that are not well formed too."""
        return list(self.events)


class RecordedAnswer(BaseModel):
    """What became of the batch."""

    accepted: int = Field(description="Events recorded now.", examples=[3])
    duplicates: int = Field(description="Events that were recorded before.", examples=[0])
    event_ids: list[str] = Field(
        description="The ids of the events in the order they were sent: those they were sent with,"
        " and new ones for those that were sent without. By its id an event can be deleted.",
        examples=[["order-1729-line-1", "0b6f4f3e-8f0e-4c53-9d3c-5a3c1f0e2d7b"]],
    )


class ValueAnswer(BaseModel):
    """The values that events of a kind have."""

    smallest: float = Field(examples=[1.0])
    greatest: float = Field(examples=[5.0])
    reference: float | None = Field(
        description="With this value an event weighs `weight`; others weigh in proportion. Null:"
        " the value is a rating, and the bounds are the scale of those sent without `scale`: above"
        " the middle it speaks for the item, up to `weight`, and in the lowest fifth against it.",
        examples=[None],
    )


class EventKindAnswer(BaseModel):
    """One kind of events."""

    kind: str = Field(examples=["rate"])
    description: str = Field(examples=["rated the item"])
    weight: float = Field(
        description="What one event weighs; less than 0: the user dislikes the item."
    )
    marks_seen: bool = Field(description="Whether the item is not recommended to the user again.")
    value: ValueAnswer | None = Field(description="Null: events of the kind have no value.")


class EventKindsAnswer(BaseModel):
    """All kinds of events that are taken."""

    kinds: list[EventKindAnswer]


def event_kinds_answer(kinds: Iterable[EventKind]) -> EventKindsAnswer:
    """The body for these kinds."""
    return EventKindsAnswer(kinds=[_kind_answer(kind) for kind in kinds])


def _kind_answer(kind: EventKind) -> EventKindAnswer:
    return EventKindAnswer(
        kind=kind.kind,
        description=kind.description,
        weight=kind.weight,
        marks_seen=kind.marks_seen,
        value=_value_answer(kind),
    )


def _value_answer(kind: EventKind) -> ValueAnswer | None:
    least, most, reference = kind.smallest_value, kind.greatest_value, kind.value_reference
    if least is None or most is None:
        return None
    return ValueAnswer(smallest=least, greatest=most, reference=reference)


class DeletedEventAnswer(BaseModel):
    """What became of the event; either way it does not count any more."""

    event_id: str = Field(description="As it was given.", examples=["order-1729-line-1"])
    deleted: bool = Field(description="True: just now. False: it was deleted before.")
    deleted_at: datetime | None = Field(
        description="When it was deleted. Null: it went with its user, who was forgotten."
    )
