"""What a load understood, as tables for a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from loading.plans import Column, Plan

_MOST_UNREAD = 12


def understood_tables(
    plans: Sequence[Plan], skipped: Mapping[str, str]
) -> Iterator[RenderableType]:
    """A heading and a table for each file, and why others are not loaded."""
    for plan in plans:
        yield heading(plan.table.source.name, str(plan.content), plan.layout, plan.notes)
        yield columns_table(plan.columns)
        if plan.unread:
            yield unread_line(plan.unread)
    for file, reason in skipped.items():
        yield f"[dim]not loaded: {escape(file)}: {escape(reason)}[/]"


def heading(file: str, content: str, layout: str | None, notes: Sequence[str]) -> str:
    """The file, what it holds, and what was understood of it as a whole."""
    notes_text = ", ".join([*([layout] if layout else []), *notes])
    return f"[bold]{escape(file)}[/]: {content}{f' ({escape(notes_text)})' if notes_text else ''}"


def columns_table(columns: Sequence[Column]) -> Table:
    """What each column means."""
    table = Table(
        "column", "is", "such as", "read as", box=None, header_style="dim", padding=(0, 2)
    )
    for column in columns:
        sample = ", ".join(text if len(text) <= 24 else f"{text[:23]}…" for text in column.sample)  # noqa: PLR2004
        table.add_row(escape(column.name), column.meaning, escape(sample), escape(column.read_as))
    return table


def unread_line(unread: Sequence[str]) -> str:
    """The columns nothing was read from."""
    more = f" and {len(unread) - _MOST_UNREAD} more" if len(unread) > _MOST_UNREAD else ""
    return f"  [yellow]not read[/]: {escape(', '.join(unread[:_MOST_UNREAD]))}{more}"
