"""Public splits: what was learned from and what was held out, as research publishes it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.evaluation.scoring import Figures, score
from batch.fitting import Factors
from batch.history.matrix import InteractionMatrix, item_degrees
from batch.history.splitting import Relevant
from batch.parameters import ListHyperparameters
from domain.errors import InvalidInputError, NotEnoughHistoryError

_CHUNK_USERS = 2_000


@dataclass(frozen=True, slots=True)
class PublicSplit:
    """A folder with `train.txt` and `test.txt`, whose lines are `user item item ...`."""

    train: InteractionMatrix
    """Users of the test who are not in train have a row without items."""
    test: Relevant
    """In rising order. Items that train lacks are among them: nobody can list them."""


def default_hyperparameters(seed: int) -> ListHyperparameters:
    """The hyperparameters for splits: no trend, and nothing else that knows popularity."""
    return ListHyperparameters(popularity_exponent=0.15, trend_exponent=0.0, seed=seed)


def read_split(folder: Path) -> PublicSplit:
    """Read a split; InvalidInputError if a file is missing or is no list of whole numbers.

    NotEnoughHistoryError if there is nothing to learn from or nothing to score.
    """
    train, test = _read_pairs(folder / "train.txt"), _read_pairs(folder / "test.txt")
    for name, pairs in (("train.txt", train), ("test.txt", test)):
        if not len(pairs):
            raise NotEnoughHistoryError(f"{folder / name} names no item of any user.")
    every = np.concatenate([train, test])
    user_nos, rows = np.unique(every[:, 0], return_inverse=True)
    columns = np.unique(every[:, 1], return_inverse=True)[1].astype(np.int32)
    learned = slice(len(train))
    item_nos = np.unique(columns[learned])
    indexes = (rows[learned], np.searchsorted(item_nos, columns[learned]))
    pattern = csr_matrix(
        (np.ones(len(train), dtype=np.float32), indexes), shape=(len(user_nos), len(item_nos))
    )
    return PublicSplit(
        InteractionMatrix(
            np.arange(len(user_nos), dtype=np.int32), item_nos, weights=pattern, seen=pattern
        ),
        Relevant(rows[len(train) :].astype(np.int32), columns[len(train) :]),
    )


def score_test(split: PublicSplit, factors: Factors, *, threads: int = 0) -> Figures:
    """Recall and nDCG at 20 over the users of the test, as LightGCN defines them (He 2020).

    What a user has in train is not listed. A user train lacks gets the items most users have.
    """
    return score(
        split.train,
        _with_popular(split.train, factors),
        split.test,
        chunk_users=_CHUNK_USERS,
        threads=threads,
    )


def _with_popular(train: InteractionMatrix, factors: Factors) -> Factors:
    """One more factor: the popularity of the items, which only users without items go by."""
    strangers = np.diff(train.weights.indptr) == 0
    users = np.where(strangers[:, None], 0.0, factors.users)
    return Factors(
        np.column_stack([users, strangers]).astype(np.float32),
        np.column_stack([factors.items, item_degrees(train)]).astype(np.float32),
    )


def _read_pairs(path: Path) -> NDArray[np.int64]:
    """Distinct pairs (n, 2) of user and item, rising."""
    try:
        with path.open(encoding="utf-8") as lines:
            pairs = [pair for no, line in enumerate(lines, 1) for pair in _pairs(path, no, line)]
    except FileNotFoundError as error:
        raise InvalidInputError(
            f"There is no file {path}. A split is a folder with train.txt and test.txt."
        ) from error
    return np.unique(np.array(pairs, dtype=np.int64).reshape(-1, 2), axis=0)


def _pairs(path: Path, line_no: int, line: str) -> Iterator[tuple[int, int]]:
    try:
        user, *items = map(int, line.split()) if line.strip() else (0,)
    except ValueError as error:
        raise InvalidInputError(
            f"{path}, line {line_no}: a user and items are asked, all of them whole numbers."
        ) from error
    return ((user, item) for item in items)
