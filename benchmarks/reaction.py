"""How soon lists follow users who turn to another category, beside what these users then did.

python -m benchmarks reaction --events-file FILE [--items-file FILE] [--users 500] [--json]

A night learns the first 70 % of the log. A user turns if a category that hardly any of the newest
twenty items has is in half of the next ten. After none, one, three and five of these ten stands
which share of the first twenty of each list has the category, and which share of what is left of
the ten.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from batch.history.event_file import read_event_file
from batch.history.interactions import Interactions
from batch.parameters import RunParameters
from batch.replay.nights import fit_night
from batch.replay.ranking import lists_of
from batch.replay.replaying import POLICIES
from batch.settings import BatchSettings
from batch.space.validation_events import Timeline
from benchmarks.command import EventsFile, Seed, run_command
from benchmarks.item_categories import Categories, grouped, read_categories
from benchmarks.loaded_files import progress
from domain.errors import NotEnoughHistoryError
from stack.cli.options import AsJson

HISTORY_SHARE = 0.7
NEWEST = 20
"""So many items are a user's recent history."""
COMING = 10
"""So many items may turn to another category."""
AFTER = (0, 1, 3, 5)
"""After so many of them the lists are looked at."""
DEPTH = 20
FEWEST_BEFORE = 5
_TURNED, _HARDLY = 0.5, 0.1
_SMOOTHING = 0.01


@dataclass(frozen=True, slots=True)
class Turn:
    """A user who turns to another category."""

    rows: NDArray[np.intp]
    """(10,) of the timeline: what came."""
    category: int


@dataclass(frozen=True, slots=True)
class Reaction:
    """Means over all turns."""

    turns: int
    then_did: Mapping[int, float]
    """The category's share of what is left of the ten, by how many had come."""
    listed: Mapping[str, Mapping[int, float]]
    """The category's share of each list."""
    divergence: Mapping[str, Mapping[int, float]]
    """Of each list from the newest items (Kullback-Leibler, smoothed, as in Steck 2018); 0: the
    list has the same mix of categories."""


def turns_of(timeline: Timeline, cut_off: int, categories: Categories) -> Iterator[Turn]:
    """The first turn of each user after the cut-off, by user number."""
    log = timeline.interactions
    order = np.argsort(log.user_nos, kind="stable")
    starts = np.flatnonzero(np.diff(log.user_nos[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        first = max(int(np.searchsorted(rows, cut_off)), FEWEST_BEFORE)
        for start in range(first, len(rows) - COMING + 1):
            before = log.item_nos[rows[max(start - NEWEST, 0) : start]]
            coming = rows[start : start + COMING]
            had, has = categories.mix(before), categories.mix(log.item_nos[coming])
            gained = np.where(had <= _HARDLY, has, 0.0)
            if gained.max(initial=0.0) >= _TURNED:
                yield Turn(coming, int(gained.argmax()))
                break


def measure_reaction(
    log: Interactions,
    parameters: RunParameters,
    categories: Categories | None,
    *,
    users: int,
    seed: int = 0,
    threads: int = 0,
) -> Reaction:
    """Of at most `users` users drawn at random; without categories, items are grouped by taste.

    NotEnoughHistoryError if nobody turns.
    """
    timeline = Timeline(log)
    cut_off = int(HISTORY_SHARE * len(timeline))
    night = fit_night(timeline, cut_off, parameters, seed=seed, threads=threads)
    if categories is None:
        categories = grouped(night, int(log.item_nos.max()) + 1, seed)
    turns = list(turns_of(timeline, cut_off, categories))
    if not turns:
        raise NotEnoughHistoryError(
            "Nobody in the later part of this log turns to another category: give --items-file,"
            " or a longer log."
        )
    drawn = np.sort(np.random.default_rng(seed).permutation(len(turns))[:users])
    item_nos = timeline.interactions.item_nos
    did: dict[int, list[float]] = {after: [] for after in AFTER}
    listed: dict[str, dict[int, list[float]]] = {}
    diverging: dict[str, dict[int, list[float]]] = {}
    for turn in (turns[index] for index in drawn.tolist()):
        asked = zip(AFTER, timeline.events(turn.rows[list(AFTER)], cut_off), strict=True)
        for after, event in asked:
            left = item_nos[turn.rows[after:]]
            did[after].append(float(categories.mix(left)[turn.category]))
            recent = categories.distribution(event.history.item_nos[-NEWEST:])
            for name, found in lists_of(night, event, POLICIES).items():
                top = found[:DEPTH]
                share = float(categories.mix(top)[turn.category])
                distance = divergence(recent, categories.distribution(top))
                for figures, value in ((listed, share), (diverging, distance)):
                    figures.setdefault(name, {}).setdefault(after, []).append(value)
    means = [
        {name: _means(of_list) for name, of_list in figures.items()}
        for figures in (listed, diverging)
    ]
    return Reaction(len(drawn), _means(did), *means)


def divergence(history: NDArray[np.float64], listed: NDArray[np.float64]) -> float:
    """KL(p || (1 - a) q + a p) of two mixes (c,), p the history's; 0 if it says nothing."""
    has = history > 0.0
    smoothed = (1.0 - _SMOOTHING) * listed[has] + _SMOOTHING * history[has]
    return float((history[has] * np.log(history[has] / smoothed)).sum())


def _means(figures: Mapping[int, list[float]]) -> dict[int, float]:
    return {after: float(np.mean(values)) for after, values in figures.items()}


def reaction(
    *,
    events_file: EventsFile,
    items_file: Annotated[
        Path | None,
        typer.Option(help="CSV with item_id and genres or category; left out: groups by taste."),
    ] = None,
    users: Annotated[int, typer.Option(min=1, help="How many users are drawn.")] = 500,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Show how the share of a new category grows in the lists, and in what users then did."""
    settings = BatchSettings()
    categories = None if items_file is None else read_categories(items_file, events_file)
    with progress() as on_step:
        on_step(f"reading {events_file}, fitting a night, then following users who turn")
        measured = measure_reaction(
            read_event_file(events_file),
            settings.run_parameters(),
            categories,
            users=users,
            seed=seed,
            threads=settings.threads,
        )
    by = "groups by taste" if items_file is None else str(items_file)
    if as_json:
        typer.echo(json.dumps({"categories": by, **described(measured)}))
    else:
        _print_report(measured, by)
    return 0


def described(measured: Reaction) -> dict[str, object]:
    """For programs."""
    return {
        "turns": measured.turns,
        "then_did": measured.then_did,
        "share": measured.listed,
        "divergence": measured.divergence,
    }


def _print_report(measured: Reaction, by: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for title, figures in (
        ("share of the category", {"then did": measured.then_did, **measured.listed}),
        ("divergence from the newest items", measured.divergence),
    ):
        columns = (f"after {after}" for after in AFTER)
        table = Table(title, *columns, box=None, header_style="bold")
        for name, values in figures.items():
            table.add_row(name, *(f"{values[after]:.3f}" for after in AFTER))
        console.print(table)
    console.print(f"\n{measured.turns:,} users who turn to another category; categories: {by}.")


def main() -> None:
    """Measure as the command line says."""
    run_command(reaction)


if __name__ == "__main__":
    main()
