"""Layouts of files: what one is, and whether a table is of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.event_words import normalized
from domain.interactions import Scale
from loading.tables import Table


class Content(StrEnum):
    """What the rows of a file are."""

    EVENTS = "events"
    ITEMS = "items"
    TAGS = "tags"
    NOTHING = "nothing Tandem keeps"


@dataclass(frozen=True, slots=True)
class Layout:
    """A published layout."""

    name: str
    content: Content
    fields: Mapping[str, str] = field(default_factory=dict)
    """The file's column of each meaning; a number is a position, from 1."""
    names: tuple[str, ...] = ()
    """Names a file must have to be of this layout; none: it has no heading."""
    width: int = 0
    """Columns of a file without heading; 0: any."""
    files: tuple[str, ...] = ()
    """Beginnings of file names, of which one must be; none: any name."""
    separator: str | None = None
    kind: str | None = None
    kinds: Mapping[str, str | None] = field(default_factory=dict)
    scale: Scale | None = None
    unrated: float | None = None
    """A rating that says no more than that the item was used."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Attributes of items by their names, and the file's columns."""
    query: str | None = None
    """What makes the rows of events of the rows of the file, as SQL over `{view}`.
    `{userid}` is the text of the column `user_id`."""
    note: str = ""
    is_export: bool = False
    """Whether Tandem wrote the file: ids and times are as the API took them."""
    flags: tuple[str, ...] = ()
    """Categories, each with a column of 0 and 1; these are the last columns."""
    has_years: bool = False
    """Whether titles end in a year."""
    wants: Callable[[Table], bool] | None = None
    """What else must hold."""


def column_is(position: int, *words: str) -> Callable[[Table], bool]:
    """Whether a column of a file without heading holds these words alone."""

    def holds(table: Table) -> bool:
        values = [row.get(str(position)) for row in table.sample]
        return bool(values) and all(value in words for value in values)

    return holds


def separated_by(*separators: str) -> Callable[[Table], bool]:
    """Whether one of these stands between two fields."""
    return lambda table: table.separator in separators


def begins(position: int, letter: str) -> Callable[[Table], bool]:
    """Whether all values of such a column begin so."""

    def holds(table: Table) -> bool:
        values = [row.get(str(position)) or "" for row in table.sample]
        return bool(values) and all(value.startswith(letter) for value in values)

    return holds


def fits(layout: Layout, table: Table, names: Mapping[str, str], *, strictly: bool) -> bool:
    """Whether a table is of a layout; `names`: its columns by their normalized names."""
    if layout.names:
        if not all(normalized(name) in names for name in layout.names):
            return False
    elif not table.is_headless or layout.width != len(table.stored_names):
        return False
    if layout.separator is not None and layout.separator != table.separator:
        return False
    file_name = table.source.name.lower().rpartition("/")[2]
    if strictly and layout.files and not file_name.startswith(layout.files):
        return False
    return layout.wants is None or layout.wants(table)


def columns_of(layout: Layout, table: Table) -> dict[str, str]:
    """The table's own names of the columns a layout reads, as far as it has them."""
    # Of names that are alike the first is meant: `attributes`, not `attributes.…` within it.
    names = {normalized(column): column for column in reversed(table.columns)}
    parts = {meaning: column.split(" + ") for meaning, column in layout.fields.items()}
    return {
        meaning: " + ".join(names[normalized(part)] for part in columns)
        for meaning, columns in parts.items()
        if all(normalized(part) in names for part in columns)
    }
