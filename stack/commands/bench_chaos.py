"""`tandem bench chaos`: what is lost, doubled or mixed while processes are killed."""

import asyncio
import json
import shutil
import signal
import tempfile
from pathlib import Path

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from stack.chaos.options import ChaosOptions
from stack.chaos.report import Figures, holds, summary
from stack.chaos.run import ChaosRun
from stack.home import Home
from stack.settings import StackSettings

_ENDING = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130


def run(
    _settings: StackSettings,
    _home: Home,
    *,
    seconds: float,
    seed: int,
    reads: float,
    events: float,
    as_json: bool,
) -> int:
    """Exit code 0 if every promise was kept, 1 if one was broken; what broke it is in a file."""
    options = ChaosOptions(seconds, seed, reads_per_second=reads, events_per_second=events)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="tandem-chaos-"))
    folder.chmod(0o755)
    violations = folder / "violations.jsonl"
    kept = True
    try:
        told = uvloop.run(_until_told(options, folder, violations, console))
        kept = violations.exists() or not holds(told)
    except asyncio.CancelledError:
        console.print("Stopped; every process has been ended.")
        kept = False
        return INTERRUPTED
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"The logs and the timeline lie in {folder}")
    for line in summary(told):
        console.print(line)
    if violations.exists():
        console.print(f"Every violation with what surrounded it: {violations}")
    if as_json:
        typer.echo(json.dumps(told))
    return 0 if holds(told) else 1


async def _until_told(
    options: ChaosOptions, folder: Path, violations: Path, console: Console
) -> Figures:
    """The figures; the first signal to end cancels, so that all processes are ended."""
    chaos = ChaosRun(options, folder, violations, lambda line: console.print(escape(line)))
    task = asyncio.ensure_future(chaos.figures())
    for number in _ENDING:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task
