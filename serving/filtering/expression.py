"""What a filter says, as a tree; each node as a condition in SQL (jsonpath) and one in Python.

A condition is true or false of an item, never unknown: where an attribute is missing, or holds
another type than what it is compared with, the comparison is false, and its negation true. An
attribute that is a list passes if one of its values does. Both forms are those of jsonpath in lax
mode (PostgreSQL, "The SQL/JSON Path Language").
"""

import json
import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, Protocol, cast

from typing_extensions import override

Comparison = Literal["=", "<", "<=", ">", ">="]

FIELDS = ("category", "item_id", "title", "created_at")
"""Names that are not those of attributes; an attribute of the name is `attributes.NAME`."""

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}(:\d{2})?)?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time; or `now`, and so much later."""

    at: datetime | None
    offset: timedelta = timedelta()

    def resolved(self, now: datetime) -> datetime:
        """The point in time."""
        return (now if self.at is None else self.at) + self.offset


@dataclass(frozen=True, slots=True)
class OwnValue:
    """What an attribute of the user holds."""

    path: tuple[str, ...]


Value = str | int | float | bool | Moment
Operand = Value | OwnValue


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of an item."""

    attributes: Mapping[str, Any]
    fields: Mapping[str, Any]
    """By the names of `FIELDS`."""


_Plain = str | float | bool | datetime


class Expression(Protocol):
    """A node."""

    def jsonpath(self, now: datetime, *, negated: bool = False) -> str:
        """The condition, or its negation, as a predicate of jsonpath."""

    def holds(self, document: Document, now: datetime) -> bool:
        """Whether an item passes."""

    def operands(self) -> Iterator[Operand]:
        """All values it compares with."""

    def with_own(self, own: Callable[[OwnValue], Sequence[Value]]) -> "Expression":
        """The same with what the user's attributes hold."""

    def names(self) -> Iterator["Name"]:
        """All names it asks of."""


