"""Blocks of rows as Parquet files in a folder that the night and the executors see."""

import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.bulk import array_column
from batch.history.interactions import Interactions
from domain.interactions import KindTable


def bounds(rows: int, blocks: int) -> list[tuple[int, int]]:
    """The first row of each block and the row after its last; no block is empty."""
    edges = np.linspace(0, rows, min(blocks, max(rows, 1)) + 1).astype(np.int64).tolist()
    return list(pairwise(edges))


def write(path: Path, columns: dict[str, Any]) -> None:
    """Write a file whole or not at all, so that a task may be done twice at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        pq.write_table(pa.table(columns), unfinished, compression="zstd")
        # Renaming within a folder is atomic.
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read(path: Path) -> Any:
    """The table in a file."""
    return pq.read_table(path)


def dense_columns(numbers: NDArray[np.floating]) -> dict[str, Any]:
    """The rows of an array (n, f) as a column of lists of one length."""
    width = numbers.shape[1]
    flat = pa.array(np.ascontiguousarray(numbers).ravel())
    return {"row": pa.FixedSizeListArray.from_arrays(flat, width)}


def read_dense(path: Path, width: int) -> NDArray[np.float32]:
    """(n, `width`) what `dense_columns` were written."""
    return _numbers(read(path)["row"]).reshape(-1, width)


def sparse_columns(matrix: csr_matrix) -> dict[str, Any]:
    """The rows of a matrix as two columns of lists."""
    lengths = np.diff(matrix.indptr)
    return {
        "columns": array_column(matrix.indices.astype(np.int32), lengths),
        "numbers": array_column(matrix.data.astype(np.float32), lengths),
    }


def read_sparse(path: Path, width: int) -> csr_matrix:
    """(n, `width`) what `sparse_columns` were written."""
    table = read(path)
    lengths = pc.list_value_length(table["columns"]).to_numpy()
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    parts = (_numbers(table["numbers"]), _numbers(table["columns"]), starts)
    return csr_matrix(parts, shape=(len(lengths), width))


def history_columns(interactions: Interactions) -> dict[str, Any]:
    """Interactions without what their kinds say."""
    return {
        "user_no": pa.array(interactions.user_nos),
        "item_no": pa.array(interactions.item_nos),
        "kind_no": pa.array(interactions.kind_nos),
        "strength": pa.array(interactions.strengths),
        "occurred_at": pa.array(interactions.occurred_at),
    }


def read_history(path: Path, kinds: KindTable) -> Interactions:
    """What `history_columns` were written."""
    table = read(path)
    return Interactions(
        kinds,
        table["user_no"].to_numpy(),
        table["item_no"].to_numpy(),
        table["kind_no"].to_numpy(),
        table["strength"].to_numpy(),
        table["occurred_at"].to_numpy().astype("datetime64[us]"),
    )


def files(folder: Path, blocks: int) -> list[Path]:
    """The files of so many blocks in a folder, in their order."""
    return [folder / f"block-{number:05d}.parquet" for number in range(blocks)]


def read_best(path: Path, length: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Columns and scores (n, `length`) of the best items of users."""
    columns = _numbers(read(path)["column"]).reshape(-1, length)
    return columns, read_dense(path, length)


def read_counts(path: Path, items: int) -> csr_matrix:
    """(i, i) what was counted in some histories."""
    table = read(path)
    cells = (table["item"].to_numpy(), table["next"].to_numpy())
    return csr_matrix((table["count"].to_numpy(), cells), shape=(items, items))


def _numbers(lists: Any) -> NDArray[Any]:
    """All numbers of a column of lists, in an array that may be written."""
    return np.array(lists.combine_chunks().flatten().to_numpy(), copy=True)
