"""One of two speed workers is killed, or hangs, with its share of the users in hand."""

import signal
import subprocess
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tests.events import event, record, user_no_of
from tests.passes import stored_vector
from tests.small_run import publish_small_run
from tests.speed.expected_vectors import expected_vector
from tests.speed.running import start_process
from tests.waiting import statements_waiting, wait_until

USERS = [f"user-{n}" for n in range(16)]
"""Two of each of the eight shards."""


def killed(worker: "subprocess.Popen[bytes]") -> None:
    worker.kill()
    worker.wait(timeout=30)


def hung(worker: "subprocess.Popen[bytes]") -> None:
    worker.send_signal(signal.SIGSTOP)


@pytest.mark.parametrize("harm", [killed, hung])
def test_the_share_of_a_lost_worker_is_taken_over_with_no_event_lost_or_counted_twice(
    engine: Engine,
    film_nos: list[int],
    database_url: str,
    redis_url: str,
    harm: "Callable[[subprocess.Popen[bytes]], None]",
) -> None:
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
        record(connection, [event(user, film_nos[0]) for user in USERS])
        user_nos = {user: user_no_of(connection, user) for user in USERS}
    workers = [start_process(database_url, redis_url, shards_per_pass=4) for _ in range(2)]
    try:
        with engine.connect() as blocker:
            # Each has taken its share, and waits here before it writes.
            blocker.execute(text(f"lock table user_embeddings_{run_id} in exclusive mode"))
            wait_until(lambda: statements_waiting(engine, "insert into user_embeddings") == 2)
            harm(workers[0])
            blocker.rollback()

        def folded_in(events: int) -> bool:
            counted = text(
                "select count(*) from user_embeddings"
                " where run_id = :run_id and events_since_cut_off = :events"
            )
            asked = {"run_id": run_id, "events": events}
            with engine.connect() as connection:
                return connection.execute(counted, asked).scalar() == len(USERS)

        # What comes after the loss as well, of all users again.
        with engine.begin() as connection:
            record(connection, [event(user, film_nos[1], minutes=1) for user in USERS])
        wait_until(lambda: folded_in(2))
        if workers[0].poll() is None:
            # It goes on, and has to begin anew with what it had in hand.
            workers[0].send_signal(signal.SIGCONT)
            with engine.begin() as connection:
                record(connection, [event(user, film_nos[2], minutes=2) for user in USERS])
            wait_until(lambda: folded_in(3))
            workers[0].terminate()
            assert workers[0].wait(timeout=10) == 0
    finally:
        workers[1].terminate()
        assert workers[1].wait(timeout=10) == 0
        workers[0].kill()
        workers[0].wait(timeout=30)
    with engine.connect() as connection:
        for user_no in user_nos.values():
            vector, events, _ = stored_vector(connection, user_no)
            assert events == (2 if harm is killed else 3)
            assert vector == pytest.approx(expected_vector(connection, user_no), abs=1e-6)
