"""Lists of objects within objects of JSON, of which each is a row."""

from collections.abc import Sequence

import duckdb

from domain.event_words import normalized
from loading.duck import literal
from loading.tables import count_rows
from loading.words import candidates, is_known_name

_LISTS = {"events", "interactions", "items", "actions", "clicks", "history", "data", "results"}
"""Names of lists that hold an event each."""
_WHO_AND_WHAT = ("user_id", "item_id")
_IDS = ("id", "sku", "asin", "isbn", "uri")
_FIRST = 100
"""Objects that are looked at."""
_KEYS = """
select key from (select unnest(json_keys(json)) as key,
                        generate_subscripts(json_keys(json), 1) as place, row_no from {rows})
group by key order by min((row_no, place))
"""


def find_nested(
    duck: duckdb.DuckDBPyConnection, view: str, *, is_outermost: bool
) -> tuple[str, ...] | None:
    """The keys under which the rows are: of a list of objects that says who or what.

    None: the objects are the rows, or nobody can tell which list has them.
    """
    objects = f"(select row_no, json from {view} where fault is null limit {_FIRST})"
    keys = keys_of(duck, objects)
    # A whole file that is one object is an answer of a server: its only list is what it answers.
    is_one = is_outermost and count_rows(duck, f"(select * from {view} limit 2)") == 1
    is_answer = is_one and bool(keys) and not any(map(is_known_name, keys))
    paths = _lists(duck, objects, ())
    if is_answer:
        paths += [path for key in keys for path in _lists(duck, objects, (key,))]
    outer = _meanings(keys)
    # What a catalogue lists beside a title, such as reviews, is no reason to lose its items.
    is_catalogue = "user_id" not in outer and bool(candidates("title", tuple(keys)))
    likely = []
    for path in paths:
        said = len(_meanings(list(filter(_is_id, _keys_within(duck, objects, path)))) - outer)
        if is_answer or path[-1].lower() in _LISTS or (said and not is_catalogue):
            likely.append((said, path))
    most = max((said for said, _ in likely), default=0)
    best = [path for said, path in likely if said == most]
    return best[0] if len(best) == 1 else None


def _lists(
    duck: duckdb.DuckDBPyConnection, objects: str, within: tuple[str, ...]
) -> list[tuple[str, ...]]:
    """The paths of lists of objects, in the objects or in those under a key of theirs."""
    json = f"json_extract(json, {literal(path_of(within))})" if within else "json"
    found = duck.execute(
        f"select distinct key from (select {json} as json, unnest(json_keys({json})) as key from"
        f" {objects} where json_type({json}) = 'OBJECT')"
        " where json_type(json, '$.\"' || key || '\"') = 'ARRAY'"
        " and json_type(json, '$.\"' || key || '\"[0]') = 'OBJECT' order by key"
    ).fetchall()
    return [(*within, str(key)) for (key,) in found]


def _keys_within(duck: duckdb.DuckDBPyConnection, objects: str, path: tuple[str, ...]) -> list[str]:
    first = literal(f"{path_of(path)}[0]")
    return keys_of(
        duck,
        f"(select row_no, json_extract(json, {first}) as json from {objects}"
        f" where json_type(json, {first}) = 'OBJECT')",
    )


def _is_id(key: str) -> bool:
    """Whether a key is an id by its name, which `item` alone may not be."""
    return normalized(key).endswith(_IDS)


def _meanings(keys: Sequence[str]) -> set[str]:
    return {meaning for meaning in _WHO_AND_WHAT if candidates(meaning, tuple(keys))}


def keys_of(duck: duckdb.DuckDBPyConnection, rows: str) -> list[str]:
    """The keys of objects, in the order in which they first stand."""
    return [str(key) for (key,) in duck.execute(_KEYS.format(rows=rows)).fetchall()]


def path_of(keys: Sequence[str]) -> str:
    """The path of JSON to what stands under keys within each other."""
    return "$" + "".join('."' + key.replace('"', '\\"') + '"' for key in keys)
