"""Columns that are not what their names say, as the rows show."""

from collections.abc import Mapping, Sequence
from shlex import quote

import duckdb

from domain.event_words import normalized
from loading.kinds_plan import column_of_orders
from loading.options import AmbiguousInputError, Choice
from loading.tables import Table
from loading.words import last_part

_TITLES = {
    *("track", "song", "movie", "film", "title", "trackname", "songname", "movietitle"),
    *("book", "booktitle", "album", "albumname"),
}
"""Columns of items that may be of one name."""
_MAKERS = {
    *("artist", "artistname", "author", "authors", "bookauthor", "albumartist", "performer"),
    *("year", "releaseyear", "movieyear", "yearofrelease"),
}
"""Beside a name, they say which of those that are called so is meant."""
_TIMES_OF_ITEMS = {
    *("createdat", "created", "createdtime", "createtime", "creationtime", "creationdate"),
    *(
        "datecreated",
        "date",
        "dateadded",
        "addedat",
        "updatedat",
        "dateupdated",
        "lastupdated",
        "startdate",
    ),
}
"""Times that catalogues have too; others, as `order_date`, say that somebody did something."""
_FEW = 3
_MANY_NAMES = 10
_ENOUGH = 20
"""So many users beyond the first of each item show whether something is the item's."""
_LOOKED_AT = 100_000
_MOST_ALIKE = 0.8
"""If more are alike, they are alike for all items."""


def ask_about_row_numbers(
    duck: duckdb.DuckDBPyConnection, table: Table, found: Sequence[str]
) -> None:
    """AmbiguousInputError if `item_id` differs in all rows while a `product_id` beside it does not.

    Then it counts the lines of orders, as shops have it. What is no order may be of many items.
    """
    others = [each for each in found[1:] if normalized(each) != normalized(found[0])]
    if normalized(found[0]) != "itemid" or not others or table.rows < _FEW:
        return
    if column_of_orders(table) is None:
        return
    texts = [table.expressions[each] for each in (found[0], others[0])]
    rows, items, products = duck.execute(
        f"select count(*), {', '.join(f'count(distinct {text})' for text in texts)}"
        f" from {table.view} where fault is null and {texts[0]} <> '' and {texts[1]} <> ''"
    ).fetchall()[0]
    if rows >= _FEW and items == rows > products:
        raise AmbiguousInputError(
            f"Each row has another {found[0]}, and {others[0]} has not: {found[0]} may count the"
            " lines of orders.",
            [_item(each) for each in (others[0], found[0])],
        )


def ask_about_makers(
    duck: duckdb.DuckDBPyConnection, table: Table, fields: Mapping[str, str]
) -> None:
    """AmbiguousInputError if items are names, of which one is that of several things.

    If most names stand beside several, these are not the items' makers: who wrote a review, or the
    year in which a film was watched.
    """
    item = fields["item_id"]
    read = {part.strip() for each in fields.values() for part in (each, *each.split(" + "))}
    makers = [each for each in table.columns if last_part(each) in _MAKERS and each not in read]
    if last_part(item) not in _TITLES or not makers:
        return
    name, maker = (f"trim({table.expressions[each]})" for each in (item, makers[0]))
    ambiguous, several, names = duck.execute(
        "select any_value(name) filter (differs), count(*) filter (differs), count(*) from"
        f" (select {name} as name, min(lower({maker})) < max(lower({maker})) as differs"
        f" from {table.view} where fault is null and {maker} <> '' and {name} <> '' group by name)"
    ).fetchall()[0]
    if several and (2 * several <= names or names < _MANY_NAMES):
        raise AmbiguousInputError(
            f"{ambiguous} stands in {item} beside more than one {makers[0]}: several things"
            " may have one name.",
            [_item(f"{makers[0]}+{item}"), _item(item)],
        )


def _item(column: str) -> Choice:
    return Choice(
        f"the item is {column}",
        f"--column {quote(f'item_id={column}')}",
        {"columns": {"item_id": column}},
    )


def is_of_item(
    duck: duckdb.DuckDBPyConnection, table: Table, column: str, fields: Mapping[str, str]
) -> bool:
    """Whether a column has one value for each item, and other ones for others, of many users.

    Then it is known of the item, as the mean of its ratings or the day of its release, and not of
    what somebody did. Rows of one user say nothing: they may be repetitions.
    """
    names = (column, fields["item_id"], fields["user_id"])
    text, own, user = (f"trim({table.expressions[each]})" for each in names)
    if table.rows < _ENOUGH:
        return False
    several, rows, users, items, most, values = duck.execute(
        f"with rows as (select {own} as item, {text} as text, {user} as user_id from {table.view}"
        f" where fault is null and {text} <> '' and {own} <> '' limit {_LOOKED_AT}),"
        " items as (select count(*) as rows, count(distinct user_id) as users,"
        " min(text) < max(text) as differs from rows group by item),"
        " values as (select count(*) as rows from rows group by text)"
        " select (select exists (select 1 from items where differs)),"
        " (select coalesce(sum(rows), 0) from items),"
        " (select coalesce(sum(users), 0) from items), (select count(*) from items),"
        " (select coalesce(max(rows), 0) from values), (select count(*) from values)"
    ).fetchall()[0]
    is_spread = values >= _FEW and most <= _MOST_ALIKE * rows
    return not several and users - items >= _ENOUGH and is_spread


def may_be_of_items(time: str) -> bool:
    """Whether a time of this name may be when an item was made."""
    return last_part(time) in _TIMES_OF_ITEMS


def ask_about_rating(column: str) -> AmbiguousInputError:
    """Of ratings that are alike in all rows of an item."""
    return AmbiguousInputError(
        f"All rows of an item have the same {column}: perhaps that of the item, as a mean is, and"
        " not what each user gave.",
        [
            Choice("it is not read", "--column value=-", {"columns": {"value": "-"}}),
            Choice("it is what users gave", "--kind rate", {"kind": "rate"}),
        ],
    )


def ask_about_time(column: str) -> AmbiguousInputError:
    """Of times that are alike in all rows of an item."""
    return AmbiguousInputError(
        f"All rows of an item have the same {column}: perhaps when the item was made, and not when"
        " somebody did something with it (--column time=NAME for another column).",
        [
            Choice("events have no times", "--no-times", {"no_times": True}),
            Choice(
                "it is when they did it",
                f"--column {quote(f'time={column}')}",
                {"columns": {"time": column}},
            ),
        ],
    )
