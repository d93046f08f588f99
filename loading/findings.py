"""What is understood of a table of events so far, while its plan is made."""

from dataclasses import dataclass, field

import duckdb

from domain.interactions import EventKind
from loading.layouts import Layout
from loading.options import LoadOptions
from loading.tables import Table

DEFAULT_KIND = "view"
RATING_KIND = "rate"
ORDER_KIND = "purchase"
CART_KIND = "cart"


@dataclass(slots=True)
class Findings:
    """A table, what was said of it, and what was found in it."""

    duck: duckdb.DuckDBPyConnection
    table: Table
    layout: Layout | None
    options: LoadOptions
    known: tuple[EventKind, ...]
    """The kinds of the store."""
    fields: dict[str, str]
    """The column of each meaning."""
    read_as: dict[str, str] = field(default_factory=dict)
    """How the values of each meaning are read."""
    notes: list[str] = field(default_factory=list)

    def expression(self, meaning: str) -> str:
        """The SQL of a meaning's text."""
        return self.table.expressions[self.fields[meaning]]
