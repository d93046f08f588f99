"""Show who administered what, newest first: keys, loads, runs, kinds of events, users."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from sql.audit import AuditEntry, list_audit
from stack.cli.database import opened_database
from stack.cli.lists import print_list
from stack.cli.options import AsJson
from stack.cli.preparing import prepare


def command(
    *,
    most: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    before: Annotated[
        int | None, typer.Option(help="Only entries before the one of this number.", min=1)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a table, or a JSON array of entries."""
    with opened_database(*prepare(), "tandem audit") as connection:
        entries = list_audit(connection, most, before)
    print_list(
        entries,
        dataclasses.asdict,
        _table,
        nothing="Nothing was administered yet.",
        as_json=as_json,
    )


def _table(entries: Sequence[AuditEntry]) -> Table:
    table = Table("entry", "at (UTC)", "by", "act", "on", "details", box=None, pad_edge=False)
    for entry in entries:
        table.add_row(
            str(entry.audit_id),
            f"{entry.at:%Y-%m-%d %H:%M}",
            escape(entry.actor),
            escape(entry.act),
            escape(entry.subject),
            escape(_written(entry.details)),
        )
    return table


def _written(details: Mapping[str, Any]) -> str:
    """What is known, in one line."""
    known = {name: value for name, value in details.items() if value not in (None, [], {})}
    return ", ".join(f"{name} {_text(value)}" for name, value in known.items())


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
