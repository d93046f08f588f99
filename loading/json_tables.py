"""Tables of JSON: a row for each object, in lines, a list, or one object around a list."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import duckdb

from domain.errors import InvalidInputError
from loading.duck import literal
from loading.json_changes import NOTE as CHANGES
from loading.json_changes import rows_of_changes
from loading.json_nesting import find_in_envelope, find_nested, inner_keys, keys_of, path_of
from loading.json_pairs import with_pairs
from loading.list_names import KINDS, kind_of_list
from loading.options import LoadOptions
from loading.parquet_nesting import objects_of
from loading.reasons import Reason
from loading.sources import Source
from loading.tables import (
    LONGEST_LINE_BYTES,
    NOT_TEXT,
    Table,
    count_rows,
    csv_reader,
    sampled,
)
from loading.words import candidates, is_known_name, unread_envelopes

LARGEST_OBJECT_BYTES = 16 * 1024 * 1024
"""Of a JSON object that is not on a line of its own."""

_NEVER = "\x1f"
"""Separates nothing: each line is one field. JSON has no such character."""
_MONGO = (("$oid",), ("$date", "$numberLong"), ("$date",), ("$numberLong",), ("$numberInt",))
"""How MongoDB exports ids, times and numbers."""
_MOST_LEVELS = 2
_MOST_SHOWN = 100

_LINES, _ARRAY, _OBJECTS = "newline_delimited", "array", "unstructured"


def json_form(path: Path) -> str | None:
    """How JSON is laid out in a file; None if it is not JSON."""
    with path.open(encoding="utf-8", errors="replace") as file:
        read = iter(lambda: file.readline(LONGEST_LINE_BYTES), "")
        first, second = islice(chain((line for line in read if line.strip()), ("", "")), 2)
    begin = first.lstrip()[:1]
    if begin == "[":
        return _ARRAY if not _is_delimited_list(first) else None
    if begin != "{":
        return None
    if first.lstrip().startswith(("{'", "{u'")):
        raise InvalidInputError(
            f"{path.name} has Python's dictionaries, not JSON: write its lines with json.dumps."
        )
    try:
        json.loads(first)
    except ValueError:
        one_a_line = second.lstrip().startswith("{") or first.rstrip().endswith("}")
        return _LINES if one_a_line else _OBJECTS
    return _LINES


def _is_delimited_list(first: str) -> bool:
    """Whether a line that begins with a bracket is one of CSV: `[1], 2`."""
    rest = first.strip()[1:].lstrip()
    return bool(rest) and rest[0] not in '{["]'


def json_table(
    duck: duckdb.DuckDBPyConnection,
    source: Source,
    number: int,
    form: str,
    options: LoadOptions,
) -> Table:
    """The table of a file of JSON objects."""
    view, rejects = f"table_{number}", None
    if form == _LINES:
        rejects = f"rejects_{number}"
        reader = csv_reader(
            source.path, delim=_NEVER, quote="", columns=("json",), header=False, rejects=rejects
        )
        rows = (
            "select row_number() over () as row_no, json as raw,"
            " case when not json_valid(json) then"
            f" {literal(Reason.MALFORMED_JSON)} when json_type(json) <> 'OBJECT' then"
            f" {literal(Reason.NOT_AN_OBJECT)} end as fault from {reader}"
        )
        rows = (
            f"select row_no, fault, raw, case when fault is null then raw end as json from ({rows})"
        )
        rows += " where raw is not null and trim(raw) <> ''"
    else:
        reader = (
            f"read_json_objects({literal(str(source.path))}, format = '{form}',"
            f" maximum_object_size = {LARGEST_OBJECT_BYTES})"
        )
        rows = (
            "select row_number() over () as row_no, case when json_type(json) <> 'OBJECT' then"
            f" {literal(Reason.NOT_AN_OBJECT)} end as fault, cast(json as varchar) as raw, json"
            f" from {reader}"
        )
    form_note = {_LINES: "JSON lines", _ARRAY: "JSON array"}.get(form, "JSON")
    return objects_table(duck, source, view, rows, (*source.notes, form_note), options, rejects)


def parquet_objects_table(
    duck: duckdb.DuckDBPyConnection, source: Source, number: int, options: LoadOptions
) -> Table | None:
    """The table of a Parquet file whose users or items are within objects or lists of objects.

    None: they are not.
    """
    found = objects_of(duck, source, options)
    if found is None:
        return None
    rows, unread = found
    view, notes = f"table_{number}", ("Parquet", *source.notes)
    table = objects_table(duck, source, view, rows, notes, options, None)
    is_needed = len(table.notes) > len(notes) or any("." in name for name in table.columns)
    if not is_needed:
        duck.execute(f"drop view {view}")
        return None
    nothing = dict.fromkeys(unread, "null::varchar")
    return replace(
        table,
        expressions={**table.expressions, **nothing},
        stored_names={**table.stored_names, **{name: name for name in unread}},
        sample=tuple({**row, **dict.fromkeys(unread)} for row in table.sample),
    )


def objects_table(  # noqa: PLR0917
    duck: duckdb.DuckDBPyConnection,
    source: Source,
    view: str,
    rows: str,
    notes: Sequence[str],
    options: LoadOptions,
    rejects: str | None,
) -> Table:
    """The table of a query that gives an object in each row."""
    duck.execute(f"create or replace view {view}_objects as {rows}")
    objects = f"{view}_objects"
    changed = rows_of_changes(duck, objects, source.name)
    if changed is not None:
        duck.execute(f"create or replace view {view}_rows as {changed}")
        objects, notes = f"{view}_rows", (*notes, CHANGES)
    paired = with_pairs(duck, objects)
    if paired is not None:
        duck.execute(f"create or replace view {view}_pairs as {paired}")
        objects = f"{view}_pairs"
    lists: list[str] = []
    # Orders of a list of orders have lists of what was ordered.
    for _ in range(_MOST_LEVELS):
        nested = find_nested(
            duck,
            objects,
            source.name,
            options,
            is_outermost=not lists,
            is_parquet="Parquet" in notes,
        )
        if nested is None:
            break
        level = f"{view}_level_{len(lists)}"
        duck.execute(f"create or replace view {level} as {_each_of(objects, nested)}")
        objects = level
        lists.append(".".join(nested))
    enveloped = find_in_envelope(duck, objects, options) if not lists else None
    if enveloped is not None:
        level = f"{view}_enveloped"
        duck.execute(f"create or replace view {level} as {_each_within(objects, *enveloped)}")
        objects = level
        lists.append(".".join(enveloped))
    duck.execute(f"create or replace view {view} as select * from {objects}")
    rows_of = f"(select row_no, json from {view} where fault is null)"
    keys = keys_of(duck, rows_of)
    if not keys:
        raise InvalidInputError(
            f"{source.name} has no JSON objects, of which each would be a row."
            f"{_first_fault(duck, view)}"
        )
    named = [*options.columns.values(), *options.attributes]
    found = inner_keys(duck, rows_of, keys)
    known = {key for key in found if is_known_name(key)} - unread_envelopes((*keys, *found))
    inner = [key for key in found if key in named or key in known]
    expressions = {key: _json_text((key,)) for key in keys}
    expressions |= {key: _json_text(tuple(key.split(".", 1))) for key in inner}
    expressions |= _kind_of_lists(lists, tuple(expressions), options)
    return Table(
        source=source,
        view=view,
        expressions=expressions,
        sample=sampled(duck, view, expressions),
        rejects_table=rejects,
        rows=count_rows(duck, view),
        notes=(*notes, *(f"one event for each of the list {each}" for each in lists)),
        stored_names={key: key for key in expressions},
        is_json=True,
    )


def _kind_of_lists(
    lists: Sequence[str], columns: tuple[str, ...], options: LoadOptions
) -> dict[str, str]:
    """A column of the kind that the name of a list says, where nothing else says one."""
    is_event = options.user is not None or bool(candidates("user_id", columns))
    if not is_event or options.kind is not None or {"kind", "value"}.intersection(options.columns):
        return {}
    if any(candidates(meaning, columns) for meaning in ("kind", "value", "event_id")):
        return {}
    for name in reversed(lists):
        kind = kind_of_list(name.rpartition(".")[2], (), columns)
        if kind in KINDS:
            return {"kind": literal(kind)}
    return {}


def _each_of(view: str, nested: tuple[str, ...]) -> str:
    """The SQL of a row for each object of a list, with what stands beside the list."""
    path = literal(path_of(nested))
    return (
        " select row_number() over () as row_no, fault, json as raw, json from (select fault,"
        f" json_merge_patch(json_merge_patch(json, json_object({literal(nested[0])}, null)),"
        f" unnest(case when json_type(json, {path}) = 'ARRAY'"
        f" and json_array_length(json, {path}) > 0 then from_json(json_extract(json, {path}),"
        f" '[\"JSON\"]') else ['{{}}'::json] end)) as json from {view})"
    )


def _each_within(view: str, envelope: str, key: str) -> str:
    """The SQL of a row for each object of a list within an object, and one where there is none."""
    path, outer = literal(path_of((envelope, key))), literal(envelope)
    nothing = f"json_object({outer}, json_object({literal(key)}, null))"
    return (
        " select row_number() over () as row_no, fault, json as raw, json from (select fault,"
        f" json_merge_patch(json_merge_patch(json, {nothing}), json_object({outer},"
        f" unnest(case when json_type(json, {path}) = 'ARRAY'"
        f" and json_array_length(json, {path}) > 0 then from_json(json_extract(json, {path}),"
        f" '[\"JSON\"]') else ['{{}}'::json] end))) as json from {view})"
    )


def _first_fault(duck: duckdb.DuckDBPyConnection, view: str) -> str:
    """How the first line begins that is none, if there is one."""
    row = duck.execute(f"select raw from {view} where fault is not null limit 1").fetchone()
    if row is None:
        return ""
    comma = " a comma behind each line is not read:" if str(row[0]).rstrip().endswith(",") else ""
    return f" Line 1 is no JSON:{comma} {str(row[0])[:_MOST_SHOWN]}"


def _json_text(keys: tuple[str, ...]) -> str:
    path = literal(path_of(keys))
    text = f"json_extract_string(json, {path})"
    exported = ", ".join(
        f"json_extract_string(json, {literal(path_of((*keys, *inner)))})" for inner in _MONGO
    )
    return (
        f"case json_type(json, {path}) when 'OBJECT'"
        f" then coalesce({exported}, {literal(NOT_TEXT)} || {text})"
        f" when 'ARRAY' then {literal(NOT_TEXT)} || {text}"
        f" when 'BOOLEAN' then {literal(NOT_TEXT)} || {text} else {text} end"
    )
