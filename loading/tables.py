"""Tables: what any file is for those who look at its columns, read by DuckDB."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from domain.errors import InvalidInputError
from loading.dialect import Dialect, find_dialect
from loading.duck import identifier, literal, literals
from loading.options import LoadOptions
from loading.reasons import Reason
from loading.rejects import Reject
from loading.sources import Source

LONGEST_LINE_BYTES = 4 * 1024 * 1024
NOT_TEXT = "\x01"
"""Begins what stands where text belongs and is a list, an object, true or false."""

MOST_SHOWN = 1000
"""Characters of a line that are kept."""

_SAMPLE_ROWS = 20

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
    rows: int
    """How many could be split."""
    notes: tuple[str, ...]
    stored_names: Mapping[str, str]
    """What each column is called in the view, or in the object `json`."""
    is_json: bool = False
    is_headless: bool = False
    separator: str | None = None
    """What separates the fields of delimited text."""
    sequences: frozenset[str] = frozenset()
    """Columns that hold words separated by blanks."""
    lines: "Lines | None" = None
    """Where rows stand; None: a row's number is that of its line, or the file has no lines."""

    def line_of(self, row_no: int) -> int:
        """The line of a row, or its number where rows are not lines."""
        return row_no if self.lines is None else self.lines.line_of(row_no)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.expressions)

    def split_rejects(self, duck: duckdb.DuckDBPyConnection) -> list[Reject]:
        """The lines that could not be split into columns, after the view was read."""
        return [
            Reject(self.source.name, line + at, reason, text[:MOST_SHOWN])
            for line, reason, texts in _split_rejects(duck, self.rejects_table)
            for at, text in enumerate(texts)
        ]


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of rows between which some lines are none."""

    heading: int
    """Lines above the first row."""
    rows_before: tuple[int, ...]
    """How many rows stand above each group of lines that are none."""
    lost: tuple[int, ...]
    """How many lines are none up to each of these groups; the first is 0."""

    def line_of(self, row_no: int) -> int:
        """The line of a row, both counted from 1."""
        return self.heading + row_no + self.lost[bisect_left(self.rows_before, row_no)]


def _split_rejects(
    duck: duckdb.DuckDBPyConnection, rejects_table: str | None
) -> list[tuple[int, Reason, list[str]]]:
    """Line, reason and lines of what could not be split; a quote may have swallowed many lines."""
    if rejects_table is None:
        return []
    rows = duck.execute(
        f"select distinct on (line) line, error_type, csv_line from {rejects_table} order by line"
    ).fetchall()
    return [
        (
            int(line),
            _SPLIT_REASONS.get(error, Reason.MALFORMED_CSV),
            (text or "").removesuffix("\n").split("\n"),
        )
        for line, error, text in rows
    ]


def unreadable(source: Source, error: Exception) -> InvalidInputError:
    """DuckDB's words, the first line of them: the rest gives advice about DuckDB."""
    return InvalidInputError(f"{source.name} cannot be read: {str(error).splitlines()[0]}")


def delimited_table(
    duck: duckdb.DuckDBPyConnection, source: Source, number: int, options: LoadOptions
) -> Table:
    """The table of delimited text."""
    dialect = find_dialect(source.path, source.name, options)
    table = _delimited_table(duck, source, number, dialect, dialect.quoted)
    if dialect.quoted and _has_open_quote(duck, table):
        # A quote that nobody closes swallows all lines up to the longest; perhaps none is a quote.
        lost = _lost_lines(duck, table)
        unquoted = _delimited_table(duck, source, number, dialect, quoted=False)
        if _lost_lines(duck, unquoted) < lost:
            return replace(unquoted, notes=(*unquoted.notes, "quotes are part of the text"))
        return _delimited_table(duck, source, number, dialect, quoted=True)
    return table


def _delimited_table(
    duck: duckdb.DuckDBPyConnection,
    source: Source,
    number: int,
    dialect: Dialect,
    quoted: bool,  # noqa: FBT001
) -> Table:
    names = [f"c{index}" for index in range(len(dialect.columns))]
    rejects, view = f"rejects_{number}", f"table_{number}"
    duck.execute(
        f"drop view if exists {view}; drop table if exists {rejects};"
        f" drop table if exists {rejects}_scan"
    )
    reader = csv_reader(
        source.path,
        delim=dialect.separator,
        quote='"' if quoted and len(dialect.separator) == 1 else "",
        columns=names,
        header=dialect.has_heading,
        rejects=rejects,
        skip=dialect.skipped,
    )
    fields = ", ".join(
        f"{literal(column)}, {name}" for column, name in zip(dialect.columns, names, strict=True)
    )
    # Logs that were put together have the heading of each.
    again = " and ".join(
        f"trim({name}) = {literal(cell)}"
        for name, cell in zip(names, dialect.heading, strict=False)
    )
    fault = f"case when {again} then {literal(Reason.HEADING)} end" if again else "null::varchar"
    duck.execute(
        f"create view {view} as select row_number() over () as row_no, {fault} as fault, "
        f"json_object({fields}) as raw, * from {reader}"
    )
    # The same names in another order: what stands below would be read as something else.
    cells = literals({cell for cell in dialect.heading if cell})
    other = " and ".join(f"trim({name}) in ({cells})" for name in names) if again else "false"
    rows, other_heading = duck.execute(
        f"select count(*), min(row_no) filter (fault is null and {other}) from {view}"
    ).fetchall()[0]
    if other_heading is not None and len(names) > 1:
        raise InvalidInputError(
            f"Row {other_heading:,} of {source.name} is another heading, which has the columns in"
            " another order: two files were put together. Load them apart."
        )
    notes = [*source.notes]
    if dialect.separator != ",":
        notes.append(f"separator {dialect.separator_name}")
    if dialect.skipped:
        lines = "line is" if dialect.skipped == 1 else f"{dialect.skipped} lines are"
        notes.append(f"the first {lines} not read")
    if not dialect.has_heading:
        notes.append("no heading")
    stored_names = dict(zip(dialect.columns, names, strict=True))
    return Table(
        source=source,
        view=view,
        expressions=stored_names,
        sample=tuple(dict(zip(dialect.columns, row, strict=True)) for row in dialect.sample),
        rejects_table=rejects,
        rows=int(rows),
        notes=tuple(notes),
        stored_names=stored_names,
        is_headless=not dialect.has_heading,
        separator=dialect.separator,
        sequences=dialect.sequences,
        lines=_find_lines(
            duck, source.path, rejects, int(rows), heading=dialect.skipped + dialect.has_heading
        ),
    )


