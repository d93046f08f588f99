"""Words of a small run, and interests declared by the store's function, for tests."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pgvector import Vector
from sqlalchemy import Connection, insert, text

from sql.statements import statements
from tests import tables

TASTE_SCALE = 0.5


def teach_words(
    connection: Connection,
    run_id: int,
    terms: Mapping[str, Sequence[float]],
    context_embeddings: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Let a run know terms: what one mention adds to the taste and sequence parts."""
    rows = [
        {
            "run_id": run_id,
            "term": term,
            "idf": 1.0,
            "embedding": Vector(np.array(vector, dtype=np.float32)),
            "context_embedding": Vector(np.array(context_embeddings[term], dtype=np.float32))
            if context_embeddings
            else None,
        }
        for term, vector in terms.items()
    ]
    connection.execute(insert(tables.term_embeddings), rows)
    words = json.dumps({"taste_scale": TASTE_SCALE, "trend": 0.0, "longest": 100.0})
    connection.execute(
        text(
            "update model_runs set parameters = parameters"
            " || jsonb_build_object('words', cast(:words as jsonb)) where run_id = :run_id"
        ),
        {"run_id": run_id, "words": words},
    )


def state(
    connection: Connection,
    user_id: str,
    words: Sequence[str] = (),
    item_nos: Sequence[int] = (),
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """State what a user likes; the row that is answered."""
    user = {
        "user_id": user_id,
        "attributes": attributes or {},
        "words": list(words),
        "item_nos": list(item_nos),
    }
    parameters = {"user": json.dumps(user), "words": list(words)}
    return connection.execute(statements("interests")["put_user"], parameters).one()
