"""Columns that are the item only where users are known and no other column is one."""

import re
from collections.abc import Mapping

import duckdb

from domain.event_words import normalized
from loading.tables import Table

_CALLED = (
    *("itemname", "productname", "itemtitle", "producttitle", "trackname", "songname"),
    *("movietitle", "booktitle", "itemdescription", "productdescription"),
)
"""What items are called, as on receipts."""
_ADDRESSES = ("url", "uri", "link", "href")
_KEPT = ("isrc", "imdbid", "tmdbid", *_ADDRESSES)
"""Of lists of what one person saved or saw; others have these of much else."""
_LONGEST_NAME = 500
_OF_REVIEWS = {"reviewtext", "reviewtitle", "reviewbody", "reviewcontent", "reviewdate"}
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
    names = {normalized(column): column for column in reversed(table.columns)}
    if "user_id" in fields and "value" in fields:
        rated = _id_of_what_is_rated(duck, table, set(fields.values()))
        if rated is not None:
            return rated
    for name in (*(_KEPT if is_of_one_person else ()), *_CALLED):
        if name in names and _are_names(duck, table, names[name]):
            return names[name]
    return None


def has_address(table: Table) -> bool:
    """Whether rows have addresses: in a list of visits an `id` beside them is the visit's."""
    return any(normalized(column) in _ADDRESSES for column in table.columns)


def reviewer_of_last_resort(table: Table, fields: Mapping[str, str]) -> str | None:
    """The author, who wrote a review and no book where the rows have its text, title or date."""
    names = {normalized(column): column for column in reversed(table.columns)}
    if not {"item_id", "value"} <= set(fields) or not _OF_REVIEWS & set(names):
        return None
    return names.get("authorid")


def _are_names(duck: duckdb.DuckDBPyConnection, table: Table, column: str) -> bool:
    (longest,) = duck.execute(
        f"select max(length({table.expressions[column]})) from {table.view} where fault is null"
    ).fetchall()[0]
    return longest is not None and longest <= _LONGEST_NAME


def _repeats(duck: duckdb.DuckDBPyConnection, table: Table, column: str) -> bool:
    """Whether any id stands in two rows: a trip, a ticket or a review is rated once."""
    text = table.expressions[column]
    (repeats,) = duck.execute(
        f"select count(distinct {text}) < count({text}) from {table.view} where fault is null"
    ).fetchall()[0]
    return bool(repeats)


def _id_of_what_is_rated(
    duck: duckdb.DuckDBPyConnection, table: Table, read: set[str]
) -> str | None:
    """Of ratings by users: the only other id, or an `id` that goes with a name of its own."""
    others = [each for each in table.columns if each not in read]
    ids = [each for each in others if re.fullmatch(r"\w*[A-Za-z]{2,}_?(ID|Id|id)", each)]
    found = [each for each in ids if not _NO_ITEMS.search(normalized(each))]
    if len(ids) == 1 and len(found) == 1:
        return found[0] if _repeats(duck, table, found[0]) else None
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
