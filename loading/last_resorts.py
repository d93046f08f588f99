"""Columns that are the item only where users are known and no other column is one."""

import re
from collections.abc import Mapping

import duckdb

from domain.event_words import normalized
from loading.tables import Table

_DESCRIBED = {"itemdescription", "productdescription"}
"""What till receipts call an item."""
_LONGEST_NAME = 80
_ADDRESSES = {"url", "uri", "link", "href"}
"""Of lists of what one person saved; a log of visits has addresses of much else."""
_NO_ITEMS = re.compile(
    "(user|review|rating|event|order|session|row|record|entry|index|category|genre|type|store|shop"
    "|device|seller|campaign|experiment|trace|request|log|uu|gu|brand|country|city|region|parent)id$"
)
_NAMES = {"name", "title"}


def item_of_last_resort(
    duck: duckdb.DuckDBPyConnection,
    table: Table,
    fields: Mapping[str, str],
    *,
    is_of_one_person: bool,
) -> str | None:
    """A column that is an item for want of a better one; None: there is none."""
    for column in table.columns:
        name = normalized(column)
        if name in _DESCRIBED and _are_names(duck, table, column):
            return column
        if is_of_one_person and name in _ADDRESSES:
            return column
    if "user_id" not in fields or "value" not in fields:
        return None
    return _id_of_what_is_rated(duck, table, set(fields.values()))


def _are_names(duck: duckdb.DuckDBPyConnection, table: Table, column: str) -> bool:
    (longest,) = duck.execute(
        f"select max(length({table.expressions[column]})) from {table.view} where fault is null"
    ).fetchall()[0]
    return longest is not None and longest <= _LONGEST_NAME


def _id_of_what_is_rated(
    duck: duckdb.DuckDBPyConnection, table: Table, read: set[str]
) -> str | None:
    """Of ratings by users: the only other id, or an `id` that goes with a name of its own."""
    others = [each for each in table.columns if each not in read]
    ids = [each for each in others if re.fullmatch(r"\w*[A-Za-z]{2,}_?(ID|Id|id)", each)]
    found = [each for each in ids if not _NO_ITEMS.search(normalized(each))]
    if len(ids) == 1 and len(found) == 1:
        return found[0]
    own = next((each for each in table.columns if normalized(each) == "id"), None)
    title = next((each for each in table.columns if normalized(each) in _NAMES), None)
    if own is None or title is None or ids:
        return None
    name, text = table.expressions[title], table.expressions[own]
    (is_of_item,) = duck.execute(
        f"select bool_and(rows = 1) and sum(times) > count(*) from (select count(distinct {name})"
        f" as rows, count(*) as times from {table.view} where fault is null group by {text})"
    ).fetchall()[0]
    return own if is_of_item else None
