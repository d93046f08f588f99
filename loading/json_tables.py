"""Tables of JSON: a row for each object, in lines, a list, or one object around a list."""

import json
import re
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

import duckdb

from domain.errors import InvalidInputError
from loading.duck import literal
from loading.options import LoadOptions
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
from loading.words import is_known_name

LARGEST_OBJECT_BYTES = 16 * 1024 * 1024
"""Of a JSON object that is not on a line of its own."""

_NEVER = "\x1f"
"""Separates nothing: each line is one field. JSON has no such character."""
_LISTS = {"events", "interactions", "items", "actions", "clicks", "history", "data", "results"}
"""Names of lists that hold an event each."""
_MONGO = (("$oid",), ("$date", "$numberLong"), ("$date",), ("$numberLong",), ("$numberInt",))
"""How MongoDB exports ids, times and numbers."""
_NAME = re.compile(r"[A-Za-z_][\w -]*[A-Za-z0-9]|[A-Za-z]", re.ASCII)
"""Keys within objects that may be columns."""
_LOOKED_AT = 1000
_MOST_INNER = 200
_KEYS = """
select key from (select unnest(json_keys(json)) as key,
                        generate_subscripts(json_keys(json), 1) as place, row_no from {rows})
group by key order by min((row_no, place))
"""

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
    duck.execute(f"create or replace view {view}_objects as {rows}")
    nested = _nested_events(duck, f"{view}_objects")
    notes = [
        *source.notes,
        {"newline_delimited": "JSON lines", "array": "JSON array"}.get(form, "JSON"),
    ]
    if nested is not None:
        path = literal(f'$."{nested}"')
        duck.execute(
            f"create or replace view {view} as"
            " select row_number() over () as row_no, fault, json as raw, json from (select fault,"
            f" json_merge_patch(json_merge_patch(json, json_object({literal(nested)}, null)),"
            f" unnest(case when json_type(json, {path}) = 'ARRAY'"
            f" and json_array_length(json, {path}) > 0 then from_json(json_extract(json, {path}),"
            f" '[\"JSON\"]') else ['{{}}'::json] end)) as json from {view}_objects)"
        )
        notes.append(f"one event for each of the list {nested}")
    else:
        duck.execute(f"create or replace view {view} as select * from {view}_objects")
    rows_of = f"(select row_no, json from {view} where fault is null)"
    keys = _keys(duck, rows_of)
    if not keys:
        raise InvalidInputError(f"{source.name} has no JSON objects, of which each would be a row.")
    said = [*options.columns.values(), *options.attributes]
    inner = [key for key in _inner_keys(duck, view, keys) if key in said or is_known_name(key)]
    expressions = {key: _json_text((key,)) for key in keys}
    expressions |= {key: _json_text(tuple(key.split(".", 1))) for key in inner}
    return Table(
        source=source,
        view=view,
        expressions=expressions,
        sample=sampled(duck, view, expressions),
        rejects_table=rejects,
        rows=count_rows(duck, view),
        notes=tuple(notes),
        stored_names={key: key for key in expressions},
        is_json=True,
    )


def _nested_events(duck: duckdb.DuckDBPyConnection, view: str) -> str | None:
    """The key under which the rows are: the only list of objects that an object has."""
    first = f"(select * from {view} limit 2)"
    keys = _keys(duck, f"{view} where fault is null") if count_rows(duck, first) == 1 else []
    # A whole file that is one object is an answer of a server: its only list is what it answers.
    is_answer = bool(keys) and not any(map(is_known_name, keys))
    found = duck.execute(
        f"select distinct key from (select json, unnest(json_keys(json)) as key from"
        f" (select json from {view} where fault is null limit 100))"
        " where json_type(json, '$.\"' || key || '\"') = 'ARRAY'"
        " and json_type(json, '$.\"' || key || '\"[0]') = 'OBJECT'"
    ).fetchall()
    names = [str(key) for (key,) in found]
    likely = [name for name in names if name.lower() in _LISTS or is_answer]
    return likely[0] if len(likely) == 1 else None


def _keys(duck: duckdb.DuckDBPyConnection, rows: str) -> list[str]:
    """The keys of objects, in the order in which they first stand."""
    return [str(key) for (key,) in duck.execute(_KEYS.format(rows=rows)).fetchall()]


def _inner_keys(duck: duckdb.DuckDBPyConnection, view: str, keys: Sequence[str]) -> list[str]:
    """`user.id` and the like: the keys of objects within the first objects."""
    found: list[str] = []
    for key in keys:
        path = literal(_path((key,)))
        rows = (
            f"(select row_no, json_extract(json, {path}) as json from {view}"
            f" where fault is null and json_type(json, {path}) = 'OBJECT' limit {_LOOKED_AT})"
        )
        inner = _keys(duck, rows)
        found += [f"{key}.{each}" for each in inner[:_MOST_INNER] if _NAME.fullmatch(each)]
    return found


def _path(keys: Sequence[str]) -> str:
    return "$" + "".join('."' + key.replace('"', '\\"') + '"' for key in keys)


def _json_text(keys: tuple[str, ...]) -> str:
    path = literal(_path(keys))
    text = f"json_extract_string(json, {path})"
    exported = ", ".join(
        f"json_extract_string(json, {literal(_path((*keys, *inner)))})" for inner in _MONGO
    )
    return (
        f"case json_type(json, {path}) when 'OBJECT'"
        f" then coalesce({exported}, {literal(NOT_TEXT)} || {text})"
        f" when 'ARRAY' then {literal(NOT_TEXT)} || {text}"
        f" when 'BOOLEAN' then {literal(NOT_TEXT)} || {text} else {text} end"
    )
