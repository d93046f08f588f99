"""The index over item vectors, and how much of the exact answer it finds."""

import numpy as np
from sqlalchemy import Connection

from batch.bulk import with_numbers
from domain.identifiers import RunId
from sql.statements import statements

_BATCH = statements("batch")
_INDEX = statements("index")

DEPTH = 100


def build_index(connection: Connection, run_id: RunId, dimensions: int) -> None:
    """Index the run's item vectors by inner product."""
    statement = with_numbers(_BATCH["create_item_index"], run_id=run_id, dimensions=dimensions)
    # A statement without parameters is sent as it is: its percent signs are its own.
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def index_recall(connection: Connection, run_id: RunId, dimensions: int, users: int) -> float:
    """Mean share of the exact nearest 100 items that the index finds, for a sample of users.

    The index is searched with the settings it is served with, which stay set for the rest of the
    transaction: roll it back. 1 without live vectors.
    """
    sample = {"run_id": run_id, "users": users}
    user_nos = list(connection.execute(_BATCH["sample_live_vectors"], sample).scalars())
    exact = [_nearest(connection, run_id, user_no) for user_no in user_nos]
    connection.execute(_INDEX["prepare_index_search"])
    found = [_nearest_by_index(connection, run_id, dimensions, user_no) for user_no in user_nos]
    shares = [len(a & b) / len(a) for a, b in zip(exact, found, strict=True) if a]
    return float(np.mean(shares)) if shares else 1.0


def _nearest(connection: Connection, run_id: RunId, user_no: int) -> set[int]:
    parameters = {"run_id": run_id, "user_no": user_no, "items": DEPTH}
    return set(connection.execute(_BATCH["find_nearest_items"], parameters).scalars())


def _nearest_by_index(
    connection: Connection, run_id: RunId, dimensions: int, user_no: int
) -> set[int]:
    statement = with_numbers(
        _BATCH["find_nearest_items_by_index"],
        run_id=run_id,
        dimensions=dimensions,
        user_no=user_no,
        items=DEPTH,
    )
    return set(connection.exec_driver_sql(statement).scalars())
