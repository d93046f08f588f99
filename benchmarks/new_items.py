"""How soon an item that was just added is recommended, found and compared.

python -m benchmarks new-items --items 10000 --json
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from benchmarks.command import Seed, run_command
from benchmarks.first_answers import NewItemsRun, Seconds
from stack.cli.options import AsJson


def new_items(
    *,
    items: Annotated[int, typer.Option(min=1_000, help="Size of the catalogue.")] = 10_000,
    trials: Annotated[int, typer.Option(min=1, help="New items, one after the other.")] = 30,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> int:
    """Add new items to a system of its own, and measure until each is recommended and found."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="tandem-new-items-"))
    folder.chmod(0o755)
    measured: Seconds | None = None
    bench = NewItemsRun(items, trials, seed, folder, lambda line: console.print(escape(line)))
    try:
        measured = uvloop.run(bench.seconds())
    finally:
        if measured is not None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"The logs lie in {folder}")
    figures = measured.described()
    for name in ("candidates", "search", "similar"):
        median, worst = figures[f"{name}_seconds"], figures[f"{name}_worst_seconds"]
        console.print(f"{name:<11} median {1000 * median:6.0f} ms  worst {1000 * worst:6.0f} ms")
    if as_json:
        typer.echo(json.dumps(figures))
    return 0


def main() -> None:
    """Measure as the command line says."""
    run_command(new_items)


if __name__ == "__main__":
    main()
