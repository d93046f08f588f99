"""List the attributes that have indexes for filters."""

import json

import typer
from rich.markup import escape
from rich.table import Table

from sql.filtered_attributes import FilteredAttribute, list_attributes
from stack.cli.database import opened_database
from stack.cli.lists import print_list
from stack.cli.options import AsJson
from stack.cli.preparing import prepare

_NONE = "No attribute is declared. `tandem filter add ATTRIBUTE` declares one."
_MEGABYTE = 1_000_000


def command(*, as_json: AsJson = False) -> None:
    """Write a table, or a JSON array: `attribute`, `added_at`, `is_indexed` and `bytes` of each."""
    with opened_database(*prepare(), "tandem filter") as connection:
        attributes = list_attributes(connection)
    if as_json:
        typer.echo(json.dumps([_fields(each) for each in attributes]))
    elif attributes:
        print_list(_table(attributes))
    else:
        typer.echo(_NONE)


def _fields(attribute: FilteredAttribute) -> dict[str, object]:
    return {
        "attribute": attribute.name,
        "added_at": attribute.added_at.isoformat(),
        "is_indexed": attribute.is_indexed,
        "bytes": attribute.bytes,
    }


def _table(attributes: list[FilteredAttribute]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("attribute", "added", "indexes", "size"):
        table.add_column(title, justify="right" if title == "size" else "left", no_wrap=True)
    for each in attributes:
        table.add_row(
            escape(each.name),
            f"{each.added_at:%Y-%m-%d}",
            "complete" if each.is_indexed else "not finished: add it again",
            f"{each.bytes / _MEGABYTE:,.1f} MB",
        )
    return table
