"""Item vectors and their space in the store."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from batch.bulk import append, array_column, constant_column, vector_column
from batch.space.composing import ItemSpace
from domain.identifiers import RunId
from domain.live_vector import ItemVectors
from domain.transitions import Transitions
from sql.statements import statements

_BATCH = statements("batch")


def store_item_vectors(
    connection: Any,
    run_id: RunId,
    items: ItemVectors,
    users: NDArray[np.int32] | None = None,
) -> None:
    """Append item vectors to the run's partition over an ADBC connection and commit.

    `users` (n,) is how many liked each item; None: not known, as if nobody had.
    """
    columns = {
        "run_id": constant_column(run_id, len(items.item_nos)),
        "item_no": pa.array(items.item_nos),
        "embedding": vector_column(items.vectors),
        "context_embedding": _context_column(items),
        "taste_scale": pa.array(items.taste_scales.astype(np.float32)),
        "confidence_scale": pa.array(items.confidence_scales.astype(np.float32)),
        "users": pa.array(np.zeros(len(items.item_nos), np.int32) if users is None else users),
    }
    append(connection, f"item_embeddings_{run_id}", columns)


def store_transitions(connection: Any, run_id: RunId, transitions: Transitions) -> None:
    """Append the rows of a transition matrix to the run's partition over ADBC and commit."""
    lengths = np.diff(transitions.starts)
    columns = {
        "run_id": constant_column(run_id, len(transitions)),
        "item_no": pa.array(transitions.item_nos),
        "next_item_nos": array_column(transitions.next_item_nos, lengths),
        "scores": array_column(transitions.scores, lengths),
    }
    append(connection, f"item_transitions_{run_id}", columns)


def store_space(connection: Connection, run_id: RunId, space: ItemSpace) -> None:
    """Write what live vectors are made with into the row of the run."""
    connection.execute(
        _BATCH["store_space"],
        {
            "run_id": run_id,
            "gramian": space.space.gramian.ravel().tolist(),
            "item_norm": space.norm,
            "live_vector": json.dumps(asdict(space.space.parameters)),
        },
    )


def _context_column(items: ItemVectors) -> Any:
    """Context embeddings, or nulls without a sequence part: a vector has a dimension at least."""
    if items.context_embeddings.shape[1]:
        return vector_column(items.context_embeddings)
    return pa.nulls(len(items.item_nos), pa.binary())
