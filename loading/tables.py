"""Tables: what any file is for those who look at its columns, read by DuckDB."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from domain.errors import InvalidInputError
from loading.dialect import find_dialect
from loading.duck import identifier, literal
from loading.options import LoadOptions
from loading.reasons import Reason
from loading.rejects import Reject
from loading.sources import Source

LONGEST_LINE_BYTES = 4 * 1024 * 1024
NOT_TEXT = "\x01"
"""Begins what stands where text belongs and is a list, an object, true or false."""

_SAMPLE_ROWS = 20
_NEVER = "\x1f"
"""Separates nothing: each line is one field. JSON has no such character."""

_SPLIT_REASONS = {
    "INVALID ENCODING": Reason.INVALID_UTF8,
    "LINE SIZE OVER MAXIMUM": Reason.LINE_TOO_LONG,
    "MISSING COLUMNS": Reason.WRONG_FIELD_COUNT,
    "TOO MANY COLUMNS": Reason.WRONG_FIELD_COUNT,
}


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, every value as text, nothing checked yet."""

    source: Source
    view: str
    """The name of a view with `row_no`, `fault` (why a row is none, or null) and `raw` (JSON)."""
    expressions: Mapping[str, str]
    """What gives each column's text, in the order of the file."""
    sample: tuple[Mapping[str, str | None], ...]
    """The first rows."""
    rejects_table: str | None
    """Where DuckDB notes lines that could not be split."""
    first_row_line: int | None
    """The line of the first row, where rows are lines; None: they are not."""
    notes: tuple[str, ...]
    is_headless: bool = False
    separator: str | None = None
    """What separates the fields of delimited text."""
    sequences: frozenset[str] = frozenset()
    """Columns that hold words separated by blanks."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.expressions)

    def split_rejects(self, duck: duckdb.DuckDBPyConnection) -> list[Reject]:
        """The lines that could not be split into columns, after the view was read."""
        if self.rejects_table is None:
            return []
        rows = duck.execute(
            f"select distinct on (line) line, error_type, csv_line from {self.rejects_table}"
            " order by line"
        ).fetchall()
        return [
            Reject(
                self.source.name,
                int(line),
                _SPLIT_REASONS.get(error, Reason.MALFORMED_CSV),
                (text or "")[:1000],
            )
            for line, error, text in rows
        ]


def open_table(
    duck: duckdb.DuckDBPyConnection, source: Source, number: int, options: LoadOptions
) -> Table:
    """The table of a file, Parquet, JSON or delimited text, as the view number `number`.

    Raises InvalidInputError if the file is none of them.
    """
    try:
        if source.is_parquet:
            return _parquet(duck, source, number)
        form = _json_form(source.path)
        if form is not None:
            return _json(duck, source, number, form)
        return _delimited(duck, source, number, options)
    except duckdb.Error as error:
        raise unreadable(source, error) from error


def unreadable(source: Source, error: Exception) -> InvalidInputError:
    """DuckDB's words, the first line of them: the rest gives advice about DuckDB."""
    return InvalidInputError(f"{source.name} cannot be read: {str(error).splitlines()[0]}")


def _delimited(
    duck: duckdb.DuckDBPyConnection, source: Source, number: int, options: LoadOptions
) -> Table:
    dialect = find_dialect(source.path, source.name, options)
    names = [f"c{index}" for index in range(len(dialect.columns))]
    rejects = f"rejects_{number}"
    quote = '"' if dialect.quoted and len(dialect.separator) == 1 else ""
    reader = _reader(
        source.path,
        delim=dialect.separator,
        quote=quote,
        columns=names,
        header=dialect.has_heading,
        rejects=rejects,
    )
    fields = ", ".join(
        f"{literal(column)}, {name}" for column, name in zip(dialect.columns, names, strict=True)
    )
    view = f"table_{number}"
    duck.execute(
        f"create view {view} as select row_number() over () as row_no, null::varchar as fault, "
        f"json_object({fields}) as raw, * from {reader}"
    )
    notes = [*source.notes]
    if dialect.separator != ",":
        notes.append(f"separator {dialect.separator_name}")
    if not dialect.has_heading:
        notes.append("no heading")
    return Table(
        source,
        view,
        dict(zip(dialect.columns, names, strict=True)),
        tuple(dict(zip(dialect.columns, row, strict=True)) for row in dialect.sample),
        rejects,
        None,
        tuple(notes),
        is_headless=not dialect.has_heading,
        separator=dialect.separator,
        sequences=dialect.sequences,
    )


