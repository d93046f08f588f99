"""How well new items are ranked once a few have used them: by words, by use, and by both.

The formula is that of the speed worker, `domain.cold_items.shrunk`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.content.cold_items import SpaceWords
from batch.content.words import Floats
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix, like_counts
from batch.space.composing import ItemSpace
from domain.cold_items import PSEUDO_COUNT, shrunk

BEFORE = 10
"""How many of the items that a user liked last are looked at."""
REVEALED = (1, 2, 5)
_WAYS = {"words": np.inf, "observed": 0.0, "": PSEUDO_COUNT}


@dataclass(frozen=True, slots=True)
class Asked:
    """New items, and who liked them."""

    item_nos: NDArray[np.int32]
    """(h,) rising."""
    user_nos: NDArray[np.int32]
    """(u,) rising."""
    relevant: NDArray[np.bool_]
    """(u, h)"""
    live: Floats
    """(u, d) live vectors, 0 for who has none."""


def auc_after(
    space: ItemSpace,
    matrix: InteractionMatrix,
    learned: SpaceWords,
    asked: Asked,
    *,
    past: Interactions,
    future: Interactions,
) -> Mapping[str, float]:
    """Mean AUC over users after 1, 2 and 5 likings of each new item, by its earliest.

    Named `auc_after_1`, and `words_auc_after_1` and `observed_auc_after_1` for what words and
    observation reach alone. `space` has the new items as their words make them. The earliest five
    likings are left out of all figures, so that they can be compared.
    """
    liked = future.where(future.weights() > 0.0)
    liked = liked.in_time_order()
    observing = _Observing(space, matrix, past)
    likings = [np.flatnonzero(liked.item_nos == item_no) for item_no in asked.item_nos]
    known = _revealed(asked, liked, likings)
    end = learned.item_dimensions
    words = space.items.vectors[space.items.rows_of(asked.item_nos)].astype(np.float64)
    figures = {}
    for count in REVEALED:
        seen = [observing.of(liked.where(rows[:count])) for rows in likings]
        counts = np.array([len(observed) for observed in seen])
        means = np.array(
            [rows.mean(axis=0) if len(rows) else observing.popularity_mean for rows in seen]
        )
        for name, pseudo_count in _WAYS.items():
            vectors = words.copy()
            if np.isfinite(pseudo_count):
                vectors[:, :end] = shrunk(
                    words[:, :end],
                    means,
                    counts,
                    popularity_mean=observing.popularity_mean,
                    mean_embedding=learned.mean_embedding.embedding,
                    pseudo_count=pseudo_count,
                )
            # The filler counts nothing: live vectors are 0 there.
            scores = asked.live @ vectors.T
            prefix = f"{name}_" if name else ""
            figures[f"{prefix}auc_after_{count}"] = _auc(scores, asked.relevant, known)
    return figures


class _Observing:
    """What users liked before."""

    def __init__(self, space: ItemSpace, matrix: InteractionMatrix, past: Interactions) -> None:
        live = space.space.parameters
        liked = past.where(past.weights() > 0.0)
        self._past = liked.where(
            np.lexsort((liked.kind_nos, liked.item_nos, liked.occurred_at, liked.user_nos))
        )
        self._items = space.items
        self._end = live.taste_dimensions + live.sequence_dimensions
        users = like_counts(matrix).astype(np.float64)
        rows = space.items.rows_of(matrix.item_nos)
        known = space.items.vectors[rows, : self._end].astype(np.float64)
        self.popularity_mean: Floats = users @ known / max(users.sum(), 1.0)
        """(d,) The mean of the known items, each counted as often as it is used."""

    def of(self, likings: Interactions) -> Floats:
        """(n, d) the mean of what each user liked before, of those of whom something is known."""
        pairs = zip(likings.user_nos, likings.occurred_at, strict=True)
        means = [self._before(user_no, at) for user_no, at in pairs]
        return np.array([mean for mean in means if mean is not None]).reshape(-1, self._end)

    def _before(self, user_no: np.int32, at: np.datetime64) -> Floats | None:
        start, end = np.searchsorted(self._past.user_nos, [user_no, user_no + 1])
        until = start + np.searchsorted(self._past.occurred_at[start:end], at, side="right")
        rows = self._items.rows_of(self._past.item_nos[max(start, until - BEFORE) : until])
        if not len(rows):
            return None
        return np.asarray(self._items.vectors[rows, : self._end].mean(axis=0, dtype=np.float64))


def _revealed(
    asked: Asked, liked: Interactions, likings: list[NDArray[np.intp]]
) -> NDArray[np.bool_]:
    """(u, h) the pairs that are revealed at the most."""
    known = np.zeros_like(asked.relevant)
    for index, rows in enumerate(likings):
        known[np.isin(asked.user_nos, liked.user_nos[rows[: max(REVEALED)]]), index] = True
    return known


def _auc(scores: Floats, relevant: NDArray[np.bool_], known: NDArray[np.bool_]) -> float:
    """The mean over users of how often a liked item stands above another, of those not known."""
    figures = []
    for row, open_items in enumerate(~known):
        wanted = relevant[row, open_items]
        if wanted.any() and not wanted.all():
            hits = wanted[np.argsort(-scores[row, open_items], kind="stable")]
            count, others = int(hits.sum()), int((~hits).sum())
            above = np.flatnonzero(hits).sum() - count * (count - 1) / 2
            figures.append(1.0 - above / (count * others))
    return float(np.mean(figures)) if figures else 1.0
