"""List the attributes that have indexes for filters."""

from collections.abc import Sequence

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
    print_list(attributes, _fields, _table, nothing=_NONE, as_json=as_json)


def _fields(attribute: FilteredAttribute) -> dict[str, object]:
    return {
        "attribute": attribute.name,
        "added_at": attribute.added_at.isoformat(),
        "is_indexed": attribute.is_indexed,
        "bytes": attribute.bytes,
    }


def _table(attributes: Sequence[FilteredAttribute]) -> Table:
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
