"""Load items and interactions; rows that cannot be loaded are put aside and reported."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import loading
from domain.errors import InvalidInputError
from loading import LoadReport, load_path
from stack.cli.preparing import prepare
from stack.local.stores import opened_stores


def command(
    path: Annotated[
        Path,
        typer.Argument(help="A MovieLens folder, or a CSV, JSON lines or Parquet file."),
    ],
    *,
    create_items: Annotated[
        bool,
        typer.Option(
            "--create-items", help="Make the items that events name and nobody has loaded."
        ),
    ] = False,
) -> None:
    """Write what was loaded and what was not; exit code 0 also if rows were rejected."""
    settings, home = prepare()
    if not path.exists():
        raise InvalidInputError(f"There is no file or folder {path}.")
    console = Console(soft_wrap=True, highlight=False)
    with opened_stores(settings, home, "tandem load") as stores:
        report = _load(console, path, stores.database_url, create_items=create_items)
    _print_report(console, report)


def _load(console: Console, path: Path, database_url: str, *, create_items: bool) -> LoadReport:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:>12,} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(path.name, total=None, rows=0)

        def show(progress: loading.Progress) -> None:
            bar.update(
                task,
                description=progress.file,
                total=progress.total_bytes,
                completed=progress.bytes_read,
                rows=progress.rows,
            )

        return load_path(path, database_url, create_items=create_items, on_progress=show)


def _print_report(console: Console, report: LoadReport) -> None:
    table = Table("", "new", "changed", "as before", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row(
        "items",
        f"{report.items_new:,}",
        f"{report.items_changed:,}",
        f"{report.items_unchanged:,}",
    )
    table.add_row("events", f"{report.events_stored:,}", "", f"{report.events_repeated:,}")
    console.print(table)
    for reason, rows in report.rejected.items():
        console.print(f"[yellow]rejected {rows:,}[/]: {reason}")
    if report.rejects_path is not None:
        console.print(f"The rejected rows are in {report.rejects_path}")
    for file, reason in report.skipped_files.items():
        console.print(f"[dim]not loaded: {file}, {reason}[/]")
    if report.advice is not None:
        console.print(f"[bold]{report.advice}[/]")
