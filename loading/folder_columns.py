"""Columns that names of folders say, where the files in them have none of the same meaning."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from loading.duck import literal
from loading.fields import HOURS
from loading.options import LoadOptions
from loading.tables import Table
from loading.times import CLOCK
from loading.words import candidates, last_part, meaning_by_name


def with_folders(table: Table, options: LoadOptions) -> Table:
    """The table, with a column of each value that the names of its folders say and that is read.

    Such are those that an option names, and those of a meaning that no column of the file has: a
    folder says less of a row than the row itself. Never do they say that rows do not count, or
    which order these are of.
    """
    own = {column.lower() for column in table.columns}
    found = {
        name: text for name, text in table.source.partitions.items() if name.lower() not in own
    }
    asked = {part.strip() for each in options.columns.values() for part in each.split("+")}
    asked.update(options.attributes)
    guessed = (
        set() if table.is_headless and not options.columns else set(_guessed(table, found, options))
    )
    values = {name: text for name, text in found.items() if name in asked | guessed}
    texts = {
        name: "null::varchar" if text is None else literal(text) for name, text in values.items()
    }
    return replace(
        table,
        expressions={**table.expressions, **texts},
        sample=tuple({**row, **values} for row in table.sample),
        notes=(*table.notes, *(f"{name}: from the folder's name" for name in values)),
    )


def _guessed(table: Table, names: Iterable[str], options: LoadOptions) -> Iterator[str]:
    """The names that are read though nobody said so."""
    meanings = {meaning_by_name(column) for column in table.columns}
    said = {name: meaning_by_name(name) for name in names}
    has_time = "time" in meanings and not _are_clocks(table)
    says_user = {"item_id", "time"} <= meanings and not meanings & {"user_id", "title"}
    has_user = (
        "user_id" in meanings | options.columns.keys()
        or options.user is not None
        or (says_user and "user_id" in said.values())
    )
    may_say = {
        "time": has_user and not has_time,
        "kind": has_user and "kind" not in meanings and not _has_numbers(table),
        "user_id": says_user,
        "item_id": "user_id" in meanings and "item_id" not in meanings,
    }
    for name, meaning in said.items():
        is_hour = last_part(name) in HOURS and may_say["time"] and "time" in said.values()
        if is_hour or may_say.get(meaning or "", False):
            yield name


def _are_clocks(table: Table) -> bool:
    """Whether the times of a file are those of a day that it does not tell."""
    columns = candidates("time", table.columns)
    texts = [text.strip() for row in table.sample for each in columns if (text := row.get(each))]
    return bool(texts) and all(re.fullmatch(CLOCK, text) for text in texts)


def _has_numbers(table: Table) -> bool:
    """Whether rows have ratings, which say more than the folder's name."""
    columns = candidates("value", table.columns)
    return any(re.search(r"\d", row.get(each) or "") for row in table.sample for each in columns)
