"""How a plan is made: which table holds what, or why nobody can tell."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from shlex import quote

import duckdb

from domain.errors import InvalidInputError
from domain.event_words import normalized
from domain.interactions import EventKind
from loading.duck import identifier
from loading.events_plan import EventsPlanner
from loading.fields import USER, find_fields, with_joint_item, with_joint_time, with_user
from loading.findings import Findings
from loading.items_plan import plan_items
from loading.joined_ids import refuse_joined_users, with_split_items
from loading.layouts import Content, Layout
from loading.mistaken_columns import ask_about_makers
from loading.options import LoadOptions
from loading.plans import Column, ItemsPlan, NothingToLoadError, Plan, sample_of
from loading.published_layouts import find_layout
from loading.tables import NOT_TEXT, Table, count_rows, sampled
from loading.words import is_known_name, is_second_choice, may_be_sort

_TIME = re.compile(
    r"(8[5-9]\d{7}|9\d{8}|1\d{9})(\.\d+)?|1\d{12}|(19|20)\d\d-\d\d-\d\d.*"
    r"|(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d.*"
)
"""Since 1997."""
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
_RATING = re.compile(r"-?(10|\d)([.,]\d+)?")
_FIELD = re.compile(r"([A-Za-z][\w/. -]{0,60}):(?=\s|$)")
_FEW_FIELDS = 3
_FEW_ROWS = 10
_SORTS = 3
"""Users are of so few sorts, such as basic and premium."""
_WIDE = 20
"""So many columns without names are no log."""
_MOST_OF_RATINGS = 4
"""Columns of a file of ratings and nothing else; of others numbers may be anything."""


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
    fields = find_fields(duck, table, layout, options)
    table = with_joint_item(with_joint_time(table, fields), fields)
    table = with_user(table, fields, options.user)
    if layout is not None and layout.content is Content.TAGS:
        columns = tuple(
            Column(name, meaning, "as it is", sample_of(table, name))
            for meaning, name in fields.items()
        )
        return ItemsPlan(table, Content.TAGS, fields, {}, columns, (), table.notes, layout.name)
    if "user_id" in fields and "item_id" in fields:
        if layout is None or options.split is not None:
            if fields["user_id"] != USER:
                refuse_joined_users(duck, table, fields["user_id"], options)
                _refuse_few_users(duck, table, fields["user_id"], options)
            table = with_split_items(duck, table, fields, options)
        if layout is None and "item_id" not in options.columns:
            _refuse_one_item(duck, table, fields["item_id"])
            ask_about_makers(duck, table, fields)
        seen = Findings(duck, table, layout, options, tuple(kinds), dict(fields))
        return EventsPlanner(seen).plan()
    if layout is not None and layout.content is Content.EVENTS:
        _refuse_unknown_person(table, layout)
    if "item_id" in fields and (len(fields) > 1 or options.attributes):
        return plan_items(duck, table, layout, options, fields)
    raise InvalidInputError(_not_understood(table, fields))


def _refuse_one_item(duck: duckdb.DuckDBPyConnection, table: Table, column: str) -> None:
    """InvalidInputError if a column that is seldom the item has the same in all rows."""
    if not is_second_choice(column):
        return
    text = table.expressions[column]
    first, last = duck.execute(
        f"select min({text}), max({text}) from {table.view} where fault is null"
    ).fetchall()[0]
    if first == last and table.rows >= _FEW_ROWS:
        option = quote(f"item_id={column}")
        raise InvalidInputError(
            f"All rows of {table.source.name} have {first} in {column}: that is hardly the item."
            f" Say --column item_id=NAME for another column, or --column {option}."
        )


def _refuse_few_users(
    duck: duckdb.DuckDBPyConnection, table: Table, column: str, options: LoadOptions
) -> None:
    """InvalidInputError if a column that may say of which sort users are has few values."""
    is_explicit = "user_id" in options.columns
    if is_explicit or not may_be_sort(column) or table.rows < _FEW_ROWS:
        return
    text = table.expressions[column]
    words = duck.execute(
        f"select distinct {text} from {table.view} where fault is null limit {_SORTS + 1}"
    ).fetchall()
    if len(words) <= _SORTS:
        option = quote(f"user_id={column}")
        raise InvalidInputError(
            f"All rows of {table.source.name} have one of {len(words)} values in {column}: that is"
            f" hardly the user. Say --column user_id=NAME for another column, or --column {option}."
        )


def _refuse_unknown_person(table: Table, layout: Layout) -> None:
    raise InvalidInputError(
        f"{table.source.name} ({layout.name}) is what one person did, and no column says who. Say"
        " --user ID."
    )


def _not_understood(table: Table, fields: Mapping[str, str]) -> str:
    name = table.source.name
    missing = [meaning for meaning in ("user_id", "item_id") if meaning not in fields]
    if len(table.columns) == 1 and (fields_in_lines := _fields_in_lines(table)):
        return (
            f"{name} has a line for each field ({', '.join(fields_in_lines)}), and not for each"
            " row. Write a row as one line: as an object of JSON, or as fields of CSV."
        )
    if table.is_json and _is_keyed(table):
        return (
            f"{name} is one object whose keys, such as {', '.join(table.columns[:2])}, may be ids"
            " or columns: write a list of objects, each with a user and an item."
        )
    if len(table.columns) == 1 and not (table.is_json or table.source.is_parquet):
        return (
            f"{name} is no table: with no separator do its lines have equally many fields, more"
            " than one. Say --separator if they have."
        )
    if "user_id" in fields and "item_id" not in fields and not table.is_headless:
        description = (
            f"has the columns {', '.join(table.columns[:30])}, of which none is known as an item"
        )
    elif table.is_headless:
        rows = "; ".join(
            " ".join(str(value)[:30] for value in list(row.values())[:8])
            for row in table.sample[:1]
        )
        description = f"has no heading, and its first line is {rows}"
    else:
        description = f"has the columns {', '.join(table.columns[:30])}"
    if table.is_headless and _is_matrix(table):
        return (
            f"{name} has {len(table.columns)} columns of numbers and no heading: a matrix with a"
            " column for each item, perhaps. Write a row for each user and item instead. Otherwise"
            " say --column user_id=1 --column item_id=2, with the right numbers."
        )
    how = _columns_to_say(table, missing)
    if missing == ["user_id"]:
        how += ", or --user ID if one person did it all"
    counted = (
        ", with the right numbers (columns count from 1), or --header if these are names"
        if table.is_headless
        else ""
    )
    return (
        f"{name} {description}. Which is {' and which is '.join(missing)}? Say {how}{counted};"
        " if these are items, --column title=NAME or --attributes all as well."
    )


def _is_keyed(table: Table) -> bool:
    """Whether a file is one object of objects or lists under keys of which nobody knows one."""
    values = [value or "" for row in table.sample for value in row.values()]
    is_nested = all(value.startswith((f"{NOT_TEXT}{{", f"{NOT_TEXT}[")) for value in values)
    return table.rows == 1 and is_nested and not any(map(is_known_name, table.columns))


def _fields_in_lines(table: Table) -> list[str]:
    """The names in lines such as `review/time: 1234817823`; empty: the lines are something else."""
    heading = () if table.is_headless else table.columns
    lines = [*heading, *(text for row in table.sample for text in row.values() if text)]
    names = [found[1] for line in lines if (found := _FIELD.match(line))]
    is_all = len(names) == len(lines) and len({*names}) >= _FEW_FIELDS
    return list(dict.fromkeys(names))[:_FEW_FIELDS] if is_all else []


def _columns_to_say(table: Table, missing: Sequence[str]) -> str:
    """The options that say what the columns of a table may be."""
    if not table.is_headless:
        return " ".join(f"--column {each}=NAME" for each in missing)
    time = _column_of_times(table)
    given = [
        each for each in table.columns if any((row.get(each) or "").strip() for row in table.sample)
    ]
    value = _column_of_ratings(table, given, time)
    others = [each for each in given if each not in (time, value)]
    columns = dict(zip(missing, others, strict=False))
    columns |= {} if time is None else {"time": time}
    columns |= {} if value is None else {"value": value}
    return " ".join(
        f"--column {quote(f'{meaning}={column}')}" for meaning, column in columns.items()
    )


def _is_matrix(table: Table) -> bool:
    texts = [text.strip() for row in table.sample for text in row.values() if text]
    return len(table.columns) >= _WIDE and all(_DECIMAL.fullmatch(text) for text in texts)


def _column_of_ratings(table: Table, given: Sequence[str], time: str | None) -> str | None:
    """Behind a user and an item, and perhaps a time: the column of numbers up to ten points."""
    if len(given) > _MOST_OF_RATINGS:
        return None
    for column in given[2:]:
        texts = [text.strip() for row in table.sample if (text := row.get(column))]
        if column != time and len(texts) > 1 and all(_RATING.fullmatch(text) for text in texts):
            return column
    return None


def _column_of_times(table: Table) -> str | None:
    """The first column that may be times."""
    for column in table.columns:
        if may_be_times(table, column):
            return column
    return None


def may_be_times(table: Table, column: str) -> bool:
    """Whether a column holds nothing but what looks like a time."""
    texts = [text for row in table.sample if (text := row.get(column))]
    return bool(texts) and all(_TIME.fullmatch(text.strip()) for text in texts)


def _queried(duck: duckdb.DuckDBPyConnection, table: Table, layout: Layout) -> Table:
    view = f"{table.view}_{normalized(layout.name)}"
    columns = {normalized(column): text for column, text in table.expressions.items()}
    query = str(layout.query).format_map({"view": table.view, **columns})
    duck.execute(f"create view {view} as {query}")
    names = [
        str(row[0])
        for row in duck.execute(
            f"describe select * exclude (row_no, fault, raw) from {view}"
        ).fetchall()
    ]
    expressions = {name: identifier(name) for name in names}
    return replace(
        table,
        view=view,
        expressions=expressions,
        sample=sampled(duck, view, expressions),
        rows=count_rows(duck, view),
        stored_names={name: name for name in names},
        is_headless=False,
    )
