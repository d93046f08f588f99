"""How the events of a table are understood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from domain.errors import InvalidInputError
from domain.interactions import EventKind
from loading.duck import literal
from loading.layouts import Layout
from loading.options import LoadOptions
from loading.plans import NO_ID, Column, EventsPlan, IdForm, id_form, sample_of
from loading.scales import find_scale, parse_scale
from loading.tables import Table
from loading.times import TimeFormat, find_time_format
from loading.words import EVENT_MEANINGS, kind_of_word, normalized

DEFAULT_KIND = "view"
RATING_KIND = "rate"
MOST_KINDS = 200


@dataclass(slots=True)
class EventsPlanner:
    """Makes the plan of a table of events."""

    duck: duckdb.DuckDBPyConnection
    table: Table
    layout: Layout | None
    options: LoadOptions
    known: tuple[EventKind, ...]
    fields: dict[str, str]
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
        kind, kinds = self._kind()
        scale = self._scale(kind, kinds)
        time = self._time()
        order_ids = self._order_ids()
        if self.layout is not None and self.layout.note:
            self.notes.append(self.layout.note)
        columns = tuple(
            Column(
                column,
                meaning,
                self.read_as.get(meaning, "as it is"),
                sample_of(self.table, column),
            )
            for meaning, column in self.fields.items()
        )
        return EventsPlan(
            table=self.table,
            fields=self.fields,
            columns=columns,
            kind=kind,
            kinds=kinds,
            time=time,
            scale=scale,
            unrated=self.layout.unrated if self.layout is not None else None,
            id_forms=id_forms,
            order_ids=order_ids,
            unread=tuple(name for name in self.table.columns if name not in self.fields.values()),
            notes=(*self.table.notes, *self.notes),
            layout=self.layout.name if self.layout is not None else None,
        )

    def _expression(self, meaning: str) -> str:
        return self.table.expressions[self.fields[meaning]]

    def _one(self, query: str) -> tuple[object, ...]:
        row = self.duck.execute(
            f"select {query} from {self.table.view} where fault is null"
        ).fetchone()
        return () if row is None else tuple(row)

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
        if "kind" not in self.fields:
            kind = self.layout.kind if self.layout is not None else None
            default = (
                RATING_KIND if "value" in self.fields and RATING_KIND in names else DEFAULT_KIND
            )
            return self._existing_kind(kind or default, names), {}
        words = self._words()
        if words is None:
            self.notes.append(
                f"{self.fields.pop('kind')} has too many different values to be kinds"
            )
            return self._kind()
        kinds, unknown = self._mapped(words, names)
        if (
            unknown
            and len(unknown) == len(words)
            and "kind" not in self.options.columns
            and not _named_kind(self.fields["kind"])
        ):
            self.notes.append(f"{self.fields.pop('kind')} has no word for a kind of event")
            return self._kind()
        if unknown:
            raise InvalidInputError(self._unknown_kinds(unknown, names))
        if kinds and all(kind is None for kind in kinds.values()):
            raise InvalidInputError(f"All events of {self.table.source.name} would be left out.")
        self.read_as["kind"] = ", ".join(_kind_label(word, kind) for word, kind in kinds.items())
        return None, kinds

    def _existing_kind(self, kind: str, names: Sequence[str]) -> str:
        if kind not in names:
            raise InvalidInputError(f"There is no kind {kind}. Known are {', '.join(names)}.")
        return kind

    def _words(self) -> list[str] | None:
        rows = self.duck.execute(
            f"select trim({self._expression('kind')}) as word, count(*) from {self.table.view}"
            f" where fault is null group by word order by 2 desc, 1 limit {MOST_KINDS + 1}"
        ).fetchall()
        words = [str(word) for word, _ in rows if word not in (None, "")]
        return words if len(words) <= MOST_KINDS else None

    def _mapped(
        self, words: Sequence[str], names: tuple[str, ...]
    ) -> tuple[dict[str, str | None], list[str]]:
        given = dict(self.layout.kinds if self.layout is not None else {}) | dict(
            self.options.kinds
        )
        kinds: dict[str, str | None] = {}
        unknown = []
        for word in words:
            if word in given:
                kind = given[word]
                kinds[word] = None if kind is None else self._existing_kind(kind, names)
                continue
            try:
                kinds[word] = kind_of_word(word, names)
            except KeyError:
                unknown.append(word)
        return kinds, unknown

    def _unknown_kinds(self, unknown: Sequence[str], names: Sequence[str]) -> str:
        shown = unknown[:5]
        first = shown[0]
        more = f" and {len(unknown) - len(shown)} more" if len(unknown) > len(shown) else ""
        return (
            f"The column {self.fields['kind']} has the kinds {', '.join(shown)}{more}, which nobody"
            f" knows. Say --map-kind {first}=KIND ({', '.join(names)}), --map-kind {first}=- to"
            " leave such events out, or make it a kind with"
            f" `tandem kind set {_as_kind(first)} --weight 1`."
        )

    def _scale(
        self, kind: str | None, kinds: Mapping[str, str | None]
    ) -> tuple[float, float] | None:
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
        least, greatest, numbers, given = self._values(kinds)
        if given and numbers * 2 < given:
            raise InvalidInputError(
                f"{column} holds {next(iter(sample_of(self.table, column)), '')!r}, which is no"
                " number."
                " Say --column value=NAME for another column, or --kind view to read none."
            )
        if RATING_KIND not in used or not numbers:
            self.read_as["value"] = "the value, as it is"
            return None
        if "scale" in self.fields and self.options.scale is None:
            self.read_as["value"], self.read_as["scale"] = "ratings", "the scale of each"
            return None
        scale = self._found_scale(column, least, greatest)
        low, high = scale
        self.read_as["value"] = (
            f"ratings from {low:g} to {high:g}: above {(low + high) / 2:g} a liking,"
            f" up to {low + (high - low) / 5:g} a dislike, between them seen"
        )
        return scale

    def _found_scale(self, column: str, least: float, greatest: float) -> tuple[float, float]:
        if self.options.scale is not None:
            return parse_scale(self.options.scale)
        said = self.layout.scale if self.layout is not None else None
        if said is not None and said[0] <= least and greatest <= said[1]:
            return said
        return find_scale(column, least, greatest)

    def _values(self, kinds: Mapping[str, str | None]) -> tuple[float, float, int, int]:
        """The least and greatest value, how many are numbers, and how many there are."""
        text = f"trim({self._expression('value')})"
        number = f"try_cast(replace({text}, ',', '.') as double)"
        unrated = self.layout.unrated if self.layout is not None else None
        rated = "true" if unrated is None else f"{number} <> {unrated}"
        if kinds:
            words = ", ".join(literal(word) for word, kind in kinds.items() if kind == RATING_KIND)
            rated += f" and trim({self._expression('kind')}) in ({words})" if words else ""
        absent = ", ".join(literal(word) for word in NO_ID)
        finite = f"{number} is not null and isfinite({number})"
        row = self._one(
            f"min({number}) filter ({finite} and {rated}),"
            f" max({number}) filter ({finite} and {rated}),"
            f" count(*) filter ({finite}), count(*) filter (lower({text}) not in ({absent}))"
        )
        least, greatest, numbers, given = row
        return (
            float(str(least or 0.0)),
            float(str(greatest or 0.0)),
            int(str(numbers)),
            int(str(given)),
        )

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


def _named_kind(column: str) -> bool:
    return normalized(column) in {"kind", "eventtype", "feedbacktype", "interactiontype"}


def _kind_label(word: str, kind: str | None) -> str:
    if kind is None:
        return f"{word}: left out"
    return word if word == kind else f"{word} as {kind}"


def _as_kind(word: str) -> str:
    return "".join(each if each.isalnum() else "_" for each in word.strip().lower()) or "new"
