"""Columns of which each says when one thing was done: `viewed_at`, `clicked_at`."""

import re
from collections.abc import Mapping
from shlex import quote

import duckdb

from domain.event_words import LEFT_OUT, kind_of_word
from loading.findings import ORDER_KIND
from loading.kinds_plan import QUESTION_OF_NOTHING
from loading.options import AmbiguousInputError, Choice
from loading.tables import Table
from loading.words import last_part

_DONE = re.compile(r"(?P<word>[a-z]+?)(at|on|date|time|datetime|timestamp|ts|dt)(utc|gmt|ms)?")
_MOMENT = re.compile(r"\d{9,}(\.\d+)?|.*\d[-/]\d.*|(?=.*\d{4}).*\d:\d.*")
"""A date, a time or a number since 1970, and not for how long something was watched."""
_OTHERS = {
    "visit",
    "checkout",
    "review",
    "reviewed",
    "rate",
    "rated",
    "rating",
    "up",
    "down",
    "star",
}
"""Words before a time that say what was done in other places than here."""


def kind_done_at(column: str, names: tuple[str, ...]) -> str | None:
    """`click` of `clicked_at`; None: a column of this name does not say what was done then."""
    found = _DONE.fullmatch(last_part(column))
    if found is None or found["word"] in _OTHERS:
        return None
    try:
        kind = kind_of_word(found["word"], names)
    except KeyError:
        return None
    return None if kind is LEFT_OUT else kind


def times_of_kinds(table: Table, names: tuple[str, ...]) -> dict[str, str]:
    """The columns that say when something was done, by the first rows, and the kind of each."""
    kinds = {column: kind_done_at(column, names) for column in table.columns}
    return {
        column: kind
        for column, kind in kinds.items()
        if kind is not None and _is_time(table, column)
    }


def _is_time(table: Table, column: str) -> bool:
    texts = [text.strip() for row in table.sample if (text := row.get(column)) and text.strip()]
    return bool(texts) and all(map(_MOMENT.fullmatch, texts))


def ask_about_times(
    duck: duckdb.DuckDBPyConnection, table: Table, found: Mapping[str, str], time: str | None
) -> None:
    """AmbiguousInputError if one of the columns is empty where another time is not.

    Then something was done, and nothing else, or was not done at all. Where all rows have the time
    of a purchase, each is one, whatever else was done.
    """
    others = [column for column in found if column != time]
    if not others or (len({*found.values()}) == 1 and time in found):
        return
    texts = {column: f"coalesce(trim({table.expressions[column]}), '')" for column in found}
    bought = [column for column in found if column == time and found[column] == ORDER_KIND]
    blank = " or ".join(f"{texts[column]} = ''" for column in bought or found)
    (is_blank,) = duck.execute(
        f"select exists (select 1 from {table.view} where fault is null and ({blank}))"
    ).fetchall()[0]
    if not is_blank:
        return
    columns = ", ".join(found)
    more = " Load the file once for each, if all count." if len(found) > 1 else ""
    raise AmbiguousInputError(
        f"{columns}: where {'one of them' if len(found) > 1 else 'it'} is empty,"
        f" {QUESTION_OF_NOTHING}.{more}",
        [
            *(
                Choice(
                    f"each {column} is a {kind}",
                    f"--column {quote(f'time={column}')} --kind {kind}",
                    {"columns": {"time": column}, "kind": kind},
                )
                for column, kind in found.items()
            ),
            Choice("each row is a use", "--kind view", {"kind": "view"}),
        ],
    )
