"""Plans: what each file is understood to hold, before anything of it is stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import duckdb

from domain.errors import InvalidInputError
from domain.interactions import EventKind
from loading.duck import identifier, literal
from loading.layouts import Content, Layout, columns_of, find_layout
from loading.options import ALL_ATTRIBUTES, AmbiguousInputError, Choice, LoadOptions
from loading.scales import find_scale, parse_scale
from loading.tables import NOT_TEXT, Table
from loading.times import TimeFormat, find_time_format
from loading.words import EVENT_MEANINGS, ITEM_MEANINGS, candidates, kind_of_word, normalized

DEFAULT_KIND = "view"
RATING_KIND = "rate"
MOST_KINDS = 200
NO_ID = ("", "nan", "null", "none", "<na>", "n/a", "\\n", "undefined")
"""What programs write, in any case, where there is no id."""

_NUMBER = r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*"


class IdForm(StrEnum):
    """How ids of a column are written."""

    PLAIN = "as they are"
    FLOAT = "whole numbers written as 123.0"
    EXACT = "as the API took them: `null` is one too"


@dataclass(frozen=True, slots=True)
class Column:
    """What one column means."""

    name: str
    meaning: str
    read_as: str
    """How its values are read."""
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventsPlan:
    """How the rows of a table become events."""

    table: Table
    fields: Mapping[str, str]
    """The column of each meaning."""
    columns: tuple[Column, ...]
    kind: str | None
    """The kind of all events; None: a column says it."""
    kinds: Mapping[str, str | None]
    """Our kind for each word of that column; None: left out."""
    time: TimeFormat | None
    scale: tuple[float, float] | None
    unrated: float | None
    id_forms: Mapping[str, IdForm]
    order_ids: bool
    """An event id is that of an order: the event's is made of it and of the item."""
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    layout: str | None = None
    content: Content = Content.EVENTS

    def text(self, meaning: str) -> str | None:
        """The SQL of a meaning's text; None: no column has it."""
        column = self.fields.get(meaning)
        return None if column is None else self.table.expressions[column]


@dataclass(frozen=True, slots=True)
class ItemsPlan:
    """How the rows of a table become items, or tags of items."""

    table: Table
    content: Content
    fields: Mapping[str, str]
    attributes: Mapping[str, str]
    """The columns that become attributes, by the attributes' names."""
    columns: tuple[Column, ...]
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    layout: str | None = None
    id_form: IdForm = IdForm.PLAIN
    flags: tuple[str, ...] = ()
    """Categories that have a column each, the last of the table."""
    years: bool = False
    """Whether a year at the end of a title is an attribute."""

    @property
    def flags_from(self) -> int:
        """The index of the first such column."""
        return len(self.table.columns) - len(self.flags)


Plan = EventsPlan | ItemsPlan


class NothingToLoadError(InvalidInputError):
    """The file is understood, and holds nothing that Tandem keeps."""


def make_plan(
    duck: duckdb.DuckDBPyConnection,
    table: Table,
    options: LoadOptions,
    kinds: Sequence[EventKind],
) -> Plan:
    """What a table holds and how it is read.

    Raises InvalidInputError, with the option that would help, if it is not understood, and
    AmbiguousInputError if its owner must say what is meant.
    """
    layout = find_layout(table, options.layout)
    if layout is not None and layout.content is Content.NOTHING:
        raise NothingToLoadError(f"{table.source.name} ({layout.name}) holds nothing to load.")
    if layout is not None and layout.query is not None:
        table = _queried(duck, table, layout)
    fields = _fields(table, layout, options)
    if layout is not None and layout.content is Content.TAGS:
        columns = tuple(
            Column(name, meaning, "as it is", _sample_of(table, name))
            for meaning, name in fields.items()
        )
        return ItemsPlan(table, Content.TAGS, fields, {}, columns, (), table.notes, layout.name)
    if "user_id" in fields and "item_id" in fields:
        return _Events(duck, table, layout, options, tuple(kinds), dict(fields)).plan()
    if "item_id" in fields and (len(fields) > 1 or options.attributes):
        return _items(duck, table, layout, options, fields)
    raise InvalidInputError(_not_understood(table, fields))


def _not_understood(table: Table, fields: Mapping[str, str]) -> str:
    name = table.source.name
    missing = [meaning for meaning in ("user_id", "item_id") if meaning not in fields]
    if len(table.columns) == 1:
        return (
            f"{name} is no table: its lines have one field each. Say --separator if they have more."
        )
    if "user_id" in fields and "item_id" not in fields and not table.is_headless:
        said = f"has the columns {', '.join(table.columns[:30])}, of which none is known as an item"
    elif table.is_headless:
        rows = "; ".join(
            " ".join(str(value)[:30] for value in list(row.values())[:8])
            for row in table.sample[:1]
        )
        said = f"has no heading, and its first line is {rows}"
    else:
        said = f"has the columns {', '.join(table.columns[:30])}"
    values = ("1", "2") if table.is_headless else ("NAME", "NAME")
    how = " ".join(f"--column {each}={value}" for each, value in zip(missing, values, strict=False))
    counted = " (columns count from 1)" if table.is_headless else ""
    return (
        f"{name} {said}. Which is {' and which is '.join(missing)}? Say {how}{counted};"
        " if these are items, --column title=NAME or --attributes all as well."
    )


def _queried(duck: duckdb.DuckDBPyConnection, table: Table, layout: Layout) -> Table:
    view = f"{table.view}_{normalized(layout.name)}"
    duck.execute(f"create view {view} as {str(layout.query).format(view=table.view)}")
    names = [
        str(row[0])
        for row in duck.execute(
            f"describe select * exclude (row_no, fault, raw) from {view}"
        ).fetchall()
    ]
    rows = duck.execute(f"select * exclude (row_no, fault, raw) from {view} limit 20").fetchall()
    return replace(
        table,
        view=view,
        expressions={name: identifier(name) for name in names},
        sample=tuple(dict(zip(names, row, strict=True)) for row in rows),
        rows=int(duck.execute(f"select count(*) from {view}").fetchall()[0][0]),
        stored_names={name: name for name in names},
        is_headless=False,
    )


