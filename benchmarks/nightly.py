"""A whole night against one fit: from rows in PostgreSQL to the switched run, and its memory.

    python -m benchmarks nightly [--users 20000] [--items 5000] [--events 1000000] [--growth 1]

The events are made up. Beside the night stand one final fit and one top-n for all users by
`implicit`, with the parameters of that run, in the same minutes and as nice to others. With
`--growth 4` a quarter of all comes first, and the exponent says how time and memory grow.
"""

import json
import math
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from sqlalchemy import text

from batch.bulk import bulk_connection
from batch.engines.implicit_engine import ImplicitEngine
from batch.history.interactions import load_interactions
from batch.history.matrix import InteractionMatrix, interaction_matrix
from batch.lists.listing import fit_factors
from batch.lists.nightly_lists import all_lists
from batch.parameters import ListHyperparameters
from batch.settings import BatchSettings
from benchmarks.command import Seed, run_command
from benchmarks.loaded_files import progress
from benchmarks.made_events import write_events, write_items
from benchmarks.own_night import OnStep, OwnRun, own_run
from benchmarks.peak_memory import WatchedNight
from loading.priority import let_others_go_first
from sql.log import event_horizon, load_kinds
from stack.cli.options import AsJson

_MIB = 1024.0 * 1024.0
_TASTES = 20
_LIVE_FACTORS = {"TANDEM_BATCH_LIVE_FACTORS": "64"}
_RUN = text(
    "select parameters -> 'lists' as lists, step_seconds,"
    " extract(epoch from finished_at - started_at) as seconds"
    " from model_runs join live_run using (run_id)"
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to learn from."""

    users: int
    items: int
    events: int

    def divided(self, by: int) -> "Size":
        """A smaller one of the same shape."""
        return Size(self.users // by, self.items // by, self.events // by)


@dataclass(frozen=True, slots=True)
class MeasuredNight:
    """A night and the fit beside it."""

    seconds: float
    """From the begin of the run to the switch."""
    fit_seconds: float
    lists_seconds: float
    peaks: dict[str, float]
    """The most the process of the night had in memory, in MiB, by step."""
    held_mib: float
    """The matrix and the factors of both sides."""
    steps: dict[str, float]

    @property
    def peak_mib(self) -> float:
        """The most of all steps."""
        return max(self.peaks.values())

    @property
    def ratio(self) -> float:
        """How many fits with their lists a night takes."""
        return self.seconds / (self.fit_seconds + self.lists_seconds)

    def described(self) -> dict[str, float]:
        """For programs."""
        return {
            "seconds": round(self.seconds, 1),
            "fit_seconds": round(self.fit_seconds, 1),
            "lists_seconds": round(self.lists_seconds, 1),
            "ratio": round(self.ratio, 3),
            "peak_mib": round(self.peak_mib),
            "matrix_and_factors_mib": round(self.held_mib, 1),
            "memory_ratio": round(self.peak_mib / self.held_mib, 2),
            "load": round(os.getloadavg()[0], 1),
            **{f"step: {step}": seconds for step, seconds in self.steps.items()},
            **{f"mib: {step}": round(peak) for step, peak in self.peaks.items()},
        }


def nightly(
    *,
    users: Annotated[int, typer.Option(min=10, help="Made-up users.")] = 20_000,
    items: Annotated[int, typer.Option(min=10, help="Made-up items.")] = 5_000,
    events: Annotated[int, typer.Option(min=100, help="Made-up events.")] = 1_000_000,
    growth: Annotated[int, typer.Option(min=1, help="First measure one nth of it.")] = 1,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Load, run a night, and fit once more."""
    size = Size(users, items, events)
    with progress() as on_step:
        smaller = None if growth == 1 else _measured(size.divided(growth), seed, on_step)
        measured = _measured(size, seed, on_step)
    figures = measured.described() | {"users": users, "items": items, "events": events}
    if smaller is not None:
        figures["time_exponent"] = _exponent(smaller.seconds, measured.seconds, growth)
        figures["memory_exponent"] = _exponent(smaller.peak_mib, measured.peak_mib, growth)
    if as_json:
        typer.echo(json.dumps(figures))
        return 0
    for name, figure in figures.items():
        Console(highlight=False).print(f"{name:56}{figure:>14,.6g}")
    return 0


def _exponent(before: float, after: float, growth: int) -> float:
    return round(math.log(after / before) / math.log(growth), 2)


def _measured(size: Size, seed: int, on_step: OnStep) -> MeasuredNight:
    with tempfile.TemporaryDirectory(prefix="tandem-made-") as folder:
        data = Path(folder)
        write_items(data / "items.csv", size.items)
        write_events(
            data / "events.csv",
            size.events,
            users=size.users,
            items=size.items,
            seed=seed,
            tastes=_TASTES,
        )
        watched = WatchedNight()
        with own_run(data, on_step, _LIVE_FACTORS, watched.listen) as run:
            on_step("fitting once more")
            return _beside_a_fit(run, watched.peaks)


def _beside_a_fit(run: OwnRun, peaks: dict[str, float]) -> MeasuredNight:
    let_others_go_first()
    with run.engine.connect() as connection:
        row = connection.execute(_RUN).one()
    hyperparameters = ListHyperparameters.from_dict(row.lists)
    settings, matrix = BatchSettings(), _matrix_of(run)
    engine = ImplicitEngine(settings.threads)
    started = time.perf_counter()
    factors = fit_factors(matrix, hyperparameters, engine=engine)
    fitted = time.perf_counter()
    none = np.empty(0, dtype=np.int32)
    for _ in all_lists(
        matrix,
        factors,
        length=settings.list_length,
        left_out=none,
        chunk_users=settings.chunk_users,
        engine=engine,
    ):
        pass
    listed = time.perf_counter()
    arrays = (
        *(matrix.weights.data, matrix.weights.indices, matrix.weights.indptr),
        *(factors.users, factors.items),
    )
    return MeasuredNight(
        seconds=float(row.seconds),
        fit_seconds=fitted - started,
        lists_seconds=listed - fitted,
        peaks=peaks,
        held_mib=sum(array.nbytes for array in arrays) / _MIB,
        steps=dict(row.step_seconds),
    )


def _matrix_of(run: OwnRun) -> InteractionMatrix:
    """The matrix as the night has built it."""
    with run.engine.connect() as connection:
        kinds, horizon = load_kinds(connection), event_horizon(connection)
    with bulk_connection(run.database_url) as bulk:
        history = load_interactions(bulk, kinds, horizon).in_time_order()
    return interaction_matrix(history, history.newest())


def main() -> None:
    """Measure as the command line says."""
    run_command(nightly)


if __name__ == "__main__":
    main()
