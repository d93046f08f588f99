"""The speed layer folds every event in, once, whatever happens around it."""

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from domain.live_vector import History, sequence_weights
from speed.folding import Folder
from sql.event_kinds import KindChange, set_kind
from tests.events import CLICK, DISLIKE, LIKE, event, record, user_no_of
from tests.passes import SETTINGS, fold_all, stored_vector
from tests.removals import delete
from tests.small_run import PARAMETERS, publish_small_run
from tests.small_transitions import transitions_of
from tests.speed.expected_vectors import expected_vector


def test_events_become_the_vector_of_the_whole_history(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[n], minutes=n) for n in range(3)])
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[20], minutes=9, kind_no=LIKE)])
        ann = user_no_of(connection, "ann")
    assert fold_all(engine) == [ann]
    with engine.connect() as connection:
        vector, events, position = stored_vector(connection, ann)
        assert vector == pytest.approx(expected_vector(connection, ann), abs=1e-6)
        assert (events, position) == (1, 6)


def test_what_comes_next_is_computed_anew_with_every_event(
    engine: Engine, film_nos: list[int]
) -> None:
    def following(connection: Connection) -> tuple[list[int] | None, list[float] | None]:
        query = text("select next_item_nos, next_scores from user_embeddings")
        return tuple(connection.execute(query).one())  # type: ignore[return-value]

    f = film_nos
    with engine.begin() as connection:
        rows = {f[0]: [(f[7], 1.0), (f[8], 0.5)], f[1]: [(f[8], 2.0)]}
        publish_small_run(connection, f, transitions=transitions_of(rows))
        first, second = event("ann", f[0], minutes=1), event("ann", f[1], minutes=2)
        record(connection, [first])
    fold_all(engine)
    with engine.begin() as connection:
        assert following(connection) == ([f[7], f[8]], [1.0, 0.5])
        record(connection, [second])
    fold_all(engine)
    with engine.begin() as connection:
        _, weights = sequence_weights(PARAMETERS, History(np.array(f[:2]), np.ones(2)))
        next_item_nos, scores = following(connection)
        assert next_item_nos == [f[8], f[7]]
        assert scores == pytest.approx([2.0 * weights[0] + 0.5 * weights[1], weights[1]])
        delete(connection, first.event_id)
    fold_all(engine)
    with engine.begin() as connection:
        assert following(connection) == ([f[8]], [2.0])
        delete(connection, second.event_id)
    fold_all(engine)
    with engine.connect() as connection:
        assert following(connection) == (None, None)


def test_a_kind_created_since_counts_and_a_new_weight_from_the_next_event_on(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        share, _ = set_kind(connection, "share", KindChange(weight=3), actor="a test")
        likes = [event("ann", film_nos[n], minutes=n) for n in range(3)]
        record(connection, [*likes, event("ann", film_nos[20], kind_no=share.kind_no)])
        ann = user_no_of(connection, "ann")
    fold_all(engine)
    with engine.begin() as connection:
        before, _, _ = stored_vector(connection, ann)
        assert before == pytest.approx(expected_vector(connection, ann), abs=1e-6)
        set_kind(connection, "share", KindChange(weight=0.5), actor="a test")
        expected = expected_vector(connection, ann)
    fold_all(engine)
    with engine.begin() as connection:
        vector, _, _ = stored_vector(connection, ann)
        assert vector == pytest.approx(before), "nothing happened to ann"
        assert vector != pytest.approx(expected, abs=1e-3)
        record(connection, [event("ann", film_nos[9], minutes=9)])
    fold_all(engine)
    with engine.connect() as connection:
        vector, _, _ = stored_vector(connection, ann)
        assert vector == pytest.approx(expected_vector(connection, ann), abs=1e-6)


def test_five_events_sent_together_all_count(engine: Engine, film_nos: list[int]) -> None:
    kinds = (LIKE, CLICK, DISLIKE, LIKE, LIKE)
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        sent = [event("ann", film_nos[5 * n], minutes=n, kind_no=k) for n, k in enumerate(kinds)]
        record(connection, sent)
        ann = user_no_of(connection, "ann")
    fold_all(engine)
    with engine.connect() as connection:
        vector, events, _ = stored_vector(connection, ann)
        assert vector == pytest.approx(expected_vector(connection, ann), abs=1e-6)
        assert events == 5


def test_vectors_made_of_kept_items_are_those_of_the_definition_to_the_bit(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        connection.execute(text("update item_embeddings set users = item_no % 4"))
    folder, users = Folder(SETTINGS), [f"user-{n}" for n in range(5)]
    for minutes in range(4):
        with engine.begin() as connection:
            film_no = film_nos[7 * minutes]
            record(connection, [event(user, film_no, minutes=minutes) for user in users])
        with engine.begin() as connection:
            folder.fold_new(connection)
            for user in users:
                user_no = user_no_of(connection, user)
                vector, _, _ = stored_vector(connection, user_no)
                assert vector == expected_vector(connection, user_no).tolist()


def test_a_user_of_items_the_run_does_not_know_has_no_vector_and_stops_nobody(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos[:10])
        record(connection, [event("ann", film_nos[20])])
        ann = user_no_of(connection, "ann")
    assert fold_all(engine) == [ann]
    with engine.connect() as connection:
        query = text("select embedding, events_since_cut_off from user_embeddings")
        assert connection.execute(query).one() == (None, 1)


def test_before_the_first_run_there_is_nothing_to_do(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
    assert fold_all(engine) == []


def test_the_worker_misses_neither_of_two_interleaved_transactions(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
    with engine.connect() as early, engine.connect() as late:
        record(early, [event("ann", film_nos[0])])
        record(late, [event("bob", film_nos[1])])
        late.commit()
        fold_all(engine)
        early.commit()
    fold_all(engine)
    with engine.connect() as connection:
        for user in ("ann", "bob"):
            user_no = user_no_of(connection, user)
            vector, events, _ = stored_vector(connection, user_no)
            assert vector == pytest.approx(expected_vector(connection, user_no), abs=1e-6)
            assert events == 1


def test_a_pass_that_is_rolled_back_is_done_again(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
        ann = user_no_of(connection, "ann")
    with engine.connect() as connection:
        Folder(SETTINGS).fold_new(connection)
        connection.rollback()
    assert fold_all(engine) == [ann]


def test_after_a_promotion_the_worker_folds_onto_the_new_run(
    engine: Engine, film_nos: list[int]
) -> None:
    folder = Folder(SETTINGS)
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
    with engine.begin() as connection:
        folder.fold_new(connection)
        publish_small_run(connection, film_nos[:10])
        record(connection, [event("ann", film_nos[3], minutes=5)])
    with engine.begin() as connection:
        done = folder.fold_new(connection)
        ann = user_no_of(connection, "ann")
        vector, events, _ = stored_vector(connection, ann)
        assert done is not None
        assert vector == pytest.approx(expected_vector(connection, ann), abs=1e-6)
        assert events == 1
