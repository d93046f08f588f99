"""Item vectors: the run's one space, `[taste | sequence | filler]`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from batch.bulk import append, constant_column, vector_column
from batch.fitting import gramian
from domain.identifiers import RunId
from domain.live_vector import ItemVectors, LiveSpace, LiveVectorParameters
from sql.statements import statements

_BATCH = statements("batch")


@dataclass(frozen=True, slots=True)
class ItemSpace:
    """All items of a run as vectors of one length, and what live vectors are made with."""

    items: ItemVectors
    norm: float
    """The norm of every item's vector."""
    space: LiveSpace


def item_space(
    parameters: LiveVectorParameters,
    item_nos: NDArray[np.int32],
    factors: NDArray[np.float32],
    confidence_scales: NDArray[np.float64],
) -> ItemSpace:
    """Put items into one space from their ALS factors (n, f) and 1 / d_i^c (n,).

    Everything is rounded to the 32 bits it is stored with, so that whoever reads it from the store
    computes the same live vectors.
    """
    mean_square = float((factors.astype(np.float64) ** 2).sum(axis=1).mean())
    # taste_scale = 1 / root mean square norm of all items' factors
    taste_scale = np.float32(1.0 / np.sqrt(mean_square)) if mean_square > 0.0 else np.float32(1.0)
    taste = factors * taste_scale
    norms = np.linalg.norm(taste.astype(np.float64), axis=1)
    norm = float(norms.max(initial=0.0))
    # filler = sqrt(max_norm^2 - |v|^2): all norms become equal
    filler = np.sqrt(np.maximum(norm**2 - norms**2, 0.0)).astype(np.float32)
    items = ItemVectors(
        item_nos=item_nos,
        vectors=np.column_stack([taste, filler]).astype(np.float32),
        taste_scales=np.full(len(item_nos), float(taste_scale)),
        confidence_scales=confidence_scales.astype(np.float32).astype(np.float64),
    )
    rounded = gramian(factors).astype(np.float32).astype(np.float64)
    return ItemSpace(items, norm, LiveSpace(parameters, rounded))


def store_item_vectors(connection: Any, run_id: RunId, items: ItemVectors) -> None:
    """Append item vectors to the run's partition over an ADBC connection and commit."""
    columns = {
        "run_id": constant_column(run_id, len(items.item_nos)),
        "item_no": pa.array(items.item_nos),
        "embedding": vector_column(items.vectors),
        "taste_scale": pa.array(items.taste_scales.astype(np.float32)),
        "confidence_scale": pa.array(items.confidence_scales.astype(np.float32)),
    }
    append(connection, f"item_embeddings_{run_id}", columns)


def store_space(connection: Connection, run_id: RunId, space: ItemSpace) -> None:
    """Write what live vectors are made with into the row of the run."""
    connection.execute(
        _BATCH["store_space"],
        {
            "run_id": run_id,
            "gramian": space.space.gramian.ravel().tolist(),
            "item_norm": space.norm,
        },
    )
