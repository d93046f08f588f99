"""Versions of placements as these commands write them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from serving.placements.placement_keeping import PlacementVersion


def version_fields(found: PlacementVersion) -> dict[str, Any]:
    """A version for programs."""
    saved_at = None if found.saved_at is None else found.saved_at.isoformat()
    return asdict(found) | {"saved_at": saved_at}


def print_versions(found: Sequence[PlacementVersion]) -> None:
    """Write a table for people."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("placement", "version", "saved", "by", "decides"):
        table.add_column(title, justify="right" if title == "version" else "left", no_wrap=True)
    table.add_column("note")
    for each in found:
        table.add_row(
            each.name,
            str(each.version),
            "" if each.saved_at is None else f"{each.saved_at:%Y-%m-%d %H:%M}",
            each.saved_by,
            ", ".join(each.definition) or "nothing",
            each.note,
        )
    Console(soft_wrap=True, markup=False).print(table)


def in_words(found: PlacementVersion) -> str:
    """A line that says which version is in force."""
    return f"Version {found.version} of {found.name} is in force, in every process within a second."
