"""Build damaged and missing vector indexes of the kept runs anew, the served one's first."""

import json
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import Engine

from batch.space.index_repair import (
    RunIndex,
    find_fault,
    format_progress,
    load_indexes,
    rebuild,
    repairing,
)
from domain.errors import RepairRefusedError
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.database import using_engine
from stack.local.stores import opened_stores

_POLL_SECONDS = 0.5
_NO_INDEX = (
    "No kept run has a vector index: their items are few and are compared exactly. There is nothing"
    " to repair."
)


def command(
    *,
    anew: Annotated[
        bool, typer.Option("--anew", help="Build the indexes that are well anew too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Exit code 0 once all indexes are well; RepairRefusedError if no run has one.

    As JSON: an array with `index`, `run_id`, `fault` (null: none), `rebuilt` and `recall` of each;
    progress goes to standard error then.
    """
    console = Console(soft_wrap=True, highlight=False, stderr=as_json)
    with (
        opened_stores(*prepare(), "tandem repair index") as stores,
        using_engine(stores.database.owner) as engine,
        repairing(engine),
    ):
        indexes = load_indexes(engine)
        if not indexes:
            raise RepairRefusedError(_NO_INDEX)
        repaired = [_repair(engine, index, console, anew=anew) for index in indexes]
    if as_json:
        typer.echo(json.dumps(repaired))


def _repair(engine: Engine, index: RunIndex, console: Console, *, anew: bool) -> dict[str, Any]:
    of_run = f"run {index.run_id}, {'which is served' if index.served else 'which is kept'}"
    fault = find_fault(engine, index)
    fields = {"index": index.name, "run_id": index.run_id, "served": index.served, "fault": fault}
    if fault is None and not anew:
        console.print(f"[green]✓[/] {index.name} ({of_run}) is well.")
        return fields | {"rebuilt": False, "recall": None}
    console.print(f"[yellow]![/] {index.name} ({of_run}): {fault or 'to be built anew'}.")
    recall = _rebuilt(engine, index, console)
    console.print(f"[green]✓[/] {index.name} is built; it finds {recall:.1%} of the exact answer.")
    return fields | {"rebuilt": True, "recall": recall}


def _rebuilt(engine: Engine, index: RunIndex, console: Console) -> float:
    """Build it, and print how far that is: in motion on a terminal, each phase once elsewhere."""
    printed_phases: set[str] = set()
    with ThreadPoolExecutor(1) as pool, console.status(f"building {index.name}") as status:
        building = pool.submit(rebuild, engine, index)
        while not wait((building,), timeout=_POLL_SECONDS).done:
            progress = format_progress(engine)
            if progress is None:
                continue
            status.update(f"building {index.name}: {progress}")
            phase = progress.partition(",")[0]
            if not console.is_terminal and phase not in printed_phases:
                console.print(f"  {phase}")
            printed_phases.add(phase)
        return building.result()
