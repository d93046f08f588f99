"""The steps of a night that grow with the log, without its stores, and the peak memory of each.

    python -m benchmarks night-memory [--users 20000] [--items 5000] [--events 1000000]
        [--factors 64] [--iterations 10] [--lists 1000000] [--quick]

The history is made up in memory; the same functions as in a night learn from it, in the same order,
and lists are made and thrown away. So a log is looked at that would take hours to load. Memory does
not grow with iterations, so that `--iterations 1` tells the same. `--quick` leaves out choices that
look at items alone and takes 16 dimensions of sequence and 50,000 moments for transitions: what it
tells of events is right, of items and users it is too little. `digest` is of all that was learned:
two versions that learn the same have the same. Seconds are those of processor time.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from batch.choosing.lists import choose_lists, choose_popular
from batch.choosing.live_weights import DEFAULT, choose_weights
from batch.choosing.validation import make_validation
from batch.content.cold_items import lists_with_words
from batch.engines.implicit_engine import ImplicitEngine
from batch.evaluation import holdout
from batch.freed_memory import given_back
from batch.history.interactions import Interactions
from batch.history.matrix import interaction_matrix, put_aside
from batch.lists.listing import fit_lists
from batch.lists.nightly_lists import all_lists
from batch.parameters import LiveWeights, RunParameters, WordParameters
from batch.replay.choosing_policy import choose_policy
from batch.replay.nights import night_of_past
from batch.settings import BatchSettings
from batch.space.composing import fit_item_components, item_space
from batch.space.sequence import sequence_vectors
from benchmarks.command import Seed, run_command
from benchmarks.loaded_files import progress
from benchmarks.made_history import made_history, made_terms
from benchmarks.own_night import OnStep
from benchmarks.peak_memory import PeakMemory
from stack.cli.options import AsJson

_MIB = 1024.0 * 1024.0
_QUICK_DIMENSIONS = 16
_QUICK_MOMENTS = 50_000


@dataclass(frozen=True, slots=True)
class Steps:
    """What each step took of the processor, and a digest of what was learned."""

    memory: PeakMemory
    on_step: OnStep
    seconds: dict[str, float] = field(default_factory=dict)
    digest: Any = field(default_factory=hashlib.sha256)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure the block."""
        started = time.process_time()
        with self.memory.during(name), given_back():
            yield
        self.seconds[name] = time.process_time() - started
        peak = self.memory.by_step[name]
        self.on_step(f"{name}: {peak:,.0f} MiB, {self.seconds[name]:.1f} s of processor time")

    def learned(self, *arrays: NDArray[Any]) -> None:
        """Add to the digest."""
        for array in arrays:
            self.digest.update(np.ascontiguousarray(array).data)


