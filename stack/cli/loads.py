"""List loads, newest first: what came in, by whom, and what became of its rows."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sql.loads import Load, list_loads
from stack.cli.database import opened_database
from stack.cli.lists import print_list
from stack.cli.options import AsJson
from stack.cli.preparing import prepare


def command(
    *,
    most: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 20,
    as_json: AsJson = False,
) -> None:
    """`tandem load --undo LOAD` takes one back."""
    settings, home = prepare()
    with opened_database(settings, home, "tandem loads") as connection:
        loads = list_loads(connection, most)
    print_list(
        loads,
        dataclasses.asdict,
        _table,
        nothing="Nothing was loaded yet: `tandem load PATH` does.",
        as_json=as_json,
    )
    if not as_json and any(load.state == "interrupted" for load in loads):
        typer.echo(
            "An interrupted load goes on when the same is loaded again, or is taken back with"
            " `tandem load --undo LOAD`."
        )


def _table(loads: Sequence[Load]) -> Table:
    table = Table("load", "state", "began", "by", "events", "items", "rejected", box=None)
    table.add_column("source", overflow="fold")
    for load in loads:
        counts = load.counts
        table.add_row(
            str(load.load_no),
            load.state,
            f"{load.started_at:%Y-%m-%d %H:%M}",
            escape(load.loaded_by),
            f"{counts.get('events_stored', 0):,}" if counts else "?",
            f"{counts.get('items_new', 0):,}" if counts else "?",
            f"{sum(counts.get('rejected', {}).values()):,}" if counts else "?",
            escape(load.source),
        )
    return table
