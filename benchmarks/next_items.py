"""Next items foreseen by one night: each wanted item, and where every list had it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from batch.evaluation.ranks import gains_at, hits_at
from batch.replay.ranking import lists_of, rank_of
from batch.replay.replaying import POLICIES
from batch.replay.sources import FittedNight
from batch.space.validation_events import ValidationEvent

K = 10
"""How many items of a list count, as in most papers on next items."""
SHOWN_AS = {"speed": "live", "fixed": "blend"}
"""What the lists of a replay are called here."""

OnEvents = Callable[[int], None]
"""Told how many events have been ranked."""

_REPORT_EVERY = 1_000

Figures = Mapping[str, Mapping[str, float]]
"""By list and metric; every list has the same metrics."""


@dataclass(frozen=True, slots=True)
class NextItems:
    """What became of each of n wanted items, by list."""

    ranks: Mapping[str, NDArray[np.int64]]
    """(n,) from 0; beyond every k where the list does not hold the item."""
    listed: Mapping[str, NDArray[np.int64]]
    """(j,) the distinct items among the first K of at least one list."""
    used_before: NDArray[np.int64]
    """(n,) how many interactions the wanted item had in what the night has read; 0: the night does
    not know the item, and no list can hold it."""

    def figures(self, chosen: NDArray[np.bool_] | None = None) -> dict[str, dict[str, float]]:
        """HR@10 and nDCG@10 of every list, over all or the `chosen` (n,) of the wanted items.

        At least one must be chosen.
        """
        kept = slice(None) if chosen is None else chosen
        return {
            name: {
                f"hr@{K}": float(hits_at(ranks[kept], K).mean()),
                f"ndcg@{K}": float(gains_at(ranks[kept], K).mean()),
            }
            for name, ranks in self.ranks.items()
        }

    def unknown(self) -> int:
        """How many of the wanted items the night does not know."""
        return int((self.used_before == 0).sum())


def figures_table(title: str, figures: Figures) -> Table:
    """A row a list; there must be one at least."""
    names = next(iter(figures.values()))
    table = Table(title, *names, box=None, header_style="bold")
    for name, of_list in figures.items():
        table.add_row(name, *(f"{value:.4f}" for value in of_list.values()))
    return table


def foresee(
    night: FittedNight, events: Iterable[ValidationEvent], on_events: OnEvents
) -> NextItems:
    """Rank the catalogue for each event, all items but those of the user's history.

    At least one event is asked.
    """
    ranks: dict[str, list[int]] = {}
    listed: dict[str, set[int]] = {}
    used: list[int] = []
    item_nos, counts = np.unique(night.past.item_nos, return_counts=True)
    interactions = dict(zip(item_nos.tolist(), counts.tolist(), strict=True))
    for done, event in enumerate(events, start=1):
        for name, item_nos in lists_of(night, event, POLICIES).items():
            shown = SHOWN_AS.get(name, name)
            ranks.setdefault(shown, []).append(rank_of(event.item_no, item_nos))
            listed.setdefault(shown, set()).update(item_nos[:K].tolist())
        used.append(interactions.get(event.item_no, 0))
        if done % _REPORT_EVERY == 0:
            on_events(done)
    return NextItems(
        {name: np.array(of_list) for name, of_list in ranks.items()},
        {name: np.array(sorted(items)) for name, items in listed.items()},
        np.array(used, dtype=np.int64),
    )