@dataclass(frozen=True, slots=True)
class Name:
    """An attribute, or something else that every item has."""

    path: tuple[str, ...]

    @property
    def is_field(self) -> bool:
        """Whether it is no attribute."""
        return len(self.path) == 1 and self.path[0] in FIELDS

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps from the attributes down."""
        if len(self.path) > 1 and self.path[0] == "attributes":
            return self.path[1:]
        return self.path

    def jsonpath(self) -> str:
        """Where it is found."""
        if self.is_field:
            return f"${self.path[0]}[*]"
        return "$" + "".join(f".{_quoted(step)}" for step in self.steps)

    def values(self, document: Document) -> list[Any]:
        """What it holds, the values of a list one by one."""
        if self.is_field:
            return _unwrapped([document.fields.get(self.path[0])])
        found: list[Any] = [document.attributes]
        for step in self.steps:
            found = [
                each[step] for each in _unwrapped(found) if isinstance(each, dict) and step in each
            ]
        return _unwrapped(found)


class Asked(ABC):
    """A condition on what one name holds."""

    name: Name

    def jsonpath(self, now: datetime, *, negated: bool = False) -> str:
        """See `Expression`."""
        predicate = self.predicate(now)
        return f"(!({predicate}) || ({predicate}) is unknown)" if negated else f"({predicate})"

    @abstractmethod
    def predicate(self, now: datetime) -> str:
        """The condition in jsonpath: true, false, or unknown where types do not fit."""

    def operands(self) -> Iterator[Operand]:
        """See `Expression`."""
        return iter(())

    def names(self) -> Iterator[Name]:
        """See `Expression`."""
        yield self.name

    def with_own(self, _own: Callable[[OwnValue], Sequence[Value]]) -> Expression:
        """See `Expression`."""
        return cast("Expression", self)


@dataclass(frozen=True, slots=True)
class Compared(Asked):
    """A comparison with one value."""

    name: Name
    comparison: Comparison
    operand: Operand

    def predicate(self, now: datetime) -> str:
        """See `Asked`."""
        value, sign = self._value(now), "==" if self.comparison == "=" else self.comparison
        path = self.name.jsonpath()
        if isinstance(value, datetime):
            return f"{path}.datetime() {sign} {_quoted(value.isoformat())}.datetime()"
        return f"{path} {sign} {_literal(value)}"

    def holds(self, document: Document, now: datetime) -> bool:
        """See `Expression`."""
        value, compare = self._value(now), _OPERATORS[self.comparison]
        return any(
            compare(each, value)
            for each in map(_comparable_with(value), self.name.values(document))
            if each is not None
        )

    @override
    def operands(self) -> Iterator[Operand]:
        """See `Expression`."""
        yield self.operand

    @override
    def with_own(self, own: Callable[[OwnValue], Sequence[Value]]) -> Expression:
        """See `Expression`."""
        if not isinstance(self.operand, OwnValue):
            return self
        values = own(self.operand)
        return AnyOf(tuple(Compared(self.name, self.comparison, value) for value in values))

    def _value(self, now: datetime) -> _Plain:
        if isinstance(self.operand, Moment):
            return self.operand.resolved(now)
        # What is the user's own has been put in its place before.
        return cast("_Plain", self.operand)


@dataclass(frozen=True, slots=True)
class Begins(Asked):
    """A text begins so."""

    name: Name
    beginning: str

    def predicate(self, _now: datetime) -> str:
        """See `Asked`."""
        return f"{self.name.jsonpath()} starts with {_quoted(self.beginning)}"

    def holds(self, document: Document, _now: datetime) -> bool:
        """See `Expression`."""
        values = self.name.values(document)
        return any(isinstance(each, str) and each.startswith(self.beginning) for each in values)


@dataclass(frozen=True, slots=True)
class Exists(Asked):
    """There is a value, and not null alone."""

    name: Name

    def predicate(self, _now: datetime) -> str:
        """See `Asked`."""
        return f"exists({self.name.jsonpath()} ? (@ != null))"

    def holds(self, document: Document, _now: datetime) -> bool:
        """See `Expression`."""
        # PostgreSQL unwraps lists twice here: for the condition, and for its comparison.
        return any(each is not None for each in _unwrapped(self.name.values(document)))


@dataclass(frozen=True, slots=True)
class Negated:
    """The opposite."""

    inner: Expression

    def jsonpath(self, now: datetime, *, negated: bool = False) -> str:
        """See `Expression`."""
        return self.inner.jsonpath(now, negated=not negated)

    def holds(self, document: Document, now: datetime) -> bool:
        """See `Expression`."""
        return not self.inner.holds(document, now)

    def operands(self) -> Iterator[Operand]:
        """See `Expression`."""
        return self.inner.operands()

    def names(self) -> Iterator[Name]:
        """See `Expression`."""
        return self.inner.names()

    def with_own(self, own: Callable[[OwnValue], Sequence[Value]]) -> Expression:
        """See `Expression`."""
        return Negated(self.inner.with_own(own))


@dataclass(frozen=True, slots=True)
class Joined(ABC):
    """Several, of which some must hold."""

    inner: tuple[Expression, ...]

    SIGN: ClassVar[str]
    """Between them, and between their negations if the whole is negated, the other one."""

    def jsonpath(self, now: datetime, *, negated: bool = False) -> str:
        """See `Expression`."""
        sign = _OPPOSITE[self.SIGN] if negated else self.SIGN
        if not self.inner:
            return _OF_NONE[sign]
        parts = (each.jsonpath(now, negated=negated) for each in self.inner)
        return f"({f' {sign} '.join(parts)})"

    @abstractmethod
    def holds(self, document: Document, now: datetime) -> bool:
        """See `Expression`."""

    def operands(self) -> Iterator[Operand]:
        """See `Expression`."""
        return (operand for each in self.inner for operand in each.operands())

    def names(self) -> Iterator[Name]:
        """See `Expression`."""
        return (name for each in self.inner for name in each.names())

    def with_own(self, own: Callable[[OwnValue], Sequence[Value]]) -> Expression:
        """See `Expression`."""
        return type(self)(tuple(each.with_own(own) for each in self.inner))


class AnyOf(Joined):
    """At least one of them; of none, nothing passes."""

    SIGN = "||"

    def holds(self, document: Document, now: datetime) -> bool:
        """See `Expression`."""
        return any(each.holds(document, now) for each in self.inner)


class AllOf(Joined):
    """All of them."""

    SIGN = "&&"

    def holds(self, document: Document, now: datetime) -> bool:
        """See `Expression`."""
        return all(each.holds(document, now) for each in self.inner)


_OPPOSITE = {"||": "&&", "&&": "||"}
_OF_NONE = {"||": "(1 == 0)", "&&": "(1 == 1)"}


def _quoted(text: str) -> str:
    """A text or a key of jsonpath."""
    return json.dumps(text)


def _literal(value: _Plain) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _unwrapped(values: Sequence[Any]) -> list[Any]:
    """The values, and those of lists one by one; lists in lists stay as they are."""
    return [
        inner for each in values for inner in (each if isinstance(each, list | tuple) else (each,))
    ]


def _comparable_with(value: Any) -> Callable[[Any], Any]:
    """What turns an item's value into one that can be compared with this one, or None."""
    if isinstance(value, datetime):
        return _as_time
    if isinstance(value, bool):
        return lambda given: given if isinstance(given, bool) else None
    if isinstance(value, str):
        return lambda given: given if isinstance(given, str) else None
    return lambda given: (
        given if isinstance(given, int | float) and not isinstance(given, bool) else None
    )


def _as_time(given: Any) -> datetime | None:
    if not isinstance(given, str) or not _TIME.fullmatch(given):
        return None
    try:
        read = datetime.fromisoformat(given)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
