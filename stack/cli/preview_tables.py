"""A preview of a load, for a terminal."""

from datetime import UTC

from rich.console import Console
from rich.markup import escape

from loading.preview import EventFigures, FilePreview, Preview
from stack.cli.load_tables import columns_table, heading, unread_line

_MOST_SHOWN = 200


def print_preview(console: Console, shown: Preview) -> None:
    """Everything a load would do, file by file."""
    for file in shown.files:
        _print_file(console, file)
    for name, reason in shown.skipped.items():
        console.print(f"[dim]not loaded: {escape(name)}: {escape(reason)}[/]")
    console.print("Nothing was stored.")


def _print_file(console: Console, file: FilePreview) -> None:
    console.print(heading(file.file, file.content, file.layout, file.notes))
    console.print(columns_table(file.columns))
    if file.unread:
        console.print(unread_line(file.unread))
    console.print(f"  rows: {file.rows:,}")
    if file.items is not None:
        known = f", {file.known_items:,} are there and change" if file.known_items else ""
        console.print(f"  {file.content}: {file.items:,} items{known}")
    if file.events is not None:
        _print_events(console, file.events)
    for rejected in file.rejected:
        console.print(f"  [yellow]rejected {rejected.rows:,}[/]: {escape(rejected.reason)}")
        for sample in rejected.samples:
            console.print(f"    [dim]{escape(sample[:_MOST_SHOWN])}[/]")


def _print_events(console: Console, events: EventFigures) -> None:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in events.by_kind.items())
    console.print(f"  events: {kinds or 'none'}")
    if events.left_out:
        console.print(f"  left out: {events.left_out:,}")
    if events.ratings:
        ratings = ", ".join(f"{count:,} {meaning}" for meaning, count in events.ratings.items())
        console.print(f"  ratings mean: {ratings}")
    if events.first is not None and events.last is not None:
        first, last = events.first.astimezone(UTC), events.last.astimezone(UTC)
        console.print(f"  from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")
    console.print(
        f"  users: {events.users:,}, {_share(events.users_with_two, events.users)} with two items"
        f" or more; items: {events.items:,}, {_share(events.items_with_two, events.items)} with two"
        " users or more: the night learns from these"
    )
    if events.known_users or events.known_items:
        console.print(
            f"  there already: {events.known_users:,} of the users, {events.known_items:,} of the"
            f" items, {events.known_events:,} of the events, which are not stored again"
        )
    if events.repeated:
        console.print(f"  the same event again: {events.repeated:,}, each stored once")
    if events.conflicts:
        console.print(f"  [yellow]ids with another content: {events.conflicts:,}[/], rejected")
    if events.contexts:
        console.print(f"  different contexts: {events.contexts:,}")
    if events.first_row:
        stored = ", ".join(f"{name} {value}" for name, value in events.first_row.items())
        console.print(f"  the first row is stored as {escape(stored)}")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "0%"