def _reader(
    path: Path, *, delim: str, quote: str, columns: Sequence[str], header: bool, rejects: str
) -> str:
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    return (
        f"read_csv({literal(str(path))}, auto_detect = false, delim = {literal(delim)},"
        f" quote = {literal(quote)}, escape = {literal(quote)}, header = {str(header).lower()},"
        f" columns = {{{types}}}, max_line_size = {LONGEST_LINE_BYTES}, store_rejects = true,"
        f" rejects_table = {literal(rejects)}, rejects_scan = {literal(rejects + '_scan')},"
        " rejects_limit = 0, null_padding = false)"
    )


def _parquet(duck: duckdb.DuckDBPyConnection, source: Source, number: int) -> Table:
    view, reader = f"table_{number}", f"read_parquet({literal(str(source.path))})"
    described = duck.execute(f"describe select * from {reader}").fetchall()
    expressions = {str(row[0]): _as_text(str(row[0]), str(row[1])) for row in described}
    duck.execute(
        f"create view {view} as select row_number() over () as row_no, null::varchar as fault, "
        f"cast(to_json(each) as varchar) as raw, each.* from {reader} as each"
    )
    return Table(
        source,
        view,
        expressions,
        _sampled(duck, view, expressions),
        None,
        1,
        ("Parquet", *source.notes),
    )


def _as_text(name: str, kind: str) -> str:
    column = identifier(name)
    if kind == "BLOB":
        return f"decode({column})"
    if kind == "BOOLEAN":
        return f"{literal(NOT_TEXT)} || cast({column} as varchar)"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "JSON", "UNION")):
        return f"{literal(NOT_TEXT)} || cast(to_json({column}) as varchar)"
    return f"cast({column} as varchar)"


_LINES, _ARRAY, _OBJECTS = "newline_delimited", "array", "unstructured"


