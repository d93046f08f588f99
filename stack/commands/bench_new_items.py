"""`tandem bench new-items`: how soon an item that was just told is recommended and found."""

import json
import shutil
import tempfile
from pathlib import Path

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from stack.home import Home
from stack.new_items.measuring import NewItemsRun, Seconds
from stack.settings import StackSettings


def run(
    _settings: StackSettings, _home: Home, *, items: int, trials: int, seed: int, as_json: bool
) -> int:
    """Write medians and the worst, as one JSON object if asked; logs are kept if it failed."""
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
    told = measured.described()
    for name in ("candidates", "search", "similar"):
        median, worst = told[f"{name}_seconds"], told[f"{name}_worst_seconds"]
        console.print(f"{name:<11} median {1000 * median:6.0f} ms  worst {1000 * worst:6.0f} ms")
    if as_json:
        typer.echo(json.dumps(told))
    return 0
