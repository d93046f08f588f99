"""The answer of GET /v1/event-kinds."""

from collections.abc import Iterable

from pydantic import BaseModel, Field

from domain.interactions import EventKind


class ValueAnswer(BaseModel):
    """The values that events of a kind have."""

    smallest: float = Field(examples=[-10.0])
    greatest: float = Field(examples=[10.0])
    reference: float = Field(
        description="With this value an event weighs `weight`; others weigh in proportion.",
        examples=[3.0],
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
    if least is None or most is None or reference is None:
        return None
    return ValueAnswer(smallest=least, greatest=most, reference=reference)
