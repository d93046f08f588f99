"""Fields: which column of a table has which meaning."""

from collections.abc import Sequence

from domain.errors import InvalidInputError
from loading.layouts import Layout, columns_of
from loading.options import AmbiguousInputError, Choice, LoadOptions
from loading.tables import Table
from loading.words import EVENT_MEANINGS, ITEM_MEANINGS, candidates, normalized


def find_fields(table: Table, layout: Layout | None, options: LoadOptions) -> dict[str, str]:
    """The column of each meaning: as said, as the layout has it, as its name says."""
    if layout is not None:
        fields = columns_of(layout, table)
    else:
        fields = {}
        for meaning in (*EVENT_MEANINGS, *ITEM_MEANINGS):
            found = [
                each
                for each in candidates(meaning, table.columns)
                if each not in options.columns.values()
            ]
            if found and meaning not in options.columns:
                _refuse_equals(meaning, found)
                fields[meaning] = found[0]
    for meaning, column in options.columns.items():
        fields[meaning] = _existing(table, meaning, column)
    return fields


def _refuse_equals(meaning: str, found: Sequence[str]) -> None:
    """Two columns that are as likely: nobody but the owner knows which."""
    if meaning not in {"user_id", "item_id"}:
        return
    likely = [
        name for name in found if "session" not in name.lower() and normalized(name) != "asin"
    ]
    plain = {normalized(meaning), meaning.removesuffix("_id")}
    if len(likely) > 1 and normalized(likely[0]) not in plain:
        raise AmbiguousInputError(
            f"The {meaning} may be {' or '.join(likely)}.",
            [
                Choice(name, f"--column {meaning}={name}", {"columns": {meaning: name}})
                for name in likely
            ],
        )


def _existing(table: Table, meaning: str, column: str) -> str:
    if column in table.expressions:
        return column
    if column.isdigit() and 1 <= int(column) <= len(table.columns):
        return table.columns[int(column) - 1]
    raise InvalidInputError(
        f"--column {meaning}={column}: {table.source.name} has the columns"
        f" {', '.join(table.columns)}."
    )
