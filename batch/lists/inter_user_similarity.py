"""Inter-user similarity: how nearly the same the lists of different users are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEPTH = 20
"""So many items of a list count."""
SAMPLED_USERS = 10_000
PAIRS = 20_000
SIMILAR = 0.8
"""Two lists with more in common than this share are similar."""
_AT_ONCE = 2_000
_NO_ITEM = -1


@dataclass(frozen=True, slots=True)
class InterUserSimilarity:
    """Over random pairs of different users, but for `most_common`; all are shares in [0, 1]."""

    mean: float
    """Of the longer list, how much the other one holds too."""
    similar: float
    """Pairs that have more than 80 % in common."""
    most_common: float
    """Users whose list holds just the items of the most common one."""

    def metrics(self) -> dict[str, float]:
        """As they are stored with the run."""
        return {
            f"inter_user_similarity@{DEPTH}": self.mean,
            f"similar_pairs@{DEPTH}": self.similar,
            f"most_common_list@{DEPTH}": self.most_common,
        }


def sampled_users(users: int, seed: int) -> NDArray[np.bool_]:
    """Whether each of `users` users is one of those whose lists are compared, (u,)."""
    chosen = np.zeros(users, dtype=np.bool_)
    drawn = np.random.default_rng(seed).choice(users, min(users, SAMPLED_USERS), replace=False)
    chosen[drawn] = True
    return chosen


def measure_inter_user_similarity(
    listed: NDArray[np.int32], seed: int
) -> InterUserSimilarity | None:
    """Compare the first items of users' lists, `listed` (n, k), -1 where a list has ended.

    None if fewer than two users have a list.
    """
    listed = listed[(listed != _NO_ITEM).any(axis=1)]
    users = len(listed)
    if users < 2:  # noqa: PLR2004 -- a pair
        return None
    random = np.random.default_rng(seed)
    first = random.integers(0, users, PAIRS)
    # Any of the others, so that nobody is compared with himself.
    other = (first + random.integers(1, users, PAIRS)) % users
    shares = np.concatenate(
        [
            _shared(
                listed[first[start : start + _AT_ONCE]], listed[other[start : start + _AT_ONCE]]
            )
            for start in range(0, PAIRS, _AT_ONCE)
        ]
    )
    _, counts = np.unique(np.sort(listed, axis=1), axis=0, return_counts=True)
    return InterUserSimilarity(
        float(shares.mean()), float((shares > SIMILAR).mean()), float(counts.max() / users)
    )


def _shared(first: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.float64]:
    """How much of the longer list the other one holds, (p,)."""
    common = ((first[:, :, None] == other[:, None, :]) & (first != _NO_ITEM)[:, :, None]).sum(
        axis=(1, 2)
    )
    longer = np.maximum((first != _NO_ITEM).sum(axis=1), (other != _NO_ITEM).sum(axis=1))
    return np.asarray(common / longer)
