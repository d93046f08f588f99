"""List the API keys by name; the keys themselves are stored nowhere."""

import json

import typer
from rich.console import Console
from rich.table import Table

from stack.api_key import KeyRecord, load_keys
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.database import connected
from stack.local.stores import opened_stores


def command(*, as_json: AsJson = False) -> None:
    """Write a table, or a JSON array of `name`, `scopes`, `created_at` and `revoked_at`."""
    with (
        opened_stores(*prepare(), "tandem key") as stores,
        connected(stores.database_url) as connection,
    ):
        records = load_keys(connection)
    if as_json:
        typer.echo(json.dumps([_plain(record) for record in records]))
    else:
        Console(soft_wrap=True).print(_table(records))


def _plain(record: KeyRecord) -> dict[str, object]:
    return {
        "name": record.name,
        "scopes": record.scopes,
        "created_at": record.created_at.isoformat(),
        "revoked_at": record.revoked_at and record.revoked_at.isoformat(),
    }


def _table(records: list[KeyRecord]) -> Table:
    table = Table("name", "scopes", "created", "", box=None, header_style="bold", pad_edge=False)
    for record in records:
        ended = f"revoked {record.revoked_at:%Y-%m-%d %H:%M}" if record.revoked_at else ""
        created = f"{record.created_at:%Y-%m-%d %H:%M}"
        table.add_row(record.name, ", ".join(record.scopes), created, ended)
    return table
