"""Parquet files that say who or what only within objects, or within lists of them."""

from collections.abc import Mapping
from typing import Any

import duckdb

from loading.duck import identifier
from loading.json_nesting import is_id, lists_items, meanings_of
from loading.options import LoadOptions
from loading.sources import Source
from loading.tables import parquet_reader
from loading.words import is_known_name

_LISTS = ("list", "array")
_OTHERS = (*_LISTS, "map", "union")


def objects_of(
    duck: duckdb.DuckDBPyConnection, source: Source, options: LoadOptions
) -> tuple[str, tuple[str, ...]] | None:
    """The query of a Parquet file's rows as objects, and the columns that it leaves out.

    None: the file's columns say who and what, or no object within them does.
    """
    reader = parquet_reader(source.path)
    relation = duck.sql(f"select * from {reader}")
    types: dict[str, Any] = dict(zip(relation.columns, relation.types, strict=True))
    if not _is_nested(types, options):
        return None
    named = {*options.columns.values(), *options.attributes}
    unread = tuple(
        name
        for name, kind in types.items()
        if kind.id in _OTHERS
        and _within_list(kind) is None
        and name not in named
        and not is_known_name(name)
    )
    # Long lists of numbers as JSON would take all memory.
    read = ", ".join(identifier(name) for name in types if name not in unread)
    rows = (
        "select row_number() over () as row_no, null::varchar as fault,"
        " cast(to_json(each) as varchar) as raw, to_json(each) as json"
        f" from (select {read} from {reader}) as each"
    )
    return rows, unread


def _is_nested(types: Mapping[str, Any], options: LoadOptions) -> bool:
    flat = [name for name, kind in types.items() if kind.id not in {"struct", *_OTHERS}]
    within = [
        f"{name}.{key}"
        for name, kind in types.items()
        if kind.id == "struct"
        for key, _ in kind.children
    ]
    if set(options.columns.values()).intersection(within):
        return True
    outer = meanings_of(flat, options)
    if lists_items(flat, outer, options):
        return False
    missing = {"user_id", "item_id"} - outer - set(options.columns)
    in_lists = [
        key for kind in types.values() for key, _ in (_within_list(kind) or ()) if is_id(key)
    ]
    return bool(missing & (meanings_of(within) | meanings_of(in_lists)))


def _within_list(kind: Any) -> list[tuple[str, Any]] | None:
    """The keys of the objects of a list; None: it is no list of objects."""
    if kind.id not in _LISTS or kind.children[0][1].id != "struct":
        return None
    return list(kind.children[0][1].children)
