"""How a list is written: for eyes as wide as the terminal, and elsewhere one line a row."""

from rich.console import Console
from rich.table import Table

_WIDE = 1_000
"""Whoever reads it from a pipe has lines of any length."""


def print_list(table: Table) -> None:
    """Write it to standard output; on a terminal long cells take several lines."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    console.print(table)
