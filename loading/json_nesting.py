"""Lists of objects within objects of JSON, of which each is a row."""

import re
from collections.abc import Sequence

import duckdb

from domain.errors import InvalidInputError
from domain.event_words import LEFT_OUT, normalized
from loading.duck import literal
from loading.list_names import OTHER, kind_of_list
from loading.options import LoadOptions
from loading.tables import count_rows
from loading.words import ITEM_MEANINGS, TRACKERS, candidates, is_known_name

_LISTS = {"events", "interactions", "items", "actions", "clicks", "history"}
"""Names of lists that hold an event each."""
_OUTERMOST_LISTS = {"data", "results"}
"""Such names too, of JSON and not within events: there they are what a search found."""
_WHO_AND_WHAT = ("user_id", "item_id")
_IDS = ("id", "sku", "asin", "isbn", "uri")
_FIRST = 100
"""Objects that are looked at."""
_NAME = re.compile(r"[A-Za-z_][\w -]*[A-Za-z0-9]|[A-Za-z]", re.ASCII)
"""Keys within objects that may be columns."""
_LOOKED_AT = 1000
_MOST_INNER = 200
_KEYS = """
select key from (select unnest(json_keys(json)) as key,
                        generate_subscripts(json_keys(json), 1) as place, row_no from {rows})
group by key order by min((row_no, place))
"""


def find_nested(
    duck: duckdb.DuckDBPyConnection,
    view: str,
    name: str,
    options: LoadOptions,
    *,
    is_outermost: bool,
    is_parquet: bool = False,
) -> tuple[str, ...] | None:
    """The keys under which the rows are: of a list of objects that says who or what.

    None: the objects are the rows, or nobody can tell which list has them. Raises
    InvalidInputError if the items stand only in a list of the file `name` that does not say that
    somebody did something with them.
    """
    objects = f"(select row_no, json from {view} where fault is null limit {_FIRST})"
    keys = keys_of(duck, objects)
    # A whole file that is one object is an answer of a server: its only list is what it answers.
    is_one = is_outermost and count_rows(duck, f"(select * from {view} limit 2)") == 1
    is_answer = is_one and bool(keys) and not any(map(is_known_name, keys))
    paths = _lists(duck, objects, ())
    if is_answer:
        paths += [path for key in keys for path in _lists(duck, objects, (key,))]
    if not paths:
        return None
    beside = (*keys, *inner_keys(duck, objects, keys))
    outer = meanings_of(beside, options)
    is_catalogue = lists_items(beside, outer, options)
    likely, unsaid = [], []
    for path in paths:
        within = _keys_within(duck, objects, path)
        ids = meanings_of(list(filter(is_id, within))) - outer
        kind = kind_of_list(path[-1], tuple(within), beside)
        is_done = options.kind is not None or kind not in {LEFT_OUT, OTHER}
        is_answered = is_answer and (is_done or kind == OTHER)
        is_usual = path[-1].lower() in _LISTS and (is_outermost or ids)
        if path[-1].lower() in _OUTERMOST_LISTS:
            is_usual = is_outermost and not is_parquet
        if is_answered or is_usual or (ids and is_done and not is_catalogue):
            likely.append((len(ids), path))
        elif ids >= {"item_id"} and (is_answer or "user_id" in outer):
            unsaid.append(path)
    if not likely and unsaid and "item_id" not in options.columns:
        raise InvalidInputError(
            f"{name} names items only in {' and '.join('.'.join(path) for path in unsaid)}, which"
            " does not say that anybody did something with them. Say --kind view if they are uses."
        )
    most = max((ids for ids, _ in likely), default=0)
    best = [path for ids, path in likely if ids == most]
    return best[0] if len(best) == 1 else None


def find_in_envelope(
    duck: duckdb.DuckDBPyConnection, view: str, options: LoadOptions
) -> tuple[str, str] | None:
    """The keys of a list of what was ordered, in the object that trackers put it in.

    Events of other kinds have no such list, and perhaps an item instead: `properties.products`
    beside `properties.product_id`.
    """
    objects = f"(select row_no, json from {view} where fault is null limit {_FIRST})"
    keys = keys_of(duck, objects)
    envelopes = [key for key in keys if key.lower() in TRACKERS]
    paths = [path for key in envelopes for path in _lists(duck, objects, (key,))]
    if not paths:
        return None
    beside = (*keys, *inner_keys(duck, objects, keys))
    if "user_id" not in meanings_of(beside, options):
        return None
    for path in paths:
        within = _keys_within(duck, objects, path)
        kind = kind_of_list(path[-1], tuple(within), beside)
        if kind not in {LEFT_OUT, OTHER} and "item_id" in meanings_of(list(filter(is_id, within))):
            return path[0], path[1]
    return None


def lists_items(beside: Sequence[str], outer: set[str], options: LoadOptions) -> bool:
    """Whether objects with these keys are items: what they list, such as reviews, is no row."""
    if "user_id" in outer or options.user is not None:
        return False
    is_explicit = bool(options.attributes or {*ITEM_MEANINGS[1:]}.intersection(options.columns))
    named = {meaning for meaning in ITEM_MEANINGS[1:] if candidates(meaning, tuple(beside))}
    return is_explicit or "title" in named or ("item_id" in outer and bool(named))


def meanings_of(keys: Sequence[str], options: LoadOptions | None = None) -> set[str]:
    """Which of users and items keys name, by themselves or as was said."""
    columns = options.columns if options is not None else {}
    return {
        meaning
        for meaning in _WHO_AND_WHAT
        if candidates(meaning, tuple(keys)) or columns.get(meaning) in keys
    }


def is_id(key: str) -> bool:
    """Whether a key is an id by its name, which `item` alone may not be."""
    return normalized(key).endswith(_IDS)


def inner_keys(duck: duckdb.DuckDBPyConnection, rows: str, keys: Sequence[str]) -> list[str]:
    """`user.id` and the like: the keys of objects within the first objects."""
    found: list[str] = []
    for key in keys:
        path = literal(path_of((key,)))
        inner = keys_of(
            duck,
            f"(select row_no, json_extract(json, {path}) as json from {rows}"
            f" where json_type(json, {path}) = 'OBJECT' limit {_LOOKED_AT})",
        )
        found += [f"{key}.{each}" for each in inner[:_MOST_INNER] if _NAME.fullmatch(each)]
    return found


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


def keys_of(duck: duckdb.DuckDBPyConnection, rows: str) -> list[str]:
    """The keys of objects, in the order in which they first stand."""
    return [str(key) for (key,) in duck.execute(_KEYS.format(rows=rows)).fetchall()]


def path_of(keys: Sequence[str]) -> str:
    """The path of JSON to what stands under keys within each other."""
    return "$" + "".join('."' + key.replace('"', '\\"') + '"' for key in keys)
