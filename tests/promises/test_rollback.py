"""An earlier run is served again within a second, with everything its users have done since."""

import itertools
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from batch.runs.model_runs import drop_partitions, retire
from domain.errors import RollbackRefusedError
from domain.identifiers import RunId, UserNo
from domain.live_vector import live_vector
from speed.folding import Folder
from sql.live_vectors import load_item_vectors, load_live_space
from sql.log import event_horizon
from sql.rollback import roll_back
from tests.events import LIKE, event, record, user_no_of
from tests.histories import load_histories
from tests.passes import SETTINGS, fold_all, until_idle
from tests.small_run import publish_small_run
from tests.waiting import statements_waiting, wait_until


def rows(engine: Engine, query: str, **parameters: Any) -> Sequence[Any]:
    with engine.connect() as connection:
        return connection.execute(text(query), parameters).all()


def live(engine: Engine) -> int:
    return int(rows(engine, "select run_id from live_run")[0][0])


@pytest.fixture
def two_runs(engine: Engine, film_nos: list[int]) -> tuple[RunId, RunId]:
    """An older run over all films and a newer one, which is served, over the first twenty."""
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0]), event("bob", film_nos[25])])
        older = publish_small_run(connection, film_nos)
    with engine.begin() as connection:
        newer = publish_small_run(connection, film_nos[:20])
    return older, newer


def back(engine: Engine, run_id: RunId, **more: Any) -> None:
    roll_back(engine.begin, run_id, by="a test", **more)


def assert_vectors_know_the_whole_log(engine: Engine, run_id: RunId, users: Sequence[str]) -> None:
    with engine.connect() as connection:
        horizon = event_horizon(connection)
        run = load_live_space(connection, run_id)
        for user in users:
            user_no = user_no_of(connection, user)
            history = load_histories(connection, [user_no], horizon=horizon, events=100)[user_no]
            items = load_item_vectors(connection, run_id, sorted(set(history.item_nos.tolist())))
            expected = live_vector(run.space, items, history)
            stored, events = vector_in(connection, run_id, user_no)
            assert stored == pytest.approx(expected, abs=1e-6)
            counted = connection.execute(
                text("select count(*) from interactions where user_no = :u and position > :p"),
                {"u": user_no, "p": run.cut_off},
            ).scalar_one()
            assert events == counted


def vector_in(connection: Connection, run_id: RunId, user_no: UserNo) -> tuple[np.ndarray, int]:
    row = connection.execute(
        text(
            "select embedding, events_since_cut_off from user_embeddings"
            " where run_id = :run_id and user_no = :user_no"
        ),
        {"run_id": run_id, "user_no": user_no},
    ).one()
    return row.embedding.to_numpy(), row.events_since_cut_off


def test_the_earlier_run_is_served_with_all_that_happened_since(
    engine: Engine, film_nos: list[int], two_runs: tuple[RunId, RunId]
) -> None:
    older, newer = two_runs
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[29], minutes=5, kind_no=LIKE)])
        record(connection, [event("newcomer", film_nos[3], minutes=6)])
    fold_all(engine)
    back(engine, older)
    assert live(engine) == older
    assert_vectors_know_the_whole_log(engine, older, ["ann", "newcomer"])
    assert {row.state for row in rows(engine, "select state from model_runs")} == {"published"}
    back(engine, newer)
    assert live(engine) == newer
    assert_vectors_know_the_whole_log(engine, newer, ["ann", "newcomer"])


def test_analysts_see_which_run_was_served_when_and_by_whom(
    engine: Engine, two_runs: tuple[RunId, RunId]
) -> None:
    older, newer = two_runs
    back(engine, older)
    back(engine, newer)
    first, second = rows(engine, "select * from analytics.promotions order by promotion_no")
    assert (first.run_id, first.how, first.promoted_by) == (older, "rolled back", "a test")
    assert first.served_until == second.served_from
    assert (second.run_id, second.served_until) == (newer, None)
    assert first.promotion_no < second.promotion_no
    assert rows(engine, "select promotion_no from live_run")[0][0] == second.promotion_no


@pytest.mark.parametrize("state", ["training", "evaluated", "refused", "failed", "retired"])
def test_a_run_that_cannot_be_served_is_refused_with_the_reason_and_the_runs_that_can(
    engine: Engine, two_runs: tuple[RunId, RunId], state: str
) -> None:
    older, newer = two_runs
    with engine.begin() as connection:
        other = connection.execute(
            text(
                "insert into model_runs (state, cut_off_position, cut_off_at, reason)"
                " values (:state, 0, now(), 'because of that') returning run_id"
            ),
            {"state": state},
        ).scalar_one()
    words = {
        "refused": "refused by the promotion gate and was never served: because of that",
        "failed": "failed and was never served: because of that",
        "retired": "is no longer retained",
    }.get(state, "is still being made")
    with pytest.raises(RollbackRefusedError, match=words) as refusal:
        back(engine, other)
    assert str(refusal.value).endswith(f"Runs that can be rolled back to: {older}.")
    assert live(engine) == newer
    assert rows(engine, "select * from promotions") == []


def test_an_unknown_run_is_refused(engine: Engine, two_runs: tuple[RunId, RunId]) -> None:
    with pytest.raises(RollbackRefusedError, match=r"There is no run 999\. Runs that can"):
        back(engine, RunId(999))
    assert live(engine) == two_runs[1]


