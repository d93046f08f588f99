"""What readers notice of a bulk load.

`python -m benchmarks loading-reads` starts PostgreSQL, Redis, the speed worker and API processes of
its own, reads at a steady rate whatever the answers take, sends 20 events a second, and lets
`tandem load` load events of the same catalogue meanwhile. Quiet times and loads take turns, so that
what else the machine does comes to both.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from benchmarks.command import Seed, run_command
from benchmarks.halved_runs import ITEMS, prepare, publish
from benchmarks.loaded_files import progress, served_folder
from benchmarks.made_events import write_events
from benchmarks.read_system import run_in, running_system
from benchmarks.readers import Figures, Readers
from domain.errors import StackError
from stack.cli.options import AsJson
from tests.chaos.client import Api

_EVENTS_A_USER = 20
_QUIET, _LOAD = "quiet", "load"
_WARM_SECONDS = 5.0
"""Until caches are filled, and until a load is folded in."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """How long answers took without a load and beside one."""

    events: int
    reads_a_second: int
    load_seconds: float
    """What the commands took, to their ends."""
    quiet_p99_ms: float
    quiet_reads: int
    loading_p99_ms: float
    """Of what was asked from the beginning of a load to its end."""
    loading_reads: int
    ratio: float
    """Of the two."""
    failed_reads: int
    refused_events: int


def loading_reads(
    *,
    events: Annotated[int, typer.Option(min=1_000, help="Events in all files.")] = 500_000,
    rounds: Annotated[int, typer.Option(min=1, help="Files, a quiet time before each.")] = 3,
    reads: Annotated[int, typer.Option(min=1, help="Reads a second.")] = 50,
    apis: Annotated[int, typer.Option(min=1, help="API processes.")] = 1,
    quiet_seconds: Annotated[float, typer.Option(min=1.0, help="Before each load.")] = 15.0,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Read quietly, then beside a load, and compare the slowest hundredths."""
    with (
        progress() as on_step,
        served_folder() as folder,
        running_system(apis) as (url, ports, key),
    ):
        users = max(events // _EVENTS_A_USER, 100)
        each = events // rounds
        paths = [
            write_events(folder / f"events-{n}.csv", each, users=users, items=ITEMS, seed=seed + n)
            for n in range(rounds)
        ]
        on_step(
            f"{rounds} times {reads} reads a second for {quiet_seconds:g} s, then beside a load of"
            f" {each:,} events"
        )
        work = _Work(url, Api(ports, key), paths, each, reads, quiet_seconds)
        figures = uvloop.run(_measured(work))
    noticed = _noticed(figures, events, reads)
    if as_json:
        typer.echo(json.dumps(asdict(noticed)))
    else:
        typer.echo(
            f"p99 of {noticed.quiet_reads:,} reads without a load {noticed.quiet_p99_ms:.1f} ms, of"
            f" {noticed.loading_reads:,} beside it {noticed.loading_p99_ms:.1f} ms, ratio"
            f" {noticed.ratio:.2f}; {events:,} events took {noticed.load_seconds:.1f} s"
        )
    return 0


@dataclass(frozen=True, slots=True)
class _Work:
    """What is loaded where, and who reads."""

    url: str
    api: Api
    paths: list[Path]
    events: int
    """In each."""
    reads_a_second: int
    quiet_seconds: float


async def _measured(work: _Work) -> Figures:
    figures = Figures()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
        run_id, cut_off = await run_in(elsewhere, prepare, work.url, 0)
        await run_in(elsewhere, publish, work.url, run_id)
    readers = Readers(work.api, figures, {run_id: (0, cut_off)})
    await readers.wait_until_ready()
    sending = asyncio.create_task(readers.send_load(work.reads_a_second))
    for path in work.paths:
        await asyncio.sleep(_WARM_SECONDS)
        began = time.perf_counter()
        await asyncio.sleep(work.quiet_seconds)
        loading = time.perf_counter()
        await _load(work, path)
        figures.windows += [(_QUIET, began, loading), (_LOAD, loading, time.perf_counter())]
    sending.cancel()
    await asyncio.sleep(1.0)  # for the answers that are still under way
    work.api.close()
    return figures


async def _load(work: _Work, path: Path) -> None:
    """Run `tandem load`; StackError if it does not store all."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("tandem")),
        "load",
        str(path),
        "--json",
        cwd=path.parent,
        env=os.environ | {"DATABASE_URL": work.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    report, errors = await process.communicate()
    if process.returncode != 0:
        raise StackError(f"tandem load failed: {errors.decode()}")
    stored = json.loads(report)["events_stored"]
    if stored != work.events:
        raise StackError(f"{stored:,} of {work.events:,} events were stored")


def _noticed(figures: Figures, events: int, reads_a_second: int) -> Noticed:
    if figures.broken or figures.mixed:
        raise StackError(f"nothing was measured: {[*figures.broken, *figures.mixed][0]}")

    def within(what: str) -> Callable[[float], bool]:
        windows = [(a, b) for name, a, b in figures.windows if name == what]
        return lambda due: any(a <= due < b for a, b in windows)

    quiet, quiet_reads = figures.p99_ms(within(_QUIET))
    loading, reads = figures.p99_ms(within(_LOAD))
    return Noticed(
        events=events,
        reads_a_second=reads_a_second,
        load_seconds=round(sum(b - a for name, a, b in figures.windows if name == _LOAD), 2),
        quiet_p99_ms=round(quiet, 2),
        quiet_reads=quiet_reads,
        loading_p99_ms=round(loading, 2),
        loading_reads=reads,
        ratio=round(loading / quiet, 3),
        failed_reads=len(figures.failed),
        refused_events=len(figures.refused),
    )


def main() -> None:
    """Measure as the command line says."""
    run_command(loading_reads)


if __name__ == "__main__":
    main()
