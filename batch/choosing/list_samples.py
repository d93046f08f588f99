"""Samples that the exponents of the lists are chosen by, each with what was learned before it.

The newest tenth of a log is of whoever came lately: of a log of years a handful of users, while
lists are made for all. So each user's own newest interactions are foreseen beside it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.choosing.foreseeing import Asked, Gains, gains_of
from batch.choosing.validation import FEWEST_EVENTS, of_drawn_users
from batch.engines.engine import BatchEngine
from batch.fitting import Factors
from batch.history.matrix import InteractionMatrix, interaction_matrix
from batch.history.splitting import Relevant, Split, relevant_in_future, split_by_user
from batch.history.trend import trend
from batch.lists.listed_sequence import sequence_factors
from batch.lists.listing import (
    als_parameters,
    decayed,
    fit_factors,
    scoring_scales,
    with_sequence,
)
from batch.parameters import ListHyperparameters, SpaceParameters
from batch.space.sequence import sequence_vectors

MOST_EVENTS = 1_000
"""So many are foreseen of a sample."""
MOST_INTERACTIONS = 1_000_000
"""Of a longer log so many are read, of users drawn: it is for a choice of three numbers alone."""
_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class ListSample:
    """What is to be foreseen, and what one fit and the sequence part know of it."""

    asked: Asked
    matrix: InteractionMatrix
    lately: NDArray[np.float64]
    """(i,) the items' trend."""
    following: Factors
    """What comes next, for all users."""
    fitted: Factors
    """For all users, before items are weighed."""

    def gains(
        self, configurations: Iterable[ListHyperparameters]
    ) -> dict[ListHyperparameters, Gains]:
        """(n,) 1 / log2(rank + 2) by configuration, all with as many factors as were fitted."""
        by_weight: dict[float, list[ListHyperparameters]] = {}
        for each in configurations:
            by_weight.setdefault(each.sequence_weight, []).append(each)
        found: dict[ListHyperparameters, Gains] = {}
        for alike in by_weight.values():
            listed = with_sequence(self.fitted, self.following, alike[0], self.asked.rows)
            scales = {each: scoring_scales(self.matrix, each, self.lately) for each in alike}
            found |= gains_of(self.asked, listed, scales)
        return found


def newest_of_users(
    split: Split,
    hyperparameters: ListHyperparameters,
    *,
    seed: int,
    engine: BatchEngine,
    on_fit: Callable[[int], None] = lambda _factors: None,
) -> ListSample | None:
    """Each user's newest tenth foreseen from all else that the night has read.

    Of a longer log than `MOST_INTERACTIONS` as many are read, of users drawn. None if too little is
    to be foreseen; else `on_fit` is told how many factors the fit has.
    """
    past, future = of_drawn_users(split.past, split.future, MOST_INTERACTIONS, seed)
    rest, held_out = split_by_user(past.followed_by(future), _SHARE, seed=seed)
    if not len(rest):
        return None
    moment = rest.newest()
    matrix = interaction_matrix(rest, moment)
    relevant = relevant_in_future(matrix, held_out, moment)
    known = np.flatnonzero(np.isin(relevant.item_nos, matrix.item_nos))
    if len(known) < FEWEST_EVENTS:
        return None
    chosen = spread(Relevant(relevant.user_nos[known], relevant.item_nos[known]), MOST_EVENTS, seed)
    weighed = decayed(matrix, rest, moment, hyperparameters)
    on_fit(als_parameters(weighed, hyperparameters).factors)
    sequence = sequence_vectors(rest, matrix.item_nos, moment, SpaceParameters(), engine=engine)
    return ListSample(
        Asked.of_pairs(matrix, chosen.user_nos, chosen.item_nos),
        weighed,
        trend(rest, matrix.item_nos, moment, hyperparameters.trend_half_life_days),
        sequence_factors(sequence, matrix, rest),
        fit_factors(weighed, hyperparameters, engine=engine),
    )


def spread(pairs: Relevant, most: int, seed: int) -> Relevant:
    """At most so many of the pairs, drawn, of as many users as can be; in rising order."""
    drawn = np.random.default_rng(seed).permutation(len(pairs.user_nos))
    by_user = drawn[np.argsort(pairs.user_nos[drawn], kind="stable")]
    _, starts, counts = np.unique(pairs.user_nos[by_user], return_index=True, return_counts=True)
    # A user's second is drawn only after everybody's first.
    turns = np.arange(len(by_user)) - np.repeat(starts, counts)
    turns_of = np.empty(len(turns), dtype=np.intp)
    turns_of[by_user] = turns
    kept = np.sort(drawn[np.argsort(turns_of[drawn], kind="stable")][:most])
    return Relevant(pairs.user_nos[kept], pairs.item_nos[kept])


def mean_by_user(
    gains: Iterable[Gains], user_nos: Iterable[NDArray[np.int32]]
) -> NDArray[np.float64]:
    """(u,) the mean of each user's gains in all samples; users by rising number."""
    _, users = np.unique(np.concatenate(list(user_nos)), return_inverse=True)
    sums = np.bincount(users, weights=np.concatenate(list(gains)))
    return np.asarray(sums / np.bincount(users))