def night_memory(
    *,
    users: Annotated[int, typer.Option(min=10, help="Made-up users.")] = 20_000,
    items: Annotated[int, typer.Option(min=10, help="Made-up items.")] = 5_000,
    events: Annotated[int, typer.Option(min=100, help="Made-up events.")] = 1_000_000,
    factors: Annotated[int, typer.Option(min=1, max=1999, help="Of the lists' fits.")] = 64,
    iterations: Annotated[int, typer.Option(min=1, help="Of each fit.")] = 10,
    lists: Annotated[int, typer.Option(min=0, help="Make lists of so many users.")] = 1_000_000,
    quick: Annotated[bool, typer.Option("--quick", help="Without what is bounded.")] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Learn from a made-up history as a night does."""
    settings = BatchSettings(factors=factors, iterations=iterations, seed=seed)
    with progress() as on_step:
        steps = Steps(PeakMemory(os.getpid()), on_step)
        history = made_history(users=users, items=items, events=events, seed=seed)
        with steps.step("at rest"):
            pass
        _night(steps, history, items, settings, most_lists=lists, quick=quick)
    figures: dict[str, Any] = {"users": users, "items": items, "events": events}
    figures["peak_mib"] = round(steps.memory.most)
    figures["history_mib"] = round(_bytes_of(history) / _MIB)
    figures |= {"load": round(os.getloadavg()[0], 1), "digest": steps.digest.hexdigest()[:16]}
    for name, peak in steps.memory.by_step.items():
        figures[f"mib: {name}"] = round(peak)
        figures[f"seconds: {name}"] = round(steps.seconds[name], 1)
    if as_json:
        typer.echo(json.dumps(figures))
        return 0
    for name, figure in figures.items():
        Console(highlight=False).print(f"{name:44}{figure:>20}")
    return 0


def _night(
    steps: Steps,
    history: Interactions,
    items: int,
    settings: BatchSettings,
    *,
    most_lists: int,
    quick: bool,
) -> None:
    """The steps of `flows.nightly`, without those that read and write."""
    engine = ImplicitEngine(settings.threads)
    parameters = settings.run_parameters()
    asked = replace(parameters.space, iterations=settings.iterations)
    if quick:
        transitions = replace(asked.transitions, most_moments=_QUICK_MOMENTS)
        asked = replace(asked, sequence_dimensions=_QUICK_DIMENSIONS, transitions=transitions)
    parameters = replace(parameters, space=asked)
    as_of = history.newest()
    with steps.step("Build the matrix"):
        matrix = interaction_matrix(history, as_of)
        steps.learned(matrix.rows_who_like())
        read_matrix = put_aside(matrix, None)
        del matrix
    parameters, weights = _choices(steps, history, parameters, settings, quick=quick)
    with steps.step("Learn what comes after what"):
        matrix = read_matrix()
        sequence = sequence_vectors(
            history, matrix.item_nos, as_of, parameters.space, engine=engine
        )
    steps.learned(sequence.context_embeddings, sequence.item_embeddings)
    with steps.step("Refit on everything"):
        fitted = fit_lists(
            matrix, history, as_of, parameters.lists, sequence=sequence, engine=engine
        )
    steps.learned(fitted.users, fitted.items)
    with steps.step("Learn what words say in the lists"):
        listed = parameters.lists.sequence_columns(sequence.dimensions)
        factors, wider = lists_with_words(
            fitted, matrix, made_terms(items), WordParameters(), sequence_dimensions=listed
        )
        del fitted
    with steps.step("Write the lists"):
        chunks = all_lists(
            wider,
            factors,
            length=settings.list_length,
            left_out=np.empty(0, dtype=np.int32),
            chunk_users=settings.chunk_users,
            engine=engine,
        )
        for lists in islice(chunks, -(-most_lists // settings.chunk_users)):
            steps.learned(lists.item_nos)
    del factors, wider
    with steps.step("Learn the item vectors"):
        components = fit_item_components(
            matrix,
            history,
            as_of,
            parameters.space,
            ridges=weights.ridges,
            sequence=sequence,
            engine=engine,
        )
        space = item_space(components, parameters.space, weights)
    steps.learned(space.items.vectors)


def _choices(
    steps: Steps,
    history: Interactions,
    parameters: RunParameters,
    settings: BatchSettings,
    *,
    quick: bool,
) -> tuple[RunParameters, LiveWeights]:
    """What a night chooses and judges by its newest part."""
    engine = ImplicitEngine(settings.threads)
    with steps.step("Split by time"):
        held_out = holdout.hold_out(history, settings)
    with steps.step("Validate on the held-out future"):
        validation = make_validation(
            held_out.split, held_out.past, parameters.space, seed=settings.seed, engine=engine
        )
    if validation is None:
        raise SystemExit("There is too little to choose by.")
    with steps.step("Choose the popular list"):
        settings = choose_popular(validation, settings)
    with steps.step("Choose how the lists are made"):
        chosen = choose_lists(validation, parameters.lists, seed=settings.seed, engine=engine)
    parameters = replace(parameters, lists=chosen.hyperparameters)
    fitted = chosen.fitted
    if fitted is None:
        with steps.step("Fit on the past"):
            fitted = holdout.fit_past(held_out, parameters.lists, engine=engine)
    _judged(steps, lambda: holdout.score_future(held_out, fitted, settings), "Score the future")
    _judged(steps, lambda: holdout.score_popularity(held_out, settings), "Score the popular lists")
    if quick:
        return parameters, DEFAULT
    with steps.step("Choose the weights of the live vector"):
        weights = choose_weights(validation, parameters.space).weights
    with steps.step("Choose how the lists are blended"):
        night = night_of_past(validation, parameters, weights, fitted, settings)
        steps.learned(np.array([choose_policy(night, validation.events).evidence.gain]))
    return parameters, weights


def _judged(steps: Steps, judge: Callable[[], Any], name: str) -> None:
    with steps.step(name):
        steps.learned(judge().listed)


def _bytes_of(history: Interactions) -> int:
    columns = (history.user_nos, history.item_nos, history.kind_nos, history.strengths)
    return sum(column.nbytes for column in (*columns, history.occurred_at))


def main() -> None:
    """Measure as the command line says."""
    run_command(night_memory)


if __name__ == "__main__":
    main()
