"""Memory of the whole stack at rest, with the sample loaded and the first night served.

    python -m benchmarks memory [--workers 2] [--settle-seconds 20] [--resting] [--json]

PSS from `/proc/*/smaps_rollup`: a page that several processes share counts once, PostgreSQL's
buffers too. Linux only. The stack is one of its own; settings come from the environment.
"""

import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.command import run_command
from benchmarks.process_memory import Memory, measure
from benchmarks.soak_system import running_system
from stack.cli.options import AsJson

_WHEN_NEEDED = {"TANDEM_PREFECT": "when_needed", "TANDEM_PREFECT_IDLE_SECONDS": "5"}


def memory(
    *,
    workers: Annotated[int, typer.Option(min=1, help="Processes of the API.")] = 2,
    settle_seconds: Annotated[float, typer.Option(min=0, help="From the last step on.")] = 20.0,
    resting: Annotated[
        bool, typer.Option("--resting", help="With Prefect only when it is needed, at rest.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Start everything, wait, and add up what each process holds."""
    prefect = _WHEN_NEEDED if resting else {}
    with running_system(settings={"TANDEM_API_WORKERS": str(workers), **prefect}) as system:
        while resting and not system.prefect_rests():
            time.sleep(1.0)
        time.sleep(settle_seconds)
        pids = system.pids()
        held = dict(measure(0.0, pids).memory)
    figures = described(held, workers)
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        _print_report(held, figures["total_mib"])
    return 0


def described(held: dict[str, Memory], workers: int) -> dict[str, float]:
    """The sum and the share of each process, in MiB; `api_workers` is a count."""
    each = {f"{name}_mib": round(memory.pss, 1) for name, memory in held.items()}
    total = sum(memory.pss for memory in held.values())
    return {"total_mib": round(total, 1), **each, "api_workers": workers}


def _print_report(held: dict[str, Memory], total: float) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("MiB", "PSS", "own", "shared", "files", "processes"):
        table.add_column(title, justify="left" if title == "MiB" else "right")
    for name, memory in held.items():
        shown = (memory.pss, memory.anonymous, memory.shared_memory, memory.files)
        table.add_row(name, *(f"{mib:.1f}" for mib in shown), f"{memory.processes:.0f}")
    table.add_row("all", f"{total:.1f}")
    Console(highlight=False).print(table)


def main() -> None:
    """Measure as the command line says."""
    run_command(memory)


if __name__ == "__main__":
    main()
