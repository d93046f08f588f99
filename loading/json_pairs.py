"""Lists of keys and values within objects of JSON, as analytics export parameters of events."""

from collections.abc import Sequence

import duckdb

from loading.duck import literal
from loading.json_nesting import keys_of, path_of

_FIRST = 100
_TYPED = ("string_value", "int_value", "float_value", "double_value")


def with_pairs(duck: duckdb.DuckDBPyConnection, view: str) -> str | None:
    """The SQL of the objects with an object for each list of pairs of theirs; None: there is none.

    `[{"key": "item_id", "value": {"string_value": "a"}}]` becomes `{"item_id": "a"}`.
    """
    objects = f"(select row_no, json from {view} where fault is null limit {_FIRST})"
    found = [key for key in keys_of(duck, objects) if _are_pairs(duck, objects, key)]
    if not found:
        return None
    patch = ", ".join(f"{literal(key)}, {_object(key)}" for key in found)
    without = ", ".join(f"{literal(key)}, null" for key in found)
    return (
        "select row_no, fault, raw, case when fault is null then json_merge_patch("
        f"json_merge_patch(json, json_object({without})), json_object({patch})) end as json"
        f" from {view}"
    )


def _are_pairs(duck: duckdb.DuckDBPyConnection, objects: str, key: str) -> bool:
    path = path_of((key,))
    keys: Sequence[tuple[list[str]]] = duck.execute(
        f"select distinct json_keys(json, {literal(path + '[0]')}) from {objects}"
        f" where json_type(json, {literal(path + '[0]')}) = 'OBJECT'"
    ).fetchall()
    return bool(keys) and all(set(each) == {"key", "value"} for (each,) in keys)


def _object(key: str) -> str:
    path = literal(path_of((key,)))
    typed = ", ".join(
        f"json_extract_string(pair, {literal(path_of(('value', each)))})" for each in _TYPED
    )
    plain = (
        "case when json_type(pair, '$.value') <> 'OBJECT'"
        " then json_extract_string(pair, '$.value') end"
    )
    return (
        f"(select json_group_object(json_extract_string(pair, '$.key'), coalesce({typed}, {plain}))"
        f" from (select unnest(from_json(json_extract(json, {path}), '[\"JSON\"]')) as pair))"
    )
