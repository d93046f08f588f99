"""What is lost, doubled or mixed while processes are killed.

    python -m benchmarks chaos --seconds 600 --seed 1 --json

The code is that of `tests/chaos/`; docs/chaos-figures.md says what each figure means.
"""

import asyncio
import json
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from benchmarks.command import Seed, run_command
from stack.cli.options import AsJson
from tests.chaos.options import ChaosOptions
from tests.chaos.report import Figures, holds, summary
from tests.chaos.run import ChaosRun

_ENDING = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130


def chaos(
    *,
    seconds: Annotated[
        float, typer.Option(min=10.0, help="How long there is load and harm.")
    ] = 60.0,
    seed: Seed = 1,
    reads: Annotated[float, typer.Option(min=1.0, help="Lists asked for, a second.")] = 25.0,
    events: Annotated[float, typer.Option(min=1.0, help="Events sent, a second.")] = 20.0,
    hosts: Annotated[
        bool,
        typer.Option(
            "--hosts",
            help="The stores on one machine (a namespace of the network), the workers on two others"
            " that are cut off now and then, PgBouncer between. On Linux, as root.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Kill, freeze and roll back a system of its own under load, and report what that broke.

    Exit code 0 if every promise was kept, 1 if one was broken; what broke it is in a file.
    """
    options = ChaosOptions(
        seconds, seed, reads_per_second=reads, events_per_second=events, hosts=hosts
    )
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="tandem-chaos-"))
    folder.chmod(0o755)
    violations = folder / "violations.jsonl"
    kept = True
    try:
        figures = uvloop.run(_until_checked(options, folder, violations, console))
        kept = violations.exists() or not holds(figures)
    except asyncio.CancelledError:
        console.print("Stopped; every process has been ended.")
        kept = False
        return INTERRUPTED
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"The logs and the timeline lie in {folder}")
    for line in summary(figures):
        console.print(line)
    if violations.exists():
        console.print(f"Every violation with what surrounded it: {violations}")
    if as_json:
        typer.echo(json.dumps(figures))
    return 0 if holds(figures) else 1


async def _until_checked(
    options: ChaosOptions, folder: Path, violations: Path, console: Console
) -> Figures:
    """The figures; the first signal to end cancels, so that all processes are ended."""
    run = ChaosRun(options, folder, violations, lambda line: console.print(escape(line)))
    task = asyncio.ensure_future(run.figures())
    for number in _ENDING:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


def main() -> None:
    """Measure as the command line says."""
    run_command(chaos)


if __name__ == "__main__":
    main()
