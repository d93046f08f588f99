"""What follows what in the users' histories."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.history.interactions import Interactions
from batch.history.row_blocks import BlockStore, RowBlocks
from batch.history.slicing import occurrences, row_slices
from batch.history.sparse_parts import row_numbers, without
from batch.parameters import SpaceParameters

_PAIRS_AT_ONCE = 4_000_000


def following_counts(
    interactions: Interactions,
    item_nos: NDArray[np.int32],
    as_of: np.datetime64,
    parameters: SpaceParameters,
    *,
    folder: Path | None = None,
    pairs_at_once: int = _PAIRS_AT_ONCE,
) -> RowBlocks:
    """(i, i) how often the column's item came within `window` positions after the row's item.

    Only what users liked counts, and an item used several times in a row counts once. Users are
    counted part by part, and the counts of all parts are added up block by block of rows; memory is
    that of a part and a block of about `pairs_at_once`, the rest is in a file in `folder`.
    """
    bounds = list(_bounds(interactions, item_nos, parameters, pairs_at_once))
    store = BlockStore(folder)
    parts = []
    for part in interactions.by_users():
        counts = _counts_of(part, item_nos, as_of, parameters)
        parts.append([store.keep(counts[rows]) for rows in bounds])
        del counts
    found = RowBlocks(len(item_nos), BlockStore(folder))
    for rows in bounds:
        total = csr_matrix((rows.stop - rows.start, len(item_nos)))
        for blocks in parts:
            total = total + blocks.pop(0)()
        found.append(_without_diagonal(total, rows.start))
    return found


def _bounds(
    interactions: Interactions,
    item_nos: NDArray[np.int32],
    parameters: SpaceParameters,
    pairs_at_once: int,
) -> Iterator[slice]:
    """Blocks of rows with no more pairs than so many, but for single rows."""
    used = occurrences(interactions.item_nos, int(item_nos.max(initial=-1)) + 1)[item_nos]
    most = np.minimum(parameters.window * used, len(item_nos))
    for rows, _ in row_slices(np.concatenate([[0], np.cumsum(most)]), pairs_at_once):
        yield rows


def _without_diagonal(counts: csr_matrix, first_row: int) -> csr_matrix:
    """The counts of the rows from `first_row` on without those of items after themselves."""
    return without(counts, row_numbers(counts) + first_row == counts.indices)


def _counts_of(
    interactions: Interactions,
    item_nos: NDArray[np.int32],
    as_of: np.datetime64,
    parameters: SpaceParameters,
) -> csr_matrix:
    """(i, i) the same of some users, an item after itself too."""
    liked = steps(interactions)
    columns = np.searchsorted(item_nos, liked.item_nos)
    fresh = 0.5 ** (liked.ages_days(as_of) / parameters.sequence_half_life_days)
    shape = (len(item_nos), len(item_nos))
    counts = csr_matrix(shape)
    for distance in range(1, min(parameters.window, len(liked) - 1) + 1):
        same = np.flatnonzero(liked.user_nos[:-distance] == liked.user_nos[distance:])
        # weight = distance^-p * 2^(-age of the later interaction / half-life)
        weights = distance**-parameters.distance_exponent * fresh[same + distance]
        indexes = (columns[same], columns[same + distance])
        counts = counts + csr_matrix((weights, indexes), shape=shape)
    return csr_matrix(counts)


def steps(interactions: Interactions) -> Interactions:
    """What users liked, by user and in time order, without an item's immediate repetitions."""
    liked = interactions.where(interactions.weights() > 0.0)
    ordered = liked.where(
        np.lexsort((liked.kind_nos, liked.item_nos, liked.occurred_at, liked.user_nos))
    )
    repeated = (np.diff(ordered.user_nos, prepend=-1) == 0) & (
        np.diff(ordered.item_nos, prepend=-1) == 0
    )
    return ordered.where(~repeated)
