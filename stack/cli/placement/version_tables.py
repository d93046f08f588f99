"""Versions of placements as these commands write them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table

from serving.placements.placement_keeping import PlacementVersion
from stack.cli.lists import print_list


def version_fields(found: PlacementVersion) -> dict[str, Any]:
    """A version for programs."""
    saved_at = None if found.saved_at is None else found.saved_at.isoformat()
    return asdict(found) | {"saved_at": saved_at}


def print_versions(found: Sequence[PlacementVersion], *, as_json: bool) -> None:
    """Write a table, or a JSON array with the fields of `version_fields`."""
    print_list(found, version_fields, _table, nothing="It was never decided for.", as_json=as_json)


def _table(found: Sequence[PlacementVersion]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("placement", "version", "saved", "by", "decides"):
        table.add_column(title, justify="right" if title == "version" else "left", no_wrap=True)
    table.add_column("note")
    for each in found:
        table.add_row(
            escape(each.name),
            str(each.version),
            "" if each.saved_at is None else f"{each.saved_at:%Y-%m-%d %H:%M}",
            escape(each.saved_by),
            escape(", ".join(each.definition) or "nothing"),
            escape(each.note),
        )
    return table


def in_words(found: PlacementVersion) -> str:
    """A line that says which version is in force."""
    return f"Version {found.version} of {found.name} is in force, in every process within a second."
