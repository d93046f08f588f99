"""What a request asks of items, beside what makes an item eligible for everybody.

Each condition has one SQL form, in `sql/queries/shared/filters.sql`, and one form in Python, here,
for lists that are kept in memory. Recommendations, search, similar items and the fallback use both.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

import orjson

from serving.filtering.bounds import bounds_of
from serving.filtering.expression import AllOf, Document, Expression, Moment, OwnValue

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class FilteredItem(Protocol):
    """What is known in memory of an item that is to pass."""

    @property
    def item_id(self) -> str:
        """Its id."""

    @property
    def categories(self) -> Sequence[str]:
        """Its categories; empty if it has none."""


class Condition(Protocol):
    """One thing that is asked of items."""

    keeps_few: ClassVar[bool]
    """Whether it may leave but a small part of the catalogue: its SQL stands in `wanted`."""
    known_in_memory: ClassVar[bool]
    """Whether `matches` can tell; if not, it says False, and the fallback covers nothing."""

    def parameters(self) -> Mapping[str, Any]:
        """The parameters of its SQL form; the names are its own."""

    def identity(self) -> Mapping[str, Any]:
        """What tells it from all others, by the same names."""

    def matches(self, item: FilteredItem, document: Document | None) -> bool:
        """Whether an item passes; the same as the SQL form says.

        `document`: all that is known of the item; None: its categories alone.
        """


@dataclass(frozen=True, slots=True)
class InAnyCategory:
    """The item has at least one of these categories."""

    any_of: tuple[str, ...]
    keeps_few: ClassVar[bool] = True
    known_in_memory: ClassVar[bool] = True

    def parameters(self) -> Mapping[str, Any]:
        """See `Condition`."""
        return {"in_categories": list(self.any_of)}

    def identity(self) -> Mapping[str, Any]:
        """See `Condition`."""
        return self.parameters()

    def matches(self, item: FilteredItem, document: Document | None) -> bool:  # noqa: ARG002
        """See `Condition`."""
        return not set(self.any_of).isdisjoint(item.categories)


@dataclass(frozen=True, slots=True)
class InNoCategory:
    """The item has none of these categories."""

    none_of: tuple[str, ...]
    keeps_few: ClassVar[bool] = False
    known_in_memory: ClassVar[bool] = True

    def parameters(self) -> Mapping[str, Any]:
        """See `Condition`."""
        return {"not_in_categories": list(self.none_of)}

    def identity(self) -> Mapping[str, Any]:
        """See `Condition`."""
        return self.parameters()

    def matches(self, item: FilteredItem, document: Document | None) -> bool:  # noqa: ARG002
        """See `Condition`."""
        return set(self.none_of).isdisjoint(item.categories)


@dataclass(frozen=True, slots=True)
class Passes:
    """The item passes a filter that is written in the language of `filter`."""

    text: str
    expression: Expression
    keeps_few: ClassVar[bool] = True
    known_in_memory: ClassVar[bool] = True

    def parameters(self) -> Mapping[str, Any]:
        """See `Condition`. The clock is read here, so that `now` is that of the search itself."""
        bounds = bounds_of(self.expression)
        return {
            "item_path": self.expression.jsonpath(datetime.now(UTC)),
            "asks_fields": any(name.is_field for name in self.expression.names()),
            "item_bounds": json.dumps(bounds) if bounds else None,
        }

    def identity(self) -> Mapping[str, Any]:
        """See `Condition`. `now` is not among it, or no answer would be found again."""
        # The path tells which value stands where, and the text what is `now` and what a time. A
        # digest: there may be many values.
        digest = f"{self.text}\n{self.expression.jsonpath(_ANY_TIME)}"
        return {"item_path": hashlib.sha256(digest.encode()).hexdigest(), "asks_fields": None}

    @property
    def asks_now(self) -> bool:
        """Whether it depends on the time of the request."""
        operands = self.expression.operands()
        return any(isinstance(each, Moment) and each.at is None for each in operands)

    @property
    def asks_own(self) -> bool:
        """Whether it compares with what is the user's own."""
        return any(isinstance(each, OwnValue) for each in self.expression.operands())

    def matches(self, item: FilteredItem, document: Document | None) -> bool:  # noqa: ARG002
        """See `Condition`; an item of which no attributes are known does not pass."""
        return document is not None and self.expression.holds(document, datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class AmongItems:
    """The item is one of these."""

    item_ids: tuple[str, ...]
    keeps_few: ClassVar[bool] = True
    known_in_memory: ClassVar[bool] = True

    def parameters(self) -> Mapping[str, Any]:
        """See `Condition`."""
        return {"among_item_ids": list(self.item_ids)}

    def identity(self) -> Mapping[str, Any]:
        """See `Condition`. A digest: there may be many."""
        digest = hashlib.sha256(orjson.dumps(self.item_ids)).hexdigest()
        return {"among_item_ids": digest}

    def matches(self, item: FilteredItem, document: Document | None) -> bool:  # noqa: ARG002
        """See `Condition`."""
        return item.item_id in self.item_ids


@dataclass(frozen=True, slots=True)
class OtherThanItems:
    """The item is none of these."""

    item_ids: frozenset[str]
    keeps_few: ClassVar[bool] = False
    known_in_memory: ClassVar[bool] = True

    def parameters(self) -> Mapping[str, Any]:
        """See `Condition`."""
        return {"other_than_item_ids": sorted(self.item_ids)}

    def identity(self) -> Mapping[str, Any]:
        """See `Condition`. A digest: there may be many."""
        digest = hashlib.sha256(orjson.dumps(sorted(self.item_ids))).hexdigest()
        return {"other_than_item_ids": digest}

    def matches(self, item: FilteredItem, document: Document | None) -> bool:  # noqa: ARG002
        """See `Condition`."""
        return item.item_id not in self.item_ids


NOT_ASKED: Mapping[str, Any] = {
    "among_item_ids": None,
    "in_categories": None,
    "not_in_categories": [],
    "other_than_item_ids": [],
    "item_path": None,
    "asks_fields": False,
    "item_bounds": None,
}
"""The parameters of all conditions where none is asked."""


@dataclass(frozen=True, slots=True)
class Filters:
    """The conditions that the items of a list meet, all of them."""

    conditions: tuple[Condition, ...] = ()
    """At most one of a kind."""

    @classmethod
    def of(cls, any_of: Iterable[str] = (), none_of: Iterable[str] = ()) -> "Filters":
        """Filters by category that are equal if they say the same, in whatever order."""
        conditions: list[Condition] = []
        if wanted := tuple(sorted(set(any_of))):
            conditions.append(InAnyCategory(wanted))
        if unwanted := tuple(sorted(set(none_of))):
            conditions.append(InNoCategory(unwanted))
        return cls(tuple(conditions))

    @classmethod
    def of_category(cls, category: str) -> "Filters":
        """Only items of a category; '' is the whole catalogue."""
        return cls.of((category,) if category else ())

    def also(self, *conditions: Condition) -> "Filters":
        """The same, and these conditions too."""
        return Filters((*self.conditions, *conditions))

    @property
    def any_of(self) -> tuple[str, ...]:
        """Items are of at least one of these categories; empty: whatever their categories."""
        found = (each.any_of for each in self.conditions if isinstance(each, InAnyCategory))
        return next(found, ())

    @property
    def none_of(self) -> tuple[str, ...]:
        """Items are of none of these categories."""
        found = (each.none_of for each in self.conditions if isinstance(each, InNoCategory))
        return next(found, ())

    @property
    def written(self) -> Passes | None:
        """The filter that was written in the language of `filter`."""
        return next((each for each in self.conditions if isinstance(each, Passes)), None)

    def with_written(self, written: Passes) -> "Filters":
        """The same with this one in its place."""
        others = (each for each in self.conditions if not isinstance(each, Passes))
        return Filters((*others, written))

    def also_written(self, other: Passes) -> "Filters":
        """The same, and this written filter too."""
        own = self.written
        if own is None:
            return self.also(other)
        both = AllOf((own.expression, other.expression))
        return self.with_written(Passes(f"({own.text}) and ({other.text})", both))

    @property
    def keep_few(self) -> bool:
        """Whether they may leave but a small part of the catalogue."""
        return any(each.keeps_few for each in self.conditions)

    @property
    def known_in_memory(self) -> bool:
        """Whether `match` can tell."""
        return all(each.known_in_memory for each in self.conditions)

    def match(self, item: FilteredItem, document: Document | None = None) -> bool:
        """Whether an item passes; `document`: see `Condition.matches`."""
        return all(each.matches(item, document) for each in self.conditions)

    def without(self, categories: Sequence[str]) -> "Filters":
        """The same, and none of these categories either."""
        others = (each for each in self.conditions if not isinstance(each, InNoCategory))
        return Filters((*others, InNoCategory((*self.none_of, *categories))))

    def parameters(self) -> dict[str, Any]:
        """The parameters of a statement with the parts `wanted` and `unwanted`."""
        parameters = {**NOT_ASKED, "is_filtered": self.keep_few}
        for each in self.conditions:
            parameters |= each.parameters()
        return parameters

    def key(self) -> str:
        """What tells them from all others, as text."""
        identity = dict(NOT_ASKED)
        for each in self.conditions:
            identity |= each.identity()
        return orjson.dumps(identity, option=orjson.OPT_SORT_KEYS).decode()


EVERYTHING = Filters()


@runtime_checkable
class FilteredRequest(Protocol):
    """A request for so many items that meet conditions."""

    @property
    def limit(self) -> int:
        """How many."""

    @property
    def filters(self) -> Filters:
        """What they are to meet."""