def _json_form(path: Path) -> str | None:
    """How JSON is laid out in a file; None if it is not JSON."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = next(
            (line for line in iter(lambda: file.readline(LONGEST_LINE_BYTES), "") if line.strip()),
            "",
        )
    begin = first.lstrip()[:1]
    if begin == "[":
        return _ARRAY if not _is_delimited_list(first) else None
    if begin != "{":
        return None
    if first.lstrip().startswith("{'"):
        raise InvalidInputError(
            f"{path.name} has Python's dictionaries, not JSON: write its lines with json.dumps first."
        )
    try:
        json.loads(first)
    except ValueError as error:
        return _LINES if "Extra data" in str(error) or first.rstrip().endswith("}") else _OBJECTS
    return _LINES


def _is_delimited_list(first: str) -> bool:
    """Whether a line that begins with a bracket is one of CSV: `[1], 2`."""
    rest = first.strip()[1:].lstrip()
    return bool(rest) and rest[0] not in '{["]'


def _json(duck: duckdb.DuckDBPyConnection, source: Source, number: int, form: str) -> Table:
    view, rejects = f"table_{number}", None
    if form == _LINES:
        rejects = f"rejects_{number}"
        reader = _reader(
            source.path, delim=_NEVER, quote="", columns=("json",), header=False, rejects=rejects
        )
        rows = (
            f"select row_number() over () as row_no, json as raw, case when not json_valid(json) then"
            f" {literal(Reason.MALFORMED_JSON)} when json_type(json) <> 'OBJECT' then"
            f" {literal(Reason.NOT_AN_OBJECT)} end as fault from {reader}"
        )
        rows = (
            f"select row_no, fault, raw, case when fault is null then raw end as json from ({rows})"
        )
        rows += " where raw is not null and trim(raw) <> ''"
    else:
        reader = f"read_json_objects({literal(str(source.path))}, format = '{form}', maximum_object_size = {16 * 1024 * 1024})"
        rows = (
            "select row_number() over () as row_no, case when json_type(json) <> 'OBJECT' then"
            f" {literal(Reason.NOT_AN_OBJECT)} end as fault, cast(json as varchar) as raw, json"
            f" from {reader}"
        )
    duck.execute(f"create view {view}_objects as {rows}")
    nested = _nested_events(duck, f"{view}_objects")
    notes = [
        *source.notes,
        {"newline_delimited": "JSON lines", "array": "JSON array"}.get(form, "JSON"),
    ]
    if nested is not None:
        path = literal(f'$."{nested}"')
        duck.execute(
            f"create view {view} as select row_number() over () as row_no, fault, json as raw, json from ("
            f"select fault, json_merge_patch(json_merge_patch(json, json_object({literal(nested)}, null)),"
            f" unnest(case when json_type(json, {path}) = 'ARRAY' then from_json(json_extract(json, {path}),"
            f" '[\"JSON\"]') else ['{{}}'::json] end)) as json from {view}_objects)"
        )
        notes.append(f"one event for each of the list {nested}")
    else:
        duck.execute(f"create view {view} as select * from {view}_objects")
    keys = duck.execute(
        f"select key from (select unnest(json_keys(json)) as key, row_no from {view} where fault is null)"
        " group by key order by min(row_no), key"
    ).fetchall()
    expressions = {str(key): _json_text(str(key)) for (key,) in keys}
    if not expressions:
        raise InvalidInputError(f"{source.name} has no JSON objects.")
    return Table(
        source,
        view,
        expressions,
        _sampled(duck, view, expressions),
        rejects,
        1 if form == _LINES and nested is None else None,
        tuple(notes),
    )


def _nested_events(duck: duckdb.DuckDBPyConnection, view: str) -> str | None:
    """The key under which sessions keep their events: the only list of objects they have."""
    found = duck.execute(
        f"select distinct key from (select json, unnest(json_keys(json)) as key from"
        f" (select json from {view} where fault is null limit 100))"
        " where json_type(json, '$.\"' || key || '\"') = 'ARRAY'"
        " and json_type(json, '$.\"' || key || '\"[0]') = 'OBJECT'"
    ).fetchall()
    names = [str(key) for (key,) in found]
    likely = [
        name
        for name in names
        if name.lower() in {"events", "interactions", "items", "actions", "clicks", "history"}
    ]
    return likely[0] if len(likely) == 1 else None


def _json_text(key: str) -> str:
    path = literal('$."' + key.replace('"', '\\"') + '"')
    return (
        f"case json_type(json, {path}) when 'ARRAY' then {literal(NOT_TEXT)} || json_extract_string(json, {path})"
        f" when 'OBJECT' then {literal(NOT_TEXT)} || json_extract_string(json, {path})"
        f" when 'BOOLEAN' then {literal(NOT_TEXT)} || json_extract_string(json, {path})"
        f" else json_extract_string(json, {path}) end"
    )


def _sampled(
    duck: duckdb.DuckDBPyConnection, view: str, expressions: Mapping[str, str]
) -> tuple[Mapping[str, str | None], ...]:
    columns = ", ".join(
        f"{expression} as {identifier(name)}" for name, expression in expressions.items()
    )
    rows: list[tuple[Any, ...]] = duck.execute(
        f"select {columns} from {view} where fault is null limit {_SAMPLE_ROWS}"
    ).fetchall()
    return tuple(dict(zip(expressions, row, strict=True)) for row in rows)
