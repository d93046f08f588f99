"""Transitions in the store: the rows of a run, and what comes next after users' histories."""

import numpy as np
import pytest
from sqlalchemy import Engine, text

from batch.bulk import bulk_connection
from batch.space.embeddings import store_transitions
from domain.live_vector import History
from domain.rankings import Ranking
from domain.transitions import NO_TRANSITIONS
from sql.live_vectors import (
    UserVector,
    load_item_vectors,
    load_live_space,
    load_transitions,
    store_user_vectors,
)
from tests.events import event, record, user_no_of
from tests.small_run import publish_small_run
from tests.small_transitions import random_transitions


def test_the_rows_a_history_needs_come_back_as_a_night_wrote_them(
    engine: Engine, database_url: str, film_nos: list[int]
) -> None:
    written = random_transitions(film_nos[:20], film_nos, seed=0, longest=12)
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos[:26])
    with bulk_connection(database_url) as bulk:
        store_transitions(bulk, run_id, written)
        store_transitions(bulk, run_id, NO_TRANSITIONS)
    # Of a film with a row, one without, one disliked, and one that the run does not know.
    liked = np.array([film_nos[n] for n in (5, 22, 3, 7, 28)], dtype=np.int32)
    with engine.connect() as connection:
        run = load_live_space(connection, run_id)
        items = load_item_vectors(connection, run_id, liked.tolist())
        history = History(liked, np.array([1.0, 1.0, 1.0, -1.0, 1.0]))
        found = load_transitions(connection, run, items, [history])
        nothing = load_transitions(connection, run, items, [])
    assert found.item_nos.tolist() == [film_nos[3], film_nos[5]]
    assert len(nothing) == 0
    for item_no in found.item_nos.tolist():
        for column, expected in zip(found.row(item_no), written.row(item_no), strict=True):
            assert column.dtype == expected.dtype
            assert np.array_equal(column, expected)


@pytest.mark.parametrize("count", [0, 1, 200])
def test_what_comes_next_is_kept_in_its_order_and_nothing_is_null(
    engine: Engine, film_nos: list[int], count: int
) -> None:
    scores = np.random.default_rng(0).uniform(size=count).astype(np.float32)
    following = Ranking.of(np.arange(1, count + 1), scores)
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
        run_id = publish_small_run(connection, film_nos)
        vector = np.ones(4, dtype=np.float32)
        ann = UserVector(user_no_of(connection, "ann"), vector, 1, following)
        for position in (1, 2):
            store_user_vectors(connection, run_id, [ann], position)  # type: ignore[arg-type]
        row = connection.execute(text("select * from user_embeddings")).one()
    if not count:
        assert (row.next_item_nos, row.next_scores) == (None, None)
    else:
        assert row.next_item_nos == following.item_nos.tolist()
        assert np.array_equal(np.array(row.next_scores, np.float32), following.scores)
