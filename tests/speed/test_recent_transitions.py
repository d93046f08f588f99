"""What has followed what since the night counts from a user's next event on, if the run says so."""

import json
import threading
from dataclasses import asdict, replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Engine, text

from batch.history.event_file import USED
from batch.history.interactions import Interactions
from batch.space.recent_pairs import RecentPairs
from domain.identifiers import RunId
from domain.recent_transitions import PSEUDO_COUNT
from speed import recent_transitions
from speed.recent_transitions import TransitionsLearner
from speed.settings import SpeedSettings
from sql.locks import RECENT_TRANSITIONS, try_lock
from sql.partitions import drop_partitions
from tests.events import event, record, user_no_of
from tests.passes import fold_all
from tests.removals import forget
from tests.small_run import PARAMETERS, publish_small_run
from tests.small_transitions import transitions_of

WEIGHT = 10.0


def publish(engine: Engine, film_nos: list[int], weight: float = WEIGHT) -> int:
    """A run in which item 7 follows item 0, and what recent transitions count."""
    with engine.begin() as connection:
        rows = transitions_of({film_nos[0]: [(film_nos[7], 1.0)]})
        run_id = publish_small_run(connection, film_nos, transitions=rows)
        parameters = json.dumps({"live_vector": asdict(replace(PARAMETERS, recent_weight=weight))})
        connection.execute(
            text(
                "update model_runs set parameters = parameters || cast(:parameters as jsonb)"
                " where run_id = :run_id"
            ),
            {"parameters": parameters, "run_id": run_id},
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


def test_old_events_that_come_late_make_nothing_new_of_what_the_run_knows(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[n], minutes=n) for n in (8, 9)])
    publish(engine, film_nos)
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[n], minutes=n) for n in (0, 1)])
    learner(engine).learn_once()
    assert rows(engine) == {film_nos[0]: [film_nos[1]]}


def test_only_the_newest_events_count(
    engine: Engine, film_nos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_transitions, "MOST_EVENTS", 2)
    publish(engine, film_nos)
    two_likes(engine, "ann", film_nos, 0, 9)
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[1], minutes=2)])
    two_likes(engine, "ben", film_nos, 2)
    learner(engine).learn_once()
    assert rows(engine) == {film_nos[0]: [film_nos[1]], film_nos[9]: [film_nos[1]]}


def test_the_worker_learns_what_a_replay_takes_as_known(
    engine: Engine, film_nos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_transitions, "_USERS_AT_ONCE", 3)
    rng = np.random.default_rng(5)
    users, films = rng.integers(0, 8, 120), rng.integers(0, 10, 120)
    done = [
        event(f"user-{user}", film_nos[film], minutes=minute)
        for minute, (user, film) in enumerate(zip(users, films, strict=True))
    ]
    with engine.begin() as connection:
        record(connection, done[:50])
    publish(engine, film_nos)
    with engine.begin() as connection:
        record(connection, done[50:])
    learner(engine).learn_once()
    numbers = np.array(film_nos, dtype=np.int32)
    log = Interactions(
        USED,
        users.astype(np.int32),
        numbers[films],
        np.ones(len(done), dtype=np.int16),
        np.full(len(done), np.nan, dtype=np.float32),
        np.datetime64("2026-01-01", "us") + np.arange(len(done)).astype("timedelta64[m]"),
    )
    expected = RecentPairs.of(log, 50, numbers).as_of(numbers, np.datetime64("2027-01-01"), WEIGHT)
    with engine.connect() as connection:
        found = connection.execute(text("select * from recent_transitions order by item_no")).all()
    assert [row.item_no for row in found] == expected.item_nos.tolist()
    for row in found:
        next_item_nos, scores = expected.row(row.item_no)
        assert row.next_item_nos == next_item_nos.tolist()
        assert row.scores == pytest.approx(scores.tolist(), rel=1e-6)


def test_after_a_failure_it_rests_as_after_work(
    engine: Engine, film_nos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(engine, film_nos)
    two_likes(engine, "ann", film_nos, 0, 9)
    with engine.begin() as connection:
        connection.execute(text("drop table recent_transitions"))
    clock = SimpleNamespace(perf_counter=count().__next__, monotonic=lambda: 0.0)
    monkeypatch.setattr(recent_transitions, "time", clock)
    before = failures()
    TransitionsLearner(engine, SpeedSettings(), Polls(5)).run()
    assert failures() == before + 1


def failures() -> float:
    return REGISTRY.get_sample_value("speed_transitions_failures_total") or 0.0


class Polls(threading.Event):
    """So many polls, none of which waits."""

    def __init__(self, polls: int) -> None:
        super().__init__()
        self._left = polls

    def wait(self, _timeout: float | None = None) -> bool:
        self._left -= 1
        if not self._left:
            self.set()
        return self.is_set()


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
    publish(engine, film_nos)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        drop_partitions(session, RunId(run_id))
    assert rows(engine) == {}


def test_a_run_that_is_retired_meanwhile_gets_no_rows(
    engine: Engine, film_nos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = publish(engine, film_nos)
    two_likes(engine, "ann", film_nos, 0, 9)
    publish(engine, film_nos)
    with engine.begin() as connection:
        connection.execute(
            text("update model_runs set state = 'retired' where run_id = :run_id"),
            {"run_id": run_id},
        )
    # It was served when the pass began.
    monkeypatch.setattr(recent_transitions, "find_live_run", lambda _connection: run_id)
    learner(engine).learn_once()
    assert rows(engine) == {}


def test_of_who_is_forgotten_nothing_is_learned_next_time(
    engine: Engine, film_nos: list[int]
) -> None:
    publish(engine, film_nos)
    work = learner(engine)
    two_likes(engine, "ann", film_nos, 0, 9)
    work.learn_once()
    with engine.begin() as connection:
        forget(connection, "ann")
    assert work.learn_once() is not None
    assert rows(engine) == {}
