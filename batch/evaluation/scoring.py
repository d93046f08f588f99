"""Evaluation: how well lists foresee what users came to like."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.evaluation import metrics
from batch.fitting import Factors
from batch.history.matrix import InteractionMatrix, item_degrees
from batch.history.splitting import Relevant
from batch.lists.nightly_lists import Lists, best_lists

DEPTH = 20
"""How many items of a list count for the figures that decide."""
CUT_OFFS = (5, 10, 20, 50)
"""How many items of a list count, for all figures."""


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What was measured for each evaluated user, in rising order of user number."""

    by_user: Mapping[str, NDArray[np.float64]]
    """(n,) of each metric: ndcg, recall and hit_rate at every cut-off, novelty@20 in bits, mrr.
    All but novelty lie in [0, 1]."""
    past_items: NDArray[np.intp]
    """(n,) how many distinct items each user had in the past."""
    listed: NDArray[np.int32]
    """(n, k) the items of the lists, best first."""
    catalogue_size: int
    """How many items are known in the past."""

    def mean(self, name: str) -> float:
        """A metric over all users."""
        return float(self.by_user[name].mean())

    @property
    def ndcg(self) -> float:
        """The mean nDCG at `DEPTH`."""
        return self.mean(f"ndcg@{DEPTH}")

    @property
    def recall(self) -> float:
        """The mean recall at `DEPTH`."""
        return self.mean(f"recall@{DEPTH}")

    @property
    def users(self) -> int:
        """How many users were evaluated."""
        return len(self.past_items)

    def coverage(self, k: int = DEPTH, users: NDArray[np.intp] | None = None) -> float:
        """Share of the catalogue in the first k of at least one list, of some or all users."""
        listed = self.listed if users is None else self.listed[users]
        return metrics.coverage(listed[:, :k], self.catalogue_size)

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """The most looked at, as they are stored with the run."""
        return {
            f"{prefix}ndcg@{DEPTH}": self.ndcg,
            f"{prefix}recall@{DEPTH}": self.recall,
            f"{prefix}coverage@{DEPTH}": self.coverage(),
        }


def score(
    past: InteractionMatrix,
    factors: Factors,
    relevant: Relevant,
    *,
    chunk_users: int,
    threads: int = 0,
) -> Figures:
    """Judge factors learned from `past` on what the users newly liked after it.

    Every user of `relevant` must have a row in `past`, and `relevant` must not be empty.
    """
    rows = np.searchsorted(past.user_nos, relevant.users())
    knowers = item_degrees(past)
    parts, listed = [], []
    for start in range(0, len(rows), chunk_users):
        chunk = rows[start : start + chunk_users]
        lists = best_lists(past, factors, chunk, length=max(CUT_OFFS), threads=threads)
        novelty = metrics.novelty(lists, past.item_nos, knowers, len(past.user_nos), DEPTH)
        parts.append(_accuracy(lists, relevant) | {f"novelty@{DEPTH}": novelty})
        listed.append(lists.item_nos)
    return Figures(
        by_user={name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        past_items=np.diff(past.weights.indptr)[rows],
        listed=np.concatenate(listed),
        catalogue_size=len(past.item_nos),
    )


def _accuracy(lists: Lists, relevant: Relevant) -> dict[str, NDArray[np.float64]]:
    hits = metrics.hits_of(lists, relevant)
    wanted = metrics.relevant_counts(lists.user_nos, relevant)
    measured = {"mrr": metrics.reciprocal_rank(hits)}
    for k in CUT_OFFS:
        measured[f"ndcg@{k}"] = metrics.ndcg(hits, wanted, k)
        measured[f"recall@{k}"] = metrics.recall(hits, wanted, k)
        measured[f"hit_rate@{k}"] = metrics.hit_rate(hits, k)
    return measured
