"""What diversity costs in accuracy, and what it brings: a replay at several settings.

    python -m benchmarks diversity FILE [--nights 4] [--sample 8000]

FILE is a log as `tandem bench replay` takes it. For each setting of TANDEM_DIVERSITY: hit rate and
nDCG at 20 of the blend with the default policy, the 95 % interval of their difference from the
plain blend over the same validation events, users resampled, and intra-list similarity at 20 (mean
cosine of all pairs).
"""

import argparse
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch.blas import one_blas_thread
from batch.evaluation.bootstrap import clustered_interval
from batch.evaluation.scoring import DEPTH
from batch.history.event_file import read_event_file
from batch.parameters import RunParameters
from batch.replay.nights import fit_night
from batch.replay.sources import FittedNight, batch_list, speed_list
from batch.space.validation_events import Timeline, ValidationEvent
from domain.blend import BATCH, SPEED, BlendedRanking, BlendPolicy, blend
from domain.diversity import POOL, diverse_order

SETTINGS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
HISTORY_SHARE = 0.7

Judged = dict[float, tuple[int | None, float]]
"""By setting: the rank of the item to be foreseen, None: not listed; and the list's similarity."""


@one_blas_thread()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What diversity costs and brings.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--nights", type=int, default=4)
    parser.add_argument("--sample", type=int, default=8000)
    asked = parser.parse_args()
    timeline = Timeline(read_event_file(asked.file))
    judged, user_nos = [], []
    for night, event in events(timeline, asked.nights, asked.sample):
        judged.append(judge(night, event))
        user_nos.append(event.user_no)
    users = np.array(user_nos)
    gains = {
        setting: np.array([_gain(each[setting][0]) for each in judged]) for setting in SETTINGS
    }
    hits = {setting: (gain > 0).astype(np.float64) for setting, gain in gains.items()}
    print("diversity  HR@20                       nDCG@20                     similarity")
    for setting in SETTINGS:
        similar = np.mean([each[setting][1] for each in judged])
        print(
            f"{setting:9g}  {_format_mean(hits, setting, users)}"
            f"  {_format_mean(gains, setting, users)} "
            f" {similar:.3f}"
        )


def events(
    timeline: Timeline, nights: int, sample: int
) -> Iterator[tuple[FittedNight, ValidationEvent]]:
    """Random validation events of the later part of a log, each with the night before it."""
    edges = np.linspace(HISTORY_SHARE * len(timeline), len(timeline), nights + 1).astype(int)
    rows = np.concatenate([timeline.foreseeable(*edge) for edge in itertools.pairwise(edges)])
    drawn = np.sort(np.random.default_rng(0).permutation(rows)[:sample])
    for first, end in itertools.pairwise(edges.tolist()):
        night = fit_night(timeline, first, RunParameters())
        tonight = drawn[(drawn >= first) & (drawn < end)]
        for event in timeline.events(tonight, first):
            yield night, event


def judge(night: FittedNight, event: ValidationEvent) -> Judged:
    """What the list of an event is worth at each setting."""
    ranked = _blended(night, event).top(POOL * DEPTH)
    if not len(ranked):
        return dict.fromkeys(SETTINGS, (None, 0.0))
    # The last two numbers are the trend and the filler.
    embeddings = night.space.items.vectors[night.space.items.rows_of(ranked.item_nos), :-2]
    judged: Judged = {}
    for setting in SETTINGS:
        order = diverse_order(ranked.item_nos, ranked.scores, embeddings, setting, DEPTH)[:DEPTH]
        indexes = np.flatnonzero(ranked.item_nos[order] == event.item_no)
        rank = int(indexes[0]) if len(indexes) else None
        judged[setting] = rank, mean_similarity(embeddings[order])
    return judged


def _blended(night: FittedNight, event: ValidationEvent) -> BlendedRanking:
    batch, speed, policy = batch_list(night, event), speed_list(night, event), BlendPolicy()
    weights = policy.weights(event.since_cut_off)
    return blend({BATCH: batch, SPEED: speed}, weights, policy.sharpness)


def _gain(rank: int | None) -> float:
    """What one foreseen item is worth in nDCG: 1 / log2(rank + 2)."""
    return 0.0 if rank is None else float(1.0 / np.log2(rank + 2.0))


def _format_mean(
    figures: Mapping[float, NDArray[np.float64]], setting: float, users: NDArray[np.integer]
) -> str:
    """The mean, and the 95 % interval of its difference from none, users resampled."""
    difference = clustered_interval(figures[setting] - figures[0.0], users, 0)
    return f"{figures[setting].mean():.4f} ({difference.low:+.4f} to {difference.high:+.4f})"


def mean_similarity(vectors: NDArray[np.floating]) -> float:
    """Mean cosine of all pairs of a list's items (n, d): intra-list similarity; 0 below two."""
    count = len(vectors)
    pairs = count * (count - 1) / 2
    if not pairs:
        return 0.0
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    total = units.sum(axis=0)
    # sum over pairs of u_i . u_j = (|sum of u|^2 - sum of |u|^2) / 2
    return float((total @ total - (units * units).sum()) / 2 / pairs)


if __name__ == "__main__":
    main()
