"""Columns that names of folders say, where the files in them have none of the same meaning."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import duckdb

from loading.duck import literal
from loading.fields import HOURS, has_values
from loading.options import LoadOptions
from loading.planning import may_be_times
from loading.tables import Table
from loading.times import CLOCK
from loading.words import ITEM_MEANINGS, candidates, last_part, meaning_by_name

_OF_RECORDS = re.compile("creat|updat|modif")
"""In the names of times that catalogues have too."""
_GOODS = {"price", "brand", "stock"}
"""Columns of catalogues, beside those that say what an item is."""


def with_folders(duck: duckdb.DuckDBPyConnection, table: Table, options: LoadOptions) -> Table:
    """The table, with a column of each value that the names of its folders say and that is read.

    Such are those that an option names, and those of a meaning that no option says and no column
    of the file has: a folder says less of a row than the row itself. Never do they say that rows do
    not count, which order these are of, or that goods are what somebody did.
    """
    own = {column.lower() for column in table.columns}
    found = {
        name: text for name, text in table.source.partitions.items() if name.lower() not in own
    }
    asked = _asked(options)
    may_guess = bool(found) and (not table.is_headless or asked.issuperset(table.columns))
    guessed = set(_guessed(duck, table, found, options)) if may_guess else set()
    values = {name: text for name, text in found.items() if name in asked or name in guessed}
    texts = {
        name: "null::varchar" if text is None else literal(text) for name, text in values.items()
    }
    return replace(
        table,
        expressions={**table.expressions, **texts},
        sample=tuple({**row, **values} for row in table.sample),
        notes=(*table.notes, *(f"{name}: from the folder's name" for name in values)),
    )


def _asked(options: LoadOptions) -> set[str]:
    """The columns that options name."""
    parts = (part.strip() for each in options.columns.values() for part in each.split("+"))
    return {*parts, *options.attributes}


def _guessed(
    duck: duckdb.DuckDBPyConnection, table: Table, names: Iterable[str], options: LoadOptions
) -> Iterator[str]:
    """The names that are read though nobody said so."""
    meaning_of = {
        name: meaning
        for name in names
        if (meaning := meaning_by_name(name)) is not None and not _is_explicit(meaning, options)
    }
    meanings = {meaning_by_name(column) for column in table.columns} | options.columns.keys()
    has_time = "time" in meanings and not _are_clocks(table)
    may_be_user = _may_be_of_one_person(table, meanings, options)
    has_user = (
        "user_id" in meanings
        or options.user is not None
        or (
            may_be_user
            and any(_is_id(name) and meaning_of[name] == "user_id" for name in meaning_of)
        )
    )
    may_say = {
        "time": has_user and not has_time and not _has_unread_times(table, options),
        "kind": has_user and "kind" not in meanings and not _has_ratings(duck, table, options),
        "user_id": may_be_user,
        "item_id": "user_id" in meanings and "item_id" not in meanings,
    }
    has_day = may_say["time"] and "time" in meaning_of.values()
    for name in names:
        meaning = meaning_of.get(name, "")
        is_sure = _is_id(name) or meaning not in {"user_id", "item_id"}
        if (has_day and last_part(name) in HOURS) or (is_sure and may_say.get(meaning, False)):
            yield name


def _is_explicit(meaning: str, options: LoadOptions) -> bool:
    """Whether an option says what has a meaning."""
    by_option = {"kind": options.kind, "user_id": options.user}
    return meaning in options.columns or by_option.get(meaning) is not None


def _is_id(name: str) -> bool:
    """Whether a name is that of an id: `customer=acme` and `user=test` may be anything."""
    return last_part(name).endswith("id")


def _may_be_of_one_person(table: Table, meanings: set[str | None], options: LoadOptions) -> bool:
    """Whether rows are what somebody did and no column says who, rather than a catalogue."""
    of_items = meanings.intersection(ITEM_MEANINGS[1:])
    is_catalogue = bool(of_items or options.attributes) or any(
        last_part(each) in _GOODS for each in table.columns
    )
    times = candidates("time", table.columns)
    has_time = "time" in options.columns or any(
        not _OF_RECORDS.search(last_part(each)) for each in times
    )
    return "item_id" in meanings and "user_id" not in meanings and has_time and not is_catalogue


def _has_unread_times(table: Table, options: LoadOptions) -> bool:
    """Whether a column that nobody reads may be the times of the rows."""
    asked = _asked(options)
    return any(
        may_be_times(table, each)
        for each in table.columns
        if each not in asked and meaning_by_name(each) is None
    )


def _are_clocks(table: Table) -> bool:
    """Whether the times of a file are those of a day that it does not tell."""
    columns = candidates("time", table.columns)
    texts = [text.strip() for row in table.sample for each in columns if (text := row.get(each))]
    return bool(texts) and all(re.fullmatch(CLOCK, text) for text in texts)


def _has_ratings(duck: duckdb.DuckDBPyConnection, table: Table, options: LoadOptions) -> bool:
    """Whether rows have ratings, which say more than the folder's name."""
    columns = candidates("value", table.columns)
    return "value" in options.columns or any(has_values(duck, table, each) for each in columns)
