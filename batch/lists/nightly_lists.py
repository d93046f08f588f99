"""Lists: the best items of each user by inner product of factors."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch.bulk import append, array_column, constant_column
from batch.engines.engine import LEFT_OUT, BatchEngine, BestItems
from batch.engines.implicit_engine import ONE_MACHINE, best_items
from batch.fitting import Factors
from batch.history.matrix import InteractionMatrix
from batch.lists.inter_user_similarity import DEPTH
from domain.identifiers import RunId

NO_ITEM = -1


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of some users; a list that is shorter than the others ends in `NO_ITEM`."""

    user_nos: NDArray[np.int32]
    """(n,)"""
    item_nos: NDArray[np.int32]
    """(n, k)"""
    scores: NDArray[np.float32]
    """(n, k) falling; meaningless where there is no item."""

    def lengths(self) -> NDArray[np.intp]:
        """How many items each list has, (n,)."""
        return np.asarray((self.item_nos != NO_ITEM).sum(axis=1))


def best_lists(
    matrix: InteractionMatrix,
    factors: Factors,
    rows: NDArray[np.intp],
    *,
    length: int,
    threads: int = 0,
) -> Lists:
    """The best items of the users in `rows`, without what they have seen.

    Memory is that of the answer.
    """
    best = best_items(
        factors.users[rows],
        factors.items,
        matrix.seen[rows],
        length=length,
        left_out=np.empty(0, dtype=np.intp),
        threads=threads,
    )
    return _lists(matrix, rows, best)


def all_lists(
    matrix: InteractionMatrix,
    factors: Factors,
    *,
    length: int,
    left_out: NDArray[np.integer],
    chunk_users: int,
    engine: BatchEngine = ONE_MACHINE,
) -> Iterator[Lists]:
    """The lists of every user who likes something, `chunk_users` at a time."""
    rows = matrix.rows_who_like()
    chunks = [rows[start : start + chunk_users] for start in range(0, len(rows), chunk_users)]
    found = engine.best_items(
        factors, matrix.seen, chunks, length=length, left_out=matrix.columns_of(left_out)
    )
    for chunk, best in zip(chunks, found, strict=True):
        yield _lists(matrix, chunk, best)


def _lists(matrix: InteractionMatrix, rows: NDArray[np.intp], best: BestItems) -> Lists:
    """The lists of the users in `rows` with the numbers of their items."""
    columns, scores = best
    item_nos = np.where(scores > LEFT_OUT, matrix.item_nos[columns], NO_ITEM)
    return Lists(matrix.user_nos[rows], item_nos.astype(np.int32), scores)


def store_lists(connection: Any, run_id: RunId, lists: Lists) -> None:
    """Append lists to the run's partition over an ADBC connection and commit."""
    lengths = lists.lengths()
    listed = lists.item_nos != NO_ITEM
    columns = {
        "run_id": constant_column(run_id, len(lengths)),
        "user_no": pa.array(lists.user_nos),
        "item_nos": array_column(lists.item_nos[listed], lengths),
        "scores": array_column(lists.scores[listed], lengths),
    }
    append(connection, f"batch_recommendations_{run_id}", columns)


@dataclass(frozen=True, slots=True)
class WrittenLists:
    """What the lists of all users come to."""

    users: int
    distinct_top_items: int
    """How many different items stand among the first 20 of some list."""
    compared: NDArray[np.int32]
    """(n, 20) the first 20 of the lists that are compared, ending in `NO_ITEM`."""
    item_nos: NDArray[np.int32]
    """(i,) every item that stands in some list, rising."""


def store_all_lists(
    connection: Any,
    run_id: RunId,
    chunks: Iterator[Lists],
    compared: NDArray[np.bool_],
    on_users: Callable[[int], None] = lambda _users: None,
) -> WrittenLists:
    """Write chunk by chunk; `on_users` is told how many users' lists are written.

    `compared` (u,) says for each user in the order of the chunks whether the list is one of those
    that are compared with each other.
    """
    users, top_items, items = 0, *[np.array([NO_ITEM], dtype=np.int32)] * 2
    tops = [np.empty((0, DEPTH), dtype=np.int32)]
    for lists in chunks:
        store_lists(connection, run_id, lists)
        top = lists.item_nos[:, :DEPTH]
        rows = top[compared[users : users + len(top)]]
        padding = ((0, 0), (0, DEPTH - top.shape[1]))
        tops.append(np.pad(rows, padding, constant_values=NO_ITEM))
        users += len(top)
        top_items, items = np.union1d(top_items, top), np.union1d(items, lists.item_nos)
        on_users(users)
    listed = items[items != NO_ITEM]
    return WrittenLists(users, int((top_items != NO_ITEM).sum()), np.concatenate(tops), listed)
