"""Write events, items, users, recommendations or a view as a file, which load reads again.

As in: tandem export events --output events.parquet. Views are those of the schema analytics.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from domain.errors import InvalidInputError
from loading.export import opened_export
from loading.file_formats import FileFormat
from loading.whole_file import whole_file
from stack.cli.preparing import prepare
from stack.local.stores import opened_stores

STANDARD_OUTPUT = Path("-")


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="events, items, users, recommendations, or the name of a view."
        ),
    ],
    *,
    file_format: Annotated[
        FileFormat | None,
        typer.Option(
            "--format", help="As the name of the file says if left out, and CSV if that is not one."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="A file, or - for standard output.")] = (
        STANDARD_OUTPUT
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Exit code 0 once all rows are written; until then no file has the name."""
    began = time.monotonic()
    settings, home = prepare()
    chosen = file_format or _format_of(output)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    with (
        opened_stores(settings, home, "tandem export") as stores,
        _opened(output, chosen, replace=force) as target,
        opened_export(name, stores.database_url, chosen) as export,
        _progress(console, output) as bar,
    ):
        task = bar.add_task(name, rows=0)
        rows = export.write(target, lambda done: bar.update(task, rows=done))
    console.print(f"{rows:,} rows of {name} in {time.monotonic() - began:.1f} s", markup=False)


def _format_of(output: Path) -> FileFormat:
    suffix = output.suffix.removeprefix(".").lower()
    return next((known for known in FileFormat if known == suffix), FileFormat.CSV)


@contextmanager
def _opened(output: Path, chosen: FileFormat, *, replace: bool) -> Iterator[BinaryIO]:
    if output != STANDARD_OUTPUT:
        with whole_file(output, replace=replace) as file:
            yield file
        return
    if chosen is FileFormat.PARQUET and sys.stdout.isatty():
        raise InvalidInputError("Parquet is not for the eyes: give a file with --output.")
    yield sys.stdout.buffer


def _progress(console: Console, output: Path) -> Progress:
    """Rows as they go by, where they do not themselves."""
    watched = console.is_terminal and not (output == STANDARD_OUTPUT and sys.stdout.isatty())
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[rows]:>12,} rows"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not watched)
