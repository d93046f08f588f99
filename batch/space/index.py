"""The indexes over items, and how much of the exact answer they find."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from batch.bulk import with_numbers
from domain.identifiers import RunId
from sql.statements import statements

_BATCH = statements("batch")
_INDEX = statements("index")

DEPTH = 100


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is indexed by inner product: the names of its statements."""

    create: str
    sample: str
    """Users or items to ask for."""
    exact: str
    by_index: str


ITEM_VECTORS = Indexed(
    "create_item_index", "sample_live_vectors", "find_nearest_items", "find_nearest_items_by_index"
)
"""Asked by live vectors of users."""
SIMILARITY_EMBEDDINGS = Indexed(
    "create_similarity_index",
    "sample_similarity_embeddings",
    "find_similar_items",
    "find_similar_items_by_index",
)
"""Asked by similarity embeddings of items."""


def build_index(
    connection: Connection, run_id: RunId, dimensions: int, indexed: Indexed = ITEM_VECTORS
) -> None:
    """Index the run's vectors, which have so many dimensions, by inner product."""
    connection.execute(_BATCH[indexed.create], {"run_id": run_id, "dimensions": dimensions})


def index_recall(
    connection: Connection,
    run_id: RunId,
    dimensions: int,
    sample: int,
    indexed: Indexed = ITEM_VECTORS,
) -> float:
    """Mean share of the exact nearest 100 items that the index finds, for a sample of vectors.

    The index is searched with the settings it is served with, which stay set for the rest of the
    transaction: roll it back. 1 without anything to ask for.
    """
    drawn = connection.execute(_BATCH[indexed.sample], {"run_id": run_id, "sample": sample})
    asked = [{"run_id": run_id, "of": of, "items": DEPTH} for of in drawn.scalars()]
    exact = [
        set(connection.execute(_BATCH[indexed.exact], parameters).scalars()) for parameters in asked
    ]
    connection.execute(_INDEX["prepare_index_search"])
    by_index = _BATCH[indexed.by_index]
    statements_by_index = [
        with_numbers(by_index, **parameters, dimensions=dimensions) for parameters in asked
    ]
    found = [
        set(connection.exec_driver_sql(statement).scalars()) for statement in statements_by_index
    ]
    shares = [len(a & b) / len(a) for a, b in zip(exact, found, strict=True) if a]
    return float(np.mean(shares)) if shares else 1.0
