"""The newest tenth of a log foreseen, all items ranked: HR@10, nDCG@10, coverage, less bias.

python -m benchmarks time-split --events-file FILE [--sample N] [--power 0.5] [--json]

One moment in time parts the log for all users. The fit reads only what lies before it; each later
interaction is foreseen from all its user did before, after the split too. Users without a nightly
list are those with nothing before the split.
"""

import json
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from batch.evaluation.ranks import gains_at
from batch.history.event_file import read_event_file
from batch.history.interactions import Interactions
from batch.history.splitting import pair_keys, split_by_time
from batch.parameters import RunParameters
from batch.replay.moments import WITH_LIST, WITHOUT_LIST
from batch.replay.nights import fit_night
from batch.settings import BatchSettings
from batch.space.validation_events import Timeline
from benchmarks.command import EventsFile, Seed, run_command
from benchmarks.loaded_files import progress
from benchmarks.next_items import Figures, K, NextItems, OnEvents, figures_table, foresee
from domain.errors import NotEnoughHistoryError
from stack.cli.options import AsJson

SHARE = 0.1
POWER = 0.5
"""Of an item's popularity, to which how likely it is observed goes (Saito et al. 2020)."""


@dataclass(frozen=True, slots=True)
class SplitFigures:
    """The later part of a log, foreseen from the earlier."""

    foreseen: NextItems
    with_list: NDArray[np.bool_]
    """(n,) whether the user had something before the split, and so a list of the night."""
    catalogue_size: int
    """How many items are known before the split."""

    def figures(self, power: float) -> dict[str, dict[str, float]]:
        """HR@10, nDCG@10, debiased nDCG@10 and coverage@10 of every list.

        Debiased: each moment counts by the inverse of its item's popularity before the split to the
        `power`. Coverage@10 is the share of the items known before the
        split that stand among the first 10 of some list; more moments cover more.
        """
        weights = inverse_propensities(self.foreseen.used_before, power)
        by_list = self.foreseen.figures()
        return {
            name: {
                **by_list[name],
                f"debiased_ndcg@{K}": weighted_mean(gains_at(ranks, K), weights),
                f"coverage@{K}": len(self.foreseen.listed[name]) / self.catalogue_size,
            }
            for name, ranks in self.foreseen.ranks.items()
        }

    def by_list_of_night(self) -> dict[str, Figures]:
        """HR@10 and nDCG@10 for users with and without a nightly list, as far as there are any."""
        parts = {WITH_LIST: self.with_list, WITHOUT_LIST: ~self.with_list}
        return {
            name: self.foreseen.figures(chosen) for name, chosen in parts.items() if chosen.any()
        }

    def described(self, power: float) -> dict[str, object]:
        """For programs."""
        return {
            **self.figures(power),
            "segments": self.by_list_of_night(),
            "moments": len(self.with_list),
            "moments_with_list": int(self.with_list.sum()),
            "unknown_items": self.foreseen.unknown(),
            "catalogue": self.catalogue_size,
            "power": power,
        }


def foresee_later(
    log: Interactions,
    parameters: RunParameters,
    *,
    sample: int | None = None,
    seed: int = 0,
    threads: int = 0,
    on_step: OnEvents = lambda _done: None,
) -> SplitFigures:
    """Fit a night on the first nine tenths of a log and foresee the rest, or a random `sample`.

    What its user had done to an item before is not to be foreseen: no list shows it again. What
    the user does not like is not either. NotEnoughHistoryError if nothing is left.
    """
    split = split_by_time(log, SHARE)
    if not len(split.past):
        raise NotEnoughHistoryError("All interactions of this log are of one instant.")
    timeline, cut_off = Timeline(log), len(split.past)
    rows = _wanted(timeline.interactions, cut_off)
    if not len(rows):
        raise NotEnoughHistoryError("In the newest tenth of this log nobody comes to a new item.")
    if sample is not None:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:sample])
    night = fit_night(timeline, cut_off, parameters, seed=seed, threads=threads)
    foreseen = foresee(night, timeline.events(rows, cut_off), on_step)
    with_list = np.isin(timeline.interactions.user_nos[rows], night.matrix.user_nos)
    return SplitFigures(foreseen, with_list, len(night.matrix.item_nos))


def _wanted(log: Interactions, cut_off: int) -> NDArray[np.intp]:
    """Rows from `cut_off` on whose user likes an item for the first time."""
    keys = pair_keys(log.user_nos, log.item_nos)
    first = np.zeros(len(log), dtype=np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    rows = np.flatnonzero(first & (log.weights() > 0.0))
    return rows[rows >= cut_off]


def time_split(
    *,
    events_file: EventsFile,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Interactions drawn at random; left out: all.")
    ] = None,
    power: Annotated[
        float, typer.Option(min=0.0, help="Debiased: of an item's popularity; 0 debiases nothing.")
    ] = POWER,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Foresee the newest tenth of a log from what lies before; all unseen items are ranked."""
    settings = BatchSettings()
    with progress() as on_step:
        on_step(f"reading {events_file}, then fitting on the first nine tenths")
        measured = foresee_later(
            read_event_file(events_file),
            settings.run_parameters(),
            sample=sample,
            seed=seed,
            threads=settings.threads,
            on_step=lambda done: on_step(f"{done:,} interactions"),
        )
    if as_json:
        typer.echo(json.dumps(measured.described(power)))
    else:
        _print_report(measured, power)
    return 0


def _print_report(measured: SplitFigures, power: float) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(figures_table("all", measured.figures(power)))
    for name, figures in measured.by_list_of_night().items():
        console.print(figures_table(name, figures))
    moments = len(measured.with_list)
    console.print(
        f"\n{moments:,} interactions, {measured.with_list.mean():.0%} of them of users with a"
        f" nightly list; the items of {measured.foreseen.unknown():,} were unknown before the split"
        f" and count as missed. Coverage is of {measured.catalogue_size:,} items."
    )


def main() -> None:
    """Measure as the command line says."""
    run_command(time_split)


if __name__ == "__main__":
    main()


def inverse_propensities(counts: NDArray[np.integer], power: float) -> NDArray[np.float64]:
    """Weights (n,) of moments whose wanted items had `counts` (n,) interactions in the past.

    What people use they have mostly been shown, and shown is mostly what is popular: an item is
    observed with the propensity `(count / greatest count)^power` (Saito et al. 2020, power 1/2),
    and counts by its inverse. An item without interactions counts as one with a single one.
    """
    return np.asarray(np.maximum(counts, 1).astype(np.float64) ** -power)


def weighted_mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """`sum(w v) / sum(w)` of `values` (n,) and `weights` (n,), n at least 1.

    With inverse propensities as the weights it is the self-normalised estimator of a metric over
    all items as if each had been shown alike (Swaminathan and Joachims 2015; Yang et al. 2018),
    in which the greatest count of the propensity cancels out.
    """
    return float(values @ weights / weights.sum())
