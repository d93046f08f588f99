"""The live vector as it is defined, to compare with what the speed layer wrote."""

import numpy as np
from sqlalchemy import Connection, text

from domain.identifiers import UserNo
from domain.live_vector import live_vector
from sql.live_vectors import load_item_vectors, load_live_space
from tests.histories import load_histories


def expected_vector(connection: Connection, user_no: UserNo) -> np.ndarray:
    """The live vector computed from the whole log as it stands."""
    run_id = connection.execute(text("select run_id from live_run")).scalar_one()
    run = load_live_space(connection, run_id)
    histories = load_histories(connection, [user_no], horizon=2**40, events=100)
    history = histories[user_no]
    items = load_item_vectors(connection, run_id, history.item_nos.tolist())
    vector = live_vector(run.space, items, history)
    assert vector is not None
    return vector