def _has_open_quote(duck: duckdb.DuckDBPyConnection, table: Table) -> bool:
    found = duck.execute(
        f"select exists (select 1 from {table.rejects_table} where contains(csv_line, chr(10)))"
    ).fetchall()
    return bool(found[0][0])


def _lost_lines(duck: duckdb.DuckDBPyConnection, table: Table) -> int:
    return sum(len(texts) for _, _, texts in _split_rejects(duck, table.rejects_table))


def _find_lines(
    duck: duckdb.DuckDBPyConnection, path: Path, rejects: str, rows: int, *, heading: int
) -> Lines | None:
    """Where rows stand; None if a row may have several lines, or there are blank ones."""
    before, lost = [], [0]
    for line, _, texts in _split_rejects(duck, rejects):
        before.append(line - 1 - heading - lost[-1])
        lost.append(lost[-1] + len(texts))
    with path.open("rb") as file:
        lines, last = 0, b"\n"
        while block := file.read(1024 * 1024):
            lines += block.count(b"\n")
            last = block[-1:]
    lines += last != b"\n"
    return (
        Lines(heading, tuple(before), tuple(lost)) if heading + rows + lost[-1] == lines else None
    )


def csv_reader(
    path: Path,
    *,
    delim: str,
    quote: str,
    columns: Sequence[str],
    header: bool,
    rejects: str,
    skip: int = 0,
) -> str:
    """The SQL of what reads delimited text; all columns are text."""
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    return (
        f"read_csv({literal(str(path))}, auto_detect = false, delim = {literal(delim)},"
        f" quote = {literal(quote)}, escape = {literal(quote)}, header = {str(header).lower()},"
        f" skip = {skip}, columns = {{{types}}}, max_line_size = {LONGEST_LINE_BYTES},"
        f" buffer_size = {2 * LONGEST_LINE_BYTES}, store_rejects = true,"
        f" rejects_table = {literal(rejects)}, rejects_scan = {literal(rejects + '_scan')},"
        " rejects_limit = 0, null_padding = false)"
    )


def parquet_reader(path: Path) -> str:
    """The SQL of what reads a Parquet file, without columns that names of folders say."""
    return f"read_parquet({literal(str(path))}, hive_partitioning = false)"


def parquet_table(duck: duckdb.DuckDBPyConnection, source: Source, number: int) -> Table:
    """The table of a Parquet file."""
    view, reader = f"table_{number}", parquet_reader(source.path)
    described = duck.execute(f"describe select * from {reader}").fetchall()
    expressions = {str(row[0]): _as_text(str(row[0]), str(row[1])) for row in described}
    duck.execute(
        f"create view {view} as select row_number() over () as row_no, null::varchar as fault, "
        f"cast(to_json(each) as varchar) as raw, each.* from {reader} as each"
    )
    return Table(
        source=source,
        view=view,
        expressions=expressions,
        sample=sampled(duck, view, expressions),
        rejects_table=None,
        rows=count_rows(duck, view),
        notes=("Parquet", *source.notes),
        stored_names={name: name for name in expressions},
    )


def count_rows(duck: duckdb.DuckDBPyConnection, view: str) -> int:
    """How many rows a view has."""
    return int(duck.execute(f"select count(*) from {view}").fetchall()[0][0])


def _as_text(name: str, kind: str) -> str:
    column = identifier(name)
    if kind == "BLOB":
        return f"decode({column})"
    if kind == "BOOLEAN":
        return f"{literal(NOT_TEXT)} || cast({column} as varchar)"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "JSON", "UNION")):
        return f"{literal(NOT_TEXT)} || cast(to_json({column}) as varchar)"
    return f"cast({column} as varchar)"


def sampled(
    duck: duckdb.DuckDBPyConnection, view: str, expressions: Mapping[str, str]
) -> tuple[Mapping[str, str | None], ...]:
    """The first rows of a view."""
    columns = ", ".join(
        f"{expression} as {identifier(name)}" for name, expression in expressions.items()
    )
    rows: list[tuple[Any, ...]] = duck.execute(
        f"select {columns} from {view} where fault is null limit {_SAMPLE_ROWS}"
    ).fetchall()
    return tuple(dict(zip(expressions, row, strict=True)) for row in rows)
