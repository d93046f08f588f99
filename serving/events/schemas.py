"""The bodies of /v1/events and /v1/event-kinds."""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from sqlalchemy import Row
from typing_extensions import TypeAliasType

from domain.errors import InvalidInputError
from domain.interactions import EventKind, Scale, parse_scale
from domain.limits import MOST_CONTEXT
from serving.answering.list_values import AskedContextByName
from serving.http.cursors import Limit
from serving.http.entries import MOST_ENTRIES, REFUSED_LATER, Errors, Partial, RefusedEntry
from serving.http.values import Identifier, Moment, QueryBoolean, Text, UserIdentifier
from serving.runtime.faults import Fault, invalid_request


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
    context: AskedContextByName = Field(
        None,
        max_length=MOST_CONTEXT,
        description="Where and when it occurred, as a device or a daypart, by name: kept is what"
        " TANDEM_KEPT_CONTEXT names. Left out: that of the recommendation.",
        examples=[{"device": "phone"}],
    )


_Entries = Annotated[
    list[Annotated[EventBody, REFUSED_LATER]], Field(min_length=1, max_length=MOST_ENTRIES)
]
_GOOD_ENTRIES = TypeAdapter(list[EventBody])
_ANY_ENTRIES = TypeAdapter(list[Annotated[EventBody, REFUSED_LATER]])


def read_events(given: list[Any]) -> list[EventBody | RefusedEntry]:
    """Events of any number as they were sent, those that are not well formed too."""
    with suppress(ValidationError):
        return list(_GOOD_ENTRIES.validate_python(given))
    return list(_ANY_ENTRIES.validate_python(given))


def _read_at_once(given: Any, read_one_by_one: ValidatorFunctionWrapHandler) -> Any:
    """Read a good batch without coming back to Python for each of its events."""
    if isinstance(given, list) and 0 < len(given) <= MOST_ENTRIES:
        with suppress(ValidationError):
            return _GOOD_ENTRIES.validate_python(given)
    return read_one_by_one(given)


class EventBatch(BaseModel):
    """Up to 1,000 events."""

    model_config = ConfigDict(extra="forbid")

    events: Annotated[_Entries, WrapValidator(_read_at_once)]

    def entries(self) -> list[EventBody | RefusedEntry]:
        """The events in their order, those that are not well formed too."""
        return list(self.events)


def good_events(body: Any) -> list[EventBody] | None:
    """The events of a body, as `EventBatch` reads them; None: anything is wrong with it."""
    if not isinstance(body, dict) or body.keys() != {"events"}:
        return None
    given = body["events"]
    if isinstance(given, list) and 0 < len(given) <= MOST_ENTRIES:
        with suppress(ValidationError):
            return _GOOD_ENTRIES.validate_python(given)
    return None


class RecordingQuery(BaseModel):
    """How a batch is recorded."""

    model_config = ConfigDict(extra="forbid")

    partial: Partial = False
    create_items: Annotated[
        QueryBoolean,
        Field(
            description="Whether items that there are none of are created, titled by their ids."
            " Not with a token for one user."
        ),
    ] = False


class EventResult(BaseModel):
    """What became of one event of a batch."""

    event_id: str = Field(examples=["order-1729-line-1"])
    status: TypeAliasType("EventStatus", Literal["accepted", "duplicate", "refused"])  # type: ignore[valid-type]
    errors: Errors


class RecordedAnswer(BaseModel):
    """What became of the batch."""

    accepted: int = Field(description="Events recorded now.", examples=[3])
    duplicates: int = Field(description="Events that were recorded before.", examples=[0])
    event_ids: list[str] = Field(
        description="The ids of the events in the order they were sent: those they were sent with,"
        " and new ones for those that were sent without. By its id an event can be deleted.",
        examples=[["order-1729-line-1", "0b6f4f3e-8f0e-4c53-9d3c-5a3c1f0e2d7b"]],
    )
    refused: int = Field(
        0, description="Events that were not recorded; 0 without `partial=true`.", examples=[0]
    )
    results: list[EventResult] | None = Field(
        None, description="One an event, in their order; null without `partial=true`."
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
    return EventKindsAnswer(kinds=[kind_answer(kind) for kind in kinds])


def kind_answer(kind: EventKind) -> EventKindAnswer:
    """The body for one kind."""
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


class FoundEventAnswer(BaseModel):
    """An event as the log has it."""

    model_config = ConfigDict(from_attributes=True)

    event_id: uuid.UUID = Field(
        description="Under which the log has it: an id that is no UUID stands as one made of it."
    )
    user_id: str = Field(examples=["ann"])
    item_id: str = Field(examples=["stalker-1979"])
    kind: str = Field(examples=["rate"])
    value: float | None = Field(description="As it came; null where the kind takes none.")
    scale: str | None = Field(description="What a rating lies on.", examples=["1:10"])
    occurred_at: datetime
    received_at: datetime
    recommendation_id: uuid.UUID | None = Field(
        description="The recommendation that led to it; null: none was named."
    )
    context: dict[str, str] | None = Field(
        description="What is kept of the context that it came with; null: nothing.",
        examples=[{"device": "phone"}],
    )


def found_event_answer(row: Row[Any]) -> FoundEventAnswer:
    """The body for an event of the log."""
    fields = row._asdict()
    scale = None if row.least is None else str(Scale(row.least, row.greatest))
    return FoundEventAnswer(**{**fields, "scale": scale})


class EventsAnswer(BaseModel):
    """Some events, newest first."""

    events: list[FoundEventAnswer]
    next: str | None = Field(description="The cursor of what follows; null: this was the last.")


class DeletedEventsAnswer(BaseModel):
    """How many events were deleted; they never count again."""

    deleted: int = Field(description="Just now.", examples=[1000])
    more: bool = Field(description="Whether there may be more: then send the same request again.")


class EventsQuery(BaseModel):
    """Which events."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    user_id: Annotated[UserIdentifier | None, Field(description="Events of this user.")] = None
    item_id: Annotated[Identifier | None, Field(description="Events with this item.")] = None
    kind: Annotated[
        Text | None, Field(max_length=80, description="One of GET /v1/event-kinds.")
    ] = None
    from_at: Annotated[
        Moment | None, Field(alias="from", description="Events at this time or later.")
    ] = None
    to_at: Annotated[Moment | None, Field(alias="to", description="Events before this time.")] = (
        None
    )

    def bounds(self) -> dict[str, Any]:
        """The parameters of statements; FaultyInputError for a time that ends before it begins."""
        if self.from_at is not None and self.to_at is not None and self.from_at >= self.to_at:
            raise invalid_request([Fault("query:to", "Give a time after `from`.")])
        return {
            "user_id": self.user_id,
            "item_id": self.item_id,
            "kind": self.kind,
            # In UTC, because PostgreSQL refuses offsets beyond 16 hours.
            "from_at": None if self.from_at is None else self.from_at.astimezone(UTC),
            "to_at": None if self.to_at is None else self.to_at.astimezone(UTC),
        }


class FoundEventsQuery(EventsQuery):
    """Which events, and which page of them."""

    limit: Limit = 100
    cursor: Annotated[
        str | None, Field(max_length=100, description="`next` of the answer before.")
    ] = None


class DeletedEventsQuery(EventsQuery):
    """Which events are deleted, and how many at once."""

    limit: Limit = 1_000
