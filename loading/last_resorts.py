"""Columns that are the item only where users are known and no other column is one."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import duckdb

from domain.event_words import normalized
from loading.kinds_plan import column_of_orders
from loading.tables import Table

_CALLED = (
    *("itemname", "productname", "itemtitle", "producttitle", "trackname", "songname"),
    *("movietitle", "booktitle", "itemdescription", "productdescription"),
)
"""What items are called, as on receipts."""
_ADDRESSES = ("url", "uri", "link", "href")
_KEPT = ("releaseid", "isrc", "imdbid", "tmdbid", *_ADDRESSES)
"""Of lists of what one person saved or saw; others have these of much else."""
_LONGEST_NAME = 500
_REVIEWS = {"comment", "comments", "review", "reviews", "reviewtext"}
_OF_REVIEWS = {"reviewtext", "reviewtitle", "reviewbody", "reviewcontent", "reviewdate"}
_RATING = re.compile("rating|stars?$|rate$")
"""In the names of ratings; a score may be of a quiz, a value of a sensor."""
_UP_TO_TEN = r"[0-9]([.,][0-9]+)?|10([.,]0+)?"
_NO_ITEMS = re.compile(
    "(user|review|rating|event|order|session|row|record|entry|index|category|genre|type|store|shop"
    "|device|seller|campaign|experiment|trace|request|log|uu|gu|brand|country|city|region|parent"
    "|author|owner|manager|employee|agent|client|team|group|department|dept|company|tenant|org"
    "|organi[sz]ation|office|zone|language|lang|platform|version|variant|survey|question|quiz|exam"
    "|match|policy|payment)id$"
)
_NAMES = ("name", "title")


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
        rated = _id_of_what_is_rated(duck, table, fields)
        if rated is not None:
            return rated
    # Rows with somebody's e-mail are contacts, and their addresses no items.
    is_kept = is_of_one_person and "user_id" not in fields
    for name in (*(_KEPT if is_kept else ()), *_CALLED):
        if name in names and _are_names(duck, table, names[name]):
            return names[name]
    return None


def is_id_of_visit(duck: duckdb.DuckDBPyConnection, table: Table, own: str) -> bool:
    """Whether several ids stand beside one address, as in a list of visits."""
    address = next((each for each in table.columns if normalized(each) in _ADDRESSES), None)
    return address is not None and _has_several(duck, table, of=address, in_column=own)


def rating_of_last_resort(
    table: Table, fields: Mapping[str, str], named: AbstractSet[str]
) -> str | None:
    """`rate`, which is a price, a tax or an interest where anything else stands beside it."""
    column = next((each for each in table.columns if normalized(each) == "rate"), None)
    is_of_contract = any(normalized(each).startswith("start") for each in table.columns)
    if column is None or is_of_contract or column_of_orders(table) is not None:
        return None
    read = {part for each in (*fields.values(), *named) for part in each.split(" + ")}
    is_alone = set(table.columns) <= {*read, column}
    is_beside_review = any(normalized(each) in _REVIEWS for each in table.columns)
    texts = [text.strip() for row in table.sample if (text := row.get(column))]
    are_few = bool(texts) and all(re.fullmatch(_UP_TO_TEN, each) for each in texts)
    return column if are_few and (is_alone or is_beside_review) else None


def reviewer_of_last_resort(
    duck: duckdb.DuckDBPyConnection, table: Table, fields: Mapping[str, str]
) -> str | None:
    """`reviewers` that are no number of them; authors of reviews: several are of one item."""
    names = {normalized(column): column for column in reversed(table.columns)}
    if not {"item_id", "value"} <= set(fields):
        return None
    if "reviewers" in names and not _are_numbers(table, names["reviewers"]):
        return names["reviewers"]
    if "authorid" not in names or not _OF_REVIEWS & set(names):
        return None
    author = names["authorid"]
    return author if _has_several(duck, table, of=fields["item_id"], in_column=author) else None


def _are_numbers(table: Table, column: str) -> bool:
    texts = [text for row in table.sample if (text := row.get(column))]
    return all(re.fullmatch(r"\W*[\d.,\s]+[km]?", each, re.IGNORECASE) for each in texts)


def _are_names(duck: duckdb.DuckDBPyConnection, table: Table, column: str) -> bool:
    (longest,) = duck.execute(
        f"select max(length({table.expressions[column]})) from {table.view} where fault is null"
    ).fetchall()[0]
    return longest is not None and longest <= _LONGEST_NAME


def _has_several(duck: duckdb.DuckDBPyConnection, table: Table, *, of: str, in_column: str) -> bool:
    """Whether any value of a column stands beside several of another one."""
    key, other = f"trim({table.expressions[of]})", f"trim({table.expressions[in_column]})"
    (found,) = duck.execute(
        f"select exists (select 1 from {table.view} where fault is null and {key} <> ''"
        f" and {other} <> '' group by {key} having count(distinct {other}) > 1)"
    ).fetchall()[0]
    return bool(found)


def _id_of_what_is_rated(
    duck: duckdb.DuckDBPyConnection, table: Table, fields: Mapping[str, str]
) -> str | None:
    """Of ratings by users: the only other id, or an `id` beside a name.

    Several users stand beside it, as beside no trip and no ticket, and one name at the most.
    """
    if not _RATING.search(normalized(fields["value"])):
        return None
    others = [each for each in table.columns if each not in fields.values()]
    ids = [each for each in others if re.fullmatch(r"\w*[A-Za-z]{2,}_?(ID|Id|id)", each)]
    title = next((each for each in table.columns if normalized(each) in (*_NAMES, *_CALLED)), None)
    found = ids
    if not ids and title is not None:
        found = [each for each in others if normalized(each) == "id"]
    if len(found) != 1 or _NO_ITEMS.search(normalized(found[0])):
        return None
    if title is not None and _has_several(duck, table, of=found[0], in_column=title):
        return None
    rated_by_several = _has_several(duck, table, of=found[0], in_column=fields["user_id"])
    return found[0] if rated_by_several else None
