"""What has followed what since the night counts from a user's next event on, if the run says so."""

import json
import threading
from dataclasses import asdict, replace

import pytest
from sqlalchemy import Engine, text

from domain.recent_transitions import PSEUDO_COUNT
from speed.recent_transitions import TransitionsLearner
from speed.settings import SpeedSettings
from sql.locks import RECENT_TRANSITIONS, try_lock
from tests.events import event, record, user_no_of
from tests.passes import fold_all
from tests.small_run import PARAMETERS, publish_small_run
from tests.small_transitions import transitions_of

WEIGHT = 10.0


def publish(engine: Engine, film_nos: list[int], weight: float = WEIGHT) -> int:
    """A run in which item 7 follows item 0, and what recent transitions count."""
    with engine.begin() as connection:
        rows = transitions_of({film_nos[0]: [(film_nos[7], 1.0)]})
        run_id = publish_small_run(connection, film_nos, transitions=rows)
        said = json.dumps({"live_vector": asdict(replace(PARAMETERS, recent_weight=weight))})
        connection.execute(
            text(
                "update model_runs set parameters = parameters || cast(:said as jsonb)"
                " where run_id = :run_id"
            ),
            {"said": said, "run_id": run_id},
        )
    return run_id


def learner(engine: Engine) -> TransitionsLearner:
    return TransitionsLearner(engine, SpeedSettings(), threading.Event())


def rows(engine: Engine) -> dict[int, list[int]]:
    with engine.connect() as connection:
        found = connection.execute(text("select item_no, next_item_nos from recent_transitions"))
        return {row.item_no: row.next_item_nos for row in found}


def two_likes(engine: Engine, user: str, film_nos: list[int], *numbers: int) -> None:
    with engine.begin() as connection:
        record(
            connection,
            [event(user, film_nos[number], minutes=n) for n, number in enumerate(numbers)],
        )


def test_what_one_user_did_next_counts_for_another(engine: Engine, film_nos: list[int]) -> None:
    publish(engine, film_nos)
    two_likes(engine, "ann", film_nos, 0, 9)
    assert learner(engine).learn_once() is not None
    two_likes(engine, "ben", film_nos, 0)
    fold_all(engine)
    with engine.connect() as connection:
        ben = user_no_of(connection, "ben")
        found = connection.execute(
            text("select next_item_nos, next_scores from user_embeddings where user_no = :user_no"),
            {"user_no": ben},
        ).one()
    gains = dict(zip(found.next_item_nos, found.next_scores, strict=True))
    assert gains == pytest.approx(
        {film_nos[7]: 1.0, film_nos[9]: WEIGHT / (PSEUDO_COUNT + 1.0)}, rel=1e-6
    )


def test_it_is_learned_anew_from_what_the_log_holds_then(
    engine: Engine, film_nos: list[int]
) -> None:
    publish(engine, film_nos)
    work = learner(engine)
    two_likes(engine, "ann", film_nos, 0, 9)
    work.learn_once()
    assert rows(engine) == {film_nos[0]: [film_nos[9]]}
    assert work.learn_once() is None
    with engine.begin() as connection:
        connection.execute(text("delete from interactions"))
    two_likes(engine, "ben", film_nos, 3, 4)
    work.learn_once()
    assert rows(engine) == {film_nos[3]: [film_nos[4]]}


def test_what_was_before_the_cut_off_is_the_runs(engine: Engine, film_nos: list[int]) -> None:
    two_likes(engine, "ann", film_nos, 0, 9)
    publish(engine, film_nos)
    learner(engine).learn_once()
    assert rows(engine) == {}


def test_a_run_in_which_it_counts_nothing_has_no_rows(engine: Engine, film_nos: list[int]) -> None:
    publish(engine, film_nos, weight=0.0)
    two_likes(engine, "ann", film_nos, 0, 9)
    assert learner(engine).learn_once() is None
    assert rows(engine) == {}


def test_one_worker_learns_at_a_time(engine: Engine, film_nos: list[int]) -> None:
    run_id = publish(engine, film_nos)
    two_likes(engine, "ann", film_nos, 0, 9)
    with engine.begin() as other:
        assert try_lock(other, RECENT_TRANSITIONS, run_id)
        assert learner(engine).learn_once() is None
    assert learner(engine).learn_once() == run_id


def test_rows_go_with_their_run(engine: Engine, film_nos: list[int]) -> None:
    run_id = publish(engine, film_nos)
    two_likes(engine, "ann", film_nos, 0, 9)
    learner(engine).learn_once()
    with engine.begin() as connection:
        connection.execute(text("delete from live_run"))
        connection.execute(text("delete from model_runs where run_id = :r"), {"r": run_id})
    assert rows(engine) == {}
