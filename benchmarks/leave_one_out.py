"""Each user's last item foreseen from all before it, all items ranked: HR@10 and nDCG@10.

python -m benchmarks leave-one-out --events-file FILE [--users N] [--json]

A night is fitted on the log without the last interaction of every user, so it also reads what
others did later than a target: the protocol is the field's (SASRec and those after it), not what a
night can know; `time-split` and `replay` keep to the order of time.
"""

import json
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from batch.history.event_file import read_event_file
from batch.history.interactions import Interactions
from batch.parameters import RunParameters
from batch.replay.nights import fit_night
from batch.settings import BatchSettings
from batch.space.validation_events import Timeline, ValidationEvent
from benchmarks.command import EventsFile, Seed, run_command
from benchmarks.loaded_files import progress
from benchmarks.next_items import NextItems, OnEvents, figures_table, foresee
from domain.errors import NotEnoughHistoryError
from domain.identifiers import ItemNo, UserNo
from stack.cli.options import AsJson


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A log without its users' last interactions, and those."""

    rest: Interactions
    targets: Interactions
    """One of each user who has another, by user number."""


def leave_last_out(log: Interactions) -> LeftOut:
    """Take the last interaction of each user who has at least two; the others keep their one.

    NotEnoughHistoryError if nobody has two.
    """
    ordered = log.in_time_order()
    by_user = np.argsort(ordered.user_nos, kind="stable")
    users = ordered.user_nos[by_user]
    ends = np.flatnonzero(np.diff(users, append=-1) != 0)
    several = ends[np.diff(ends, prepend=-1) > 1]
    if not len(several):
        raise NotEnoughHistoryError("No user of this log has two interactions.")
    taken = by_user[several]
    kept = np.ones(len(ordered), dtype=np.bool_)
    kept[taken] = False
    return LeftOut(ordered.where(kept), ordered.where(taken))


def last_events(
    left_out: LeftOut, users: int | None, seed: int
) -> tuple[Timeline, list[ValidationEvent]]:
    """The rest as a timeline, and the targets of all or of `users` users drawn at random."""
    timeline, targets = Timeline(left_out.rest), left_out.targets
    chosen = np.arange(len(targets))
    if users is not None:
        chosen = np.sort(np.random.default_rng(seed).permutation(chosen)[:users])
    pairs = zip(targets.user_nos[chosen].tolist(), targets.item_nos[chosen].tolist(), strict=True)
    events = [
        ValidationEvent(
            len(timeline), UserNo(user_no), ItemNo(item_no), timeline.history_of(UserNo(user_no)), 0
        )
        for user_no, item_no in pairs
    ]
    return timeline, events


def foresee_last(
    log: Interactions,
    parameters: RunParameters,
    *,
    users: int | None = None,
    seed: int = 0,
    threads: int = 0,
    on_step: OnEvents = lambda _done: None,
) -> NextItems:
    """Fit a night on all but the targets, its choices too, and rank all items for each target."""
    timeline, events = last_events(leave_last_out(log), users, seed)
    night = fit_night(timeline, len(timeline), parameters, seed=seed, threads=threads)
    return foresee(night, events, on_step)


def leave_one_out(
    *,
    events_file: EventsFile,
    users: Annotated[
        int | None, typer.Option(min=1, help="Users drawn at random; left out: all.")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Foresee the last item of each user with at least two, all items but the user's own ranked."""
    settings = BatchSettings()
    with progress() as on_step:
        on_step(f"reading {events_file}, then fitting on all but each user's last event")
        foreseen = foresee_last(
            read_event_file(events_file),
            settings.run_parameters(),
            users=users,
            seed=seed,
            threads=settings.threads,
            on_step=lambda done: on_step(f"{done:,} users"),
        )
    described = described_last(foreseen)
    if as_json:
        typer.echo(json.dumps(described))
    else:
        _print_report(foreseen)
    return 0


def described_last(foreseen: NextItems) -> dict[str, object]:
    """For programs: the live list's figures, those of every list, and of how many users."""
    figures = foreseen.figures()
    return {
        **figures["live"],
        **figures,
        "users": len(foreseen.used_before),
        "unknown_items": foreseen.unknown(),
    }


def _print_report(foreseen: NextItems) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(figures_table("list", foreseen.figures()))
    console.print(
        f"\n{len(foreseen.used_before):,} users with at least two interactions; the last item of"
        f" {foreseen.unknown():,} of them nobody else had used, which counts as missed."
    )


def main() -> None:
    """Measure as the command line says."""
    run_command(leave_one_out)


if __name__ == "__main__":
    main()