def _fields(table: Table, layout: Layout | None, options: LoadOptions) -> dict[str, str]:
    """The column of each meaning: as said, as the layout has it, as its name says."""
    if layout is not None:
        fields = columns_of(layout, table)
    else:
        fields = {}
        for meaning in (*EVENT_MEANINGS, *ITEM_MEANINGS):
            found = [
                each
                for each in candidates(meaning, table.columns)
                if each not in options.columns.values()
            ]
            if found and meaning not in options.columns:
                _refuse_equals(meaning, found)
                fields[meaning] = found[0]
    for meaning, column in options.columns.items():
        fields[meaning] = _existing(table, meaning, column)
    return fields


def _refuse_equals(meaning: str, found: Sequence[str]) -> None:
    """Two columns that are as likely: nobody but the owner knows which."""
    if meaning not in {"user_id", "item_id"}:
        return
    likely = [
        name for name in found if "session" not in name.lower() and normalized(name) != "asin"
    ]
    plain = {normalized(meaning), meaning.removesuffix("_id")}
    if len(likely) > 1 and normalized(likely[0]) not in plain:
        raise AmbiguousInputError(
            f"The {meaning} may be {' or '.join(likely)}.",
            [
                Choice(name, f"--column {meaning}={name}", {"columns": {meaning: name}})
                for name in likely
            ],
        )


def _existing(table: Table, meaning: str, column: str) -> str:
    if column in table.expressions:
        return column
    if column.isdigit() and 1 <= int(column) <= len(table.columns):
        return table.columns[int(column) - 1]
    raise InvalidInputError(
        f"--column {meaning}={column}: {table.source.name} has the columns"
        f" {', '.join(table.columns)}."
    )


def _sample_of(table: Table, column: str) -> tuple[str, ...]:
    values = [row.get(column) for row in table.sample]
    return tuple(dict.fromkeys(value.removeprefix(NOT_TEXT) for value in values if value))[:2]


def _items(
    duck: duckdb.DuckDBPyConnection,
    table: Table,
    layout: Layout | None,
    options: LoadOptions,
    fields: Mapping[str, str],
) -> ItemsPlan:
    own = {meaning: fields[meaning] for meaning in ITEM_MEANINGS if meaning in fields}
    others = [column for column in table.columns if column not in own.values()]
    names = {column: column for column in others if _is_chosen(column, options)}
    from_layout = layout.attributes if layout is not None else {}
    attributes = {**from_layout, **names}
    unknown = set(options.attributes) - {ALL_ATTRIBUTES} - set(table.columns)
    if unknown:
        raise InvalidInputError(
            f"--attributes {', '.join(sorted(unknown))}: {table.source.name} has the columns"
            f" {', '.join(table.columns)}."
        )
    columns = [
        Column(column, meaning, _item_read_as(meaning), _sample_of(table, column))
        for meaning, column in own.items()
    ]
    columns += [
        Column(column, f"attribute {name}", "as it is", _sample_of(table, column))
        for name, column in attributes.items()
    ]
    flags = layout.flags if layout is not None else ()
    read = {*own.values(), *attributes.values(), *table.columns[len(table.columns) - len(flags) :]}
    notes = table.notes
    if "title" not in own:
        notes = (*notes, "no title: the id is the title")
    return ItemsPlan(
        table,
        Content.ITEMS,
        own,
        attributes,
        tuple(columns),
        tuple(column for column in table.columns if column not in read),
        notes,
        layout.name if layout is not None else None,
        IdForm.EXACT
        if layout is not None and layout.is_export
        else _id_form(duck, table, table.expressions[own["item_id"]]),
        layout.flags if layout is not None else (),
        layout is not None and layout.has_years,
    )


def _id_form(duck: duckdb.DuckDBPyConnection, table: Table, expression: str) -> IdForm:
    """How a column of ids is written, by all of them."""
    text = f"trim({expression})"
    absent = ", ".join(literal(word) for word in NO_ID)
    floats, others = duck.execute(
        f"select count(*) filter (regexp_full_match({text}, '\\d+\\.0')),"
        f" count(*) filter (not regexp_full_match({text}, '\\d+(\\.0)?')"
        f" and lower({text}) not in ({absent})) from {table.view} where fault is null"
    ).fetchall()[0]
    return IdForm.FLOAT if floats and not others else IdForm.PLAIN


def _is_chosen(column: str, options: LoadOptions) -> bool:
    return column in options.attributes or ALL_ATTRIBUTES in options.attributes


def _item_read_as(meaning: str) -> str:
    return "a list, or joined with |" if meaning == "categories" else "as it is"


@dataclass(slots=True)
class _Events:
    """An events plan while it is made."""

    duck: duckdb.DuckDBPyConnection
    table: Table
    layout: Layout | None
    options: LoadOptions
    known: tuple[EventKind, ...]
    fields: dict[str, str]
    read_as: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def plan(self) -> EventsPlan:
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
                _sample_of(self.table, column),
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
        found = _id_form(self.duck, self.table, self._expression(meaning))
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
                f"{column} holds {next(iter(_sample_of(self.table, column)), '')!r}, which is no"
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


def columns_table(plan: Plan) -> Iterator[tuple[str, str, str, str]]:
    """What a person looks at before loading: column, meaning, samples, how it is read."""
    for column in plan.columns:
        yield column.name, column.meaning, ", ".join(column.sample), column.read_as
