"""Columns of delimited text that hold objects or lists of JSON, such as `properties`."""

import json
from dataclasses import replace

import duckdb

from domain.errors import InvalidInputError
from loading.duck import literal
from loading.json_nesting import meanings_of
from loading.json_tables import objects_table
from loading.options import LoadOptions
from loading.tables import Table

_USERS_AND_ITEMS = {"user_id", "item_id"}


def with_json_columns(duck: duckdb.DuckDBPyConnection, table: Table, options: LoadOptions) -> Table:
    """The table with what its JSON says, where users or items stand only there.

    The same rows as objects of JSON would be read so. Raises InvalidInputError if items stand only
    in a list that does not say that anybody did something with them.
    """
    columns = json_columns(table)
    if not columns:
        return table
    plain = meanings_of([each for each in table.columns if each not in columns], options)
    named = (*options.columns.values(), *options.attributes)
    has_named = any(each.partition(".")[0] in columns for each in named if "." in each)
    if plain >= _USERS_AND_ITEMS and not has_named:
        return table
    fields = ", ".join(
        f"{literal(column)}, {_value(text, is_json=column in columns)}"
        for column, text in table.expressions.items()
    )
    rows = (
        "select row_no, fault, raw, case when fault is null"
        f" then json_merge_patch('{{}}', json_object({fields})) end as json from {table.view}"
    )
    try:
        found = objects_table(
            duck,
            table.source,
            f"{table.view}_json",
            rows,
            table.notes,
            options,
            table.rejects_table,
        )
    except InvalidInputError:
        if "user_id" in plain:
            raise
        return table
    if not meanings_of(found.columns, options) >= _USERS_AND_ITEMS:
        return table
    return replace(found, lines=table.lines)


def json_columns(table: Table) -> tuple[str, ...]:
    """The columns of which all first texts are objects, or lists of objects, of JSON."""
    if table.separator is None:
        return ()
    return tuple(
        column
        for column in table.columns
        if (texts := [text for row in table.sample if (text := (row.get(column) or "").strip())])
        and all(map(_is_nested, texts))
        and any(text not in {"{}", "[]"} for text in texts)
    )


def _is_nested(text: str) -> bool:
    if text[0] not in "{[":
        return False
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) or all(isinstance(each, dict) for each in found)


def _value(text: str, *, is_json: bool) -> str:
    if not is_json:
        return text
    # What is no JSON beside others of the column says nothing.
    return f"case when json_valid({text}) then cast({text} as json) end"
