"""How a list is written: for eyes as wide as the terminal, and elsewhere one line a row."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

_WIDE = 1_000
"""Whoever reads it from a pipe has lines of any length."""

Record = TypeVar("Record")


def print_list(
    records: Sequence[Record],
    fields: Callable[[Record], Any],
    table: Callable[[Sequence[Record]], Table],
    *,
    nothing: str,
    as_json: bool,
) -> None:
    """Write a JSON array of the records' `fields`, or their table.

    `nothing` is written instead of an empty table. On a terminal long cells take several lines.
    """
    if as_json:
        typer.echo(json.dumps([fields(record) for record in records], default=str))
    elif not records:
        typer.echo(nothing)
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = _WIDE
        console.print(table(records))
