"""How the events of a table are understood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from domain.errors import InvalidInputError
from domain.event_words import kind_of_word
from domain.interactions import EventKind, Scale, parse_scale
from loading.duck import literal
from loading.fields import JOINT
from loading.kinds_plan import (
    ask_about_flag,
    ask_about_goods,
    column_of_orders,
    column_of_returns,
    flags_of,
    kind_label,
    kind_text,
    refuse_computed,
    unknown_kinds,
    verdict_of,
    words_of,
    yes_and_no,
)
from loading.layouts import Layout
from loading.options import LoadOptions
from loading.order_status import OrderStatus, ask_about_status, find_order_status
from loading.plans import Column, EventsPlan, IdForm, id_form, sample_of
from loading.scales import ask_about_unrated, find_scale
from loading.tables import Table
from loading.times import TimeFormat, find_time_format
from loading.values import Values, no_numbers, refuse_amounts, values_of
from loading.words import EVENT_MEANINGS, last_part
from loading.written_ratings import WrittenRatings, find_written_ratings

DEFAULT_KIND = "view"
RATING_KIND = "rate"
ORDER_KIND = "purchase"
_VAGUE = {"type", "interaction", "event"}
"""Columns that may well say something else than a kind."""


@dataclass(slots=True)
class EventsPlanner:
    """Makes the plan of a table of events."""

    duck: duckdb.DuckDBPyConnection
    table: Table
    layout: Layout | None
    options: LoadOptions
    known: tuple[EventKind, ...]
    fields: dict[str, str]
    verdicts: dict[str, str] = field(default_factory=dict)
    """Kinds of words for yes and no."""
    unrated: float | None = None
    written: WrittenRatings | None = None
    read_as: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def plan(self) -> EventsPlan:
        """What was understood; raises InvalidInputError if it is not enough."""
        self.fields = {
            meaning: self.fields[meaning] for meaning in EVENT_MEANINGS if meaning in self.fields
        }
        exact = self.layout is not None and self.layout.is_export
        id_forms = {
            meaning: IdForm.EXACT if exact else self._id_form(meaning)
            for meaning in ("user_id", "item_id")
        }
        self.unrated = self.layout.unrated if self.layout is not None else None
        kind, kinds = self._kind()
        returns = self._returns(kind)
        status = self._status(kind)
        scale = self._scale(kind, kinds)
        time = self._time()
        order_ids = self._order_ids()
        if self.layout is not None and self.layout.note:
            self.notes.append(self.layout.note)
        shown = self.fields | ({} if returns is None else {"quantity": returns})
        shown |= {} if status is None else {"status": status.column}
        columns = tuple(
            Column(
                column,
                meaning,
                self.read_as.get(meaning, "as it is"),
                sample_of(self.table, column),
            )
            for meaning, column in shown.items()
        )
        read = {part for name in shown.values() for part in (name, *name.split(JOINT))}
        return EventsPlan(
            table=self.table,
            fields=self.fields,
            columns=columns,
            kind=kind,
            kinds=kinds,
            time=time,
            scale=scale,
            unrated=self.unrated,
            id_forms=id_forms,
            order_ids=order_ids,
            unread=tuple(name for name in self.table.columns if name not in read),
            returns=returns,
            came_to_nothing=None if status is None else status.is_nothing(self.table),
            notes=(*self.table.notes, *self.notes),
            layout=self.layout.name if self.layout is not None else None,
        )

    def _expression(self, meaning: str) -> str:
        return self.table.expressions[self.fields[meaning]]

    def _id_form(self, meaning: str) -> IdForm:
        found = id_form(self.duck, self.table, self._expression(meaning))
        if found is IdForm.FLOAT:
            self.read_as[meaning] = "123.0 is read as 123"
        return found

    def _kind(self) -> tuple[str | None, dict[str, str | None]]:
        names = tuple(kind.kind for kind in self.known)
        if self.options.kind is not None:
            self.fields.pop("kind", None)
            return self._existing_kind(self.options.kind, names), {}
        if "kind" not in self.fields and self.layout is None:
            refuse_computed(self.table, self.fields.get("value"))
            self._find_words_elsewhere(names)
        if "kind" not in self.fields:
            return self._one_kind(names), {}
        column = self.fields["kind"]
        words = words_of(self.duck, self.table, column, self.fields["item_id"])
        if not words:
            many = "has too many different values to be kinds"
            self.notes.append(f"{column} {'is empty' if words is not None else many}")
            del self.fields["kind"]
            return self._one_kind(names), {}
        kinds, unknown = self._mapped(words, names)
        said = "kind" in self.options.columns
        if unknown and len(unknown) == len(words) and not said and last_part(column) in _VAGUE:
            self.notes.append(f"{self.fields.pop('kind')} has no word for a kind of event")
            return self._one_kind(names), {}
        if unknown:
            raise InvalidInputError(unknown_kinds(column, unknown, names))
        if kinds and all(kind is None for kind in kinds.values()):
            raise InvalidInputError(f"All events of {self.table.source.name} would be left out.")
        self.read_as["kind"] = ", ".join(kind_label(word, kind) for word, kind in kinds.items())
        return None, kinds

    def _find_words_elsewhere(self, names: Sequence[str]) -> None:
        """Columns of yes and no, and ratings in words, say what people did."""
        value = self.fields.get("value")
        if value is not None and any(_is_number(row.get(value)) for row in self.table.sample):
            return
        if value is not None:
            values = self._values({})
            if values.given == 0:
                self.notes.append(f"{self.fields.pop('value')} is empty")
            elif not values.numbers and self._all_known(value, names):
                self.fields["kind"] = self.fields.pop("value")
            return
        verdict = verdict_of(self.table)
        if verdict is not None and self._all_known(verdict, names):
            self.fields["kind"] = verdict
            return
        for flag in flags_of(self.table):
            found = yes_and_no(words_of(self.duck, self.table, flag, self.fields["item_id"]))
            if found is not None and found[1]:
                raise ask_about_flag(flag, *found)

    def _all_known(self, column: str, names: Sequence[str]) -> bool:
        words = words_of(self.duck, self.table, column, self.fields["item_id"])
        either = yes_and_no(words)
        if either is not None:
            likings = {**dict.fromkeys(either[0], "like"), **dict.fromkeys(either[1], "dislike")}
            self.verdicts = {word: kind for word, kind in likings.items() if kind in names}
            return len(self.verdicts) == len(likings)
        return bool(words) and not self._mapped(words or {}, names)[1]

    def _one_kind(self, names: Sequence[str]) -> str:
        """The kind of all events of a file in which no column says it."""
        said = self.layout.kind if self.layout is not None else None
        if said is not None:
            return self._existing_kind(said, names)
        if "value" in self.fields and RATING_KIND in names:
            return RATING_KIND
        orders = column_of_orders(self.table)
        if orders is not None and ORDER_KIND in names:
            self.notes.append(f"each row is a {ORDER_KIND}, as it has {orders}")
            return ORDER_KIND
        if self.layout is None and "event_id" not in self.fields:
            ask_about_goods(self.duck, self.table, self.fields["item_id"])
        self.notes.append(f"each row is a {DEFAULT_KIND}")
        return self._existing_kind(DEFAULT_KIND, names)

    def _existing_kind(self, kind: str, names: Sequence[str]) -> str:
        if kind not in names:
            raise InvalidInputError(f"There is no kind {kind}. Known are {', '.join(names)}.")
        return kind

    def _mapped(
        self, words: Mapping[str, bool], names: Sequence[str]
    ) -> tuple[dict[str, str | None], list[str]]:
        given = (
            dict(self.layout.kinds if self.layout is not None else {})
            | self.verdicts
            | dict(self.options.kinds)
        )
        kinds: dict[str, str | None] = {}
        unknown = []
        for word, has_items in words.items():
            if word in given:
                kind = given[word]
                kinds[word] = None if kind is None else self._existing_kind(kind, names)
                continue
            try:
                kinds[word] = kind_of_word(word, tuple(names))
            except KeyError:
                if has_items:
                    unknown.append(word)
                else:
                    kinds[word] = None
        return kinds, unknown

    def _returns(self, kind: str | None) -> str | None:
        """The column that tells what was given back."""
        column = column_of_returns(self.duck, self.table) if kind == ORDER_KIND else None
        if column is not None:
            self.read_as["quantity"] = "negative: given back, left out"
        return column

    def _status(self, kind: str | None) -> OrderStatus | None:
        """The column that tells what was cancelled or given back."""
        is_said = self.layout is not None or self.options.kind is not None
        if kind != ORDER_KIND and (is_said or kind not in (None, DEFAULT_KIND)):
            return None
        found = find_order_status(
            self.duck, self.table, self.fields["item_id"], self.fields.get("event_id")
        )
        if found is None or found.column in self.fields.values():
            return None
        if kind == DEFAULT_KIND:
            raise ask_about_status(found, DEFAULT_KIND)
        self.read_as["status"] = f"{', '.join(found.words)}: left out"
        self.notes.append(f"rows that are {' or '.join(found.words)} are left out")
        return found

    def _scale(self, kind: str | None, kinds: Mapping[str, str | None]) -> Scale | None:
        if "value" not in self.fields:
            return None
        used = {kind} if kind is not None else set(kinds.values())
        valued = [
            each.kind
            for each in self.known
            if each.kind in used and each.greatest_value is not None
        ]
        if not valued:
            column = self.fields.pop("value")
            self.notes.append(f"{column} is not read: no kind of the file has a value")
            self.fields.pop("scale", None)
            return None
        column = self.fields["value"]
        self.written = find_written_ratings(self.duck, self.table, column)
        if self.written is not None:
            self.table = self.written.numbers_in(self.table, column)
        values = self._values(kinds)
        if values.given and values.numbers * 2 < values.given:
            raise InvalidInputError(no_numbers(self.table, column))
        if RATING_KIND not in used or not values.numbers:
            self.read_as["value"] = "the value, as it is"
            return None
        if "scale" in self.fields and self.options.scale is None:
            self.read_as["value"], self.read_as["scale"] = "ratings", "the scale of each"
            return None
        if self.layout is None and self.options.kind is None and not kinds:
            refuse_amounts(column, values)
        scale = self._found_scale(column, values)
        low, high = scale.least, scale.greatest
        self.read_as["value"] = (
            f"ratings from {low:g} to {high:g}: above {(low + high) / 2:g} a liking,"
            f" up to {low + (high - low) / 5:g} a dislike, between them seen"
        )
        return scale

    def _found_scale(self, column: str, values: Values) -> Scale:
        unrated = values.perhaps_unrated
        if self.options.scale is not None:
            scale = parse_scale(self.options.scale)
            if unrated is not None and unrated < scale.least and self.unrated is None:
                self.unrated = unrated
                self.notes.append(f"a {column} of {unrated:g} is a use without rating")
            return scale
        said = self.layout.scale if self.layout is not None else None
        if said is not None and values.least in said and values.greatest in said:
            return said
        if unrated is not None:
            raise ask_about_unrated(column, unrated, values.greatest)
        if self.written is not None:
            return self.written.scale(values.least)
        return find_scale(column, values.least, values.greatest)

    def _values(self, kinds: Mapping[str, str | None]) -> Values:
        rated = "true"
        if kinds:
            words = ", ".join(literal(word) for word, kind in kinds.items() if kind == RATING_KIND)
            text = kind_text(self.table, self.fields["kind"])
            rated = f"{text} in ({words})" if words else rated
        return values_of(self.duck, self.table, self.fields["value"], rated, self.unrated)

    def _time(self) -> TimeFormat | None:
        if self.options.no_times:
            if "time" in self.fields:
                self.fields.pop("time")
            self.notes.append("no times: all events happen now")
            return None
        if "time" not in self.fields:
            raise InvalidInputError(
                f"{self.table.source.name} has no column of times (it has"
                f" {', '.join(self.table.columns)}). Say --column time=NAME, or --no-times: then"
                " all events happen now, and nothing is known of their order."
            )
        column = self.fields["time"]
        found = find_time_format(
            self.duck,
            self.table.view,
            column,
            self.table.expressions[column],
            day_first=self.options.day_first,
        )
        zone = (
            ""
            if self.options.time_zone == "UTC"
            else f", {self.options.time_zone} where none is named"
        )
        self.read_as["time"] = found.description + zone
        return found

    def _order_ids(self) -> bool:
        if "event_id" not in self.fields:
            return False
        if self.options.order_ids is not None:
            return self.options.order_ids
        text, item = f"trim({self._expression('event_id')})", f"trim({self._expression('item_id')})"
        (found,) = self.duck.execute(
            f"select exists (select 1 from {self.table.view} where fault is null and {text} <> ''"
            f" group by {text} having min({item}) <> max({item}))"
        ).fetchall()[0]
        if found:
            self.read_as["event_id"] = "ids of orders: each order and item is one event"
        return bool(found)


def _is_number(text: str | None) -> bool:
    return text is not None and text.strip().replace(",", "").replace(".", "").isdigit()