def test_the_second_of_two_equal_rollbacks_changes_nothing(
    engine: Engine, two_runs: tuple[RunId, RunId]
) -> None:
    older, newer = two_runs
    back(engine, older)
    with pytest.raises(RollbackRefusedError, match=f"is being served already.*: {newer}"):
        back(engine, older)
    assert live(engine) == older
    assert len(rows(engine, "select * from promotions")) == 1


def test_rollbacks_at_once_happen_one_after_the_other(
    engine: Engine, film_nos: list[int], two_runs: tuple[RunId, RunId]
) -> None:
    older, newer = two_runs
    with engine.begin() as connection:
        third = publish_small_run(connection, film_nos[:10])
        record(connection, [event("ann", film_nos[1], minutes=9)])
    errors: list[BaseException] = []

    def change(run_id: RunId) -> None:
        for _ in range(5):
            try:
                back(engine, run_id)
            except RollbackRefusedError as error:
                assert "already" in str(error)  # noqa: PT017 -- may be raised or not
            except BaseException as error:  # noqa: BLE001 -- told below, in the test's own thread
                errors.append(error)

    threads = [threading.Thread(target=change, args=(no,)) for no in (older, newer, third, older)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    promoted = [
        row.run_id for row in rows(engine, "select * from promotions order by promotion_no")
    ]
    assert promoted[-1] == live(engine)
    assert all(before != after for before, after in itertools.pairwise(promoted))
    assert_vectors_know_the_whole_log(engine, RunId(live(engine)), ["ann"])


def test_with_its_vectors_kept_ready_a_run_is_back_without_work_for_any_user(
    engine: Engine, film_nos: list[int], two_runs: tuple[RunId, RunId]
) -> None:
    older, _ = two_runs
    with engine.begin() as connection:
        sent = [event(f"user-{n}", film_nos[n % 30], minutes=n) for n in range(3000)]
        record(connection, sent)
    fold_all(engine)
    until_idle(engine, Folder(SETTINGS).fold_retained)
    progress: list[tuple[int, int]] = []
    back(engine, older, on_users=lambda done, of: progress.append((done, of)))
    assert progress == []
    assert_vectors_know_the_whole_log(engine, older, ["ann", "user-0", "user-2999"])


def test_a_run_that_was_not_kept_ready_is_brought_up_to_date_first_and_tells_how_far_it_is(
    engine: Engine, film_nos: list[int], two_runs: tuple[RunId, RunId]
) -> None:
    older, _ = two_runs
    with engine.begin() as connection:
        record(connection, [event(f"user-{n}", film_nos[n % 30]) for n in range(2500)])
    progress: list[tuple[int, int]] = []
    back(engine, older, on_users=lambda done, of: progress.append((done, of)))
    assert progress[0] == (1000, 2502)
    assert (2502, 2502) in progress
    assert_vectors_know_the_whole_log(engine, older, ["user-0", "user-2499"])


def test_what_the_served_run_knows_the_next_one_knows_from_the_promotion_on(
    engine: Engine, film_nos: list[int], two_runs: tuple[RunId, RunId]
) -> None:
    older, _ = two_runs
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[7], minutes=5)])
    with engine.begin() as worker:
        # The worker is in the middle of teaching the served run an event.
        Folder(SETTINGS).fold_new(worker)
        thread = threading.Thread(target=back, args=(engine, older))
        thread.start()
        wait_until(lambda: statements_waiting(engine, "speed_progress"))
        with engine.begin() as connection:
            record(connection, [event("bob", film_nos[8], minutes=6)])
        assert live(engine) != older
    thread.join(timeout=30)
    assert live(engine) == older
    assert_vectors_know_the_whole_log(engine, older, ["ann", "bob"])


def test_an_event_that_is_committed_after_the_promotion_is_folded_in_by_the_worker(
    engine: Engine, film_nos: list[int], two_runs: tuple[RunId, RunId]
) -> None:
    older, _ = two_runs
    with engine.connect() as slow:
        record(slow, [event("ann", film_nos[12], minutes=5)])
        with engine.begin() as connection:
            record(connection, [event("bob", film_nos[13], minutes=6)])
        back(engine, older)
        slow.commit()
    fold_all(engine)
    assert_vectors_know_the_whole_log(engine, older, ["ann", "bob"])


def test_a_run_retired_while_it_is_brought_up_to_date_is_refused(
    engine: Engine, film_nos: list[int], two_runs: tuple[RunId, RunId]
) -> None:
    older, newer = two_runs
    with engine.begin() as connection:
        record(connection, [event(f"user-{n}", film_nos[n % 30]) for n in range(1500)])

    def take_away(done: int, _of: int) -> None:
        if done == 1000:
            with engine.begin() as connection:
                assert retire(connection, older)
            with engine.connect() as connection:
                session = connection.execution_options(isolation_level="AUTOCOMMIT")
                drop_partitions(session, older)

    with pytest.raises(RollbackRefusedError, match="no longer retained"):
        back(engine, older, on_users=take_away)
    assert live(engine) == newer


def test_the_run_being_served_is_never_retired(
    engine: Engine, two_runs: tuple[RunId, RunId]
) -> None:
    older, newer = two_runs
    back(engine, older)
    with engine.begin() as connection:
        assert not retire(connection, older)
        assert retire(connection, newer)
    with engine.begin() as connection:
        assert not retire(connection, newer)
