"""When the speed worker counts as running: its first pass over the log has ended."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text

from stack.local.processes import speed_service
from stack.local.servers.child_process import ServerNotReadyError
from stack.local.supervision.readiness import ReadyListener
from tests.events import event, record, user_no_of
from tests.programs import program
from tests.small_run import publish_small_run
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no abstract names elsewhere")

NOTIFY = (
    "import os, socket; name = os.environ['NOTIFY_SOCKET'].replace('@', chr(0), 1);"
    " told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); told.sendto({!r}, name)"
)


@dataclass
class Wait:
    """Somebody who waits in a thread."""

    thread: threading.Thread
    error: BaseException | None = None

    @property
    def over(self) -> bool:
        return not self.thread.is_alive()


def waiting(wait: Callable[[], None]) -> Wait:
    def run() -> None:
        try:
            wait()
        except ServerNotReadyError as error:
            waiter.error = error

    waiter = Wait(threading.Thread(target=run, daemon=True))
    waiter.thread.start()
    return waiter


@pytest.fixture
def worker(database_url: str, redis_url: str) -> Iterator[tuple[subprocess.Popen[bytes], Wait]]:
    """A speed worker as the stack starts it, and somebody who waits until it is ready."""
    environment = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    launch = speed_service(environment).prepare()
    process = subprocess.Popen(launch.command, **launch.options())
    yield process, waiting(lambda: launch.wait_until_ready(process))
    process.send_signal(signal.SIGTERM)
    process.wait(30)


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> int:
    """A run that is served, and an event that it does not know."""
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
    return run_id


def test_a_worker_is_ready_when_what_waited_for_it_is_folded_in(
    engine: Engine, run_id: int, worker: tuple[subprocess.Popen[bytes], Wait]
) -> None:
    _, wait = worker
    wait_until(lambda: wait.over, seconds=60)
    assert wait.error is None
    with engine.connect() as connection:
        known = connection.execute(text("select user_no from user_embeddings")).scalars().all()
        assert known == [user_no_of(connection, "ann")]
        named = text(
            "select count(*) from pg_stat_activity"
            " where application_name = 'tandem-speed' and datname = current_database()"
        )
        assert connection.execute(named).scalar_one() > 0, "by this a diagnosis sees it"


def wait_for(code: str, *, seconds: float = 60.0) -> Wait:
    listener = ReadyListener()
    environment = {**os.environ, **listener.environment}
    with program([sys.executable, "-c", code], env=environment) as process:
        wait = waiting(lambda: listener.wait("speed", process, seconds=seconds))
        # Sooner than a process that says nothing is left to live.
        wait_until(lambda: wait.over, seconds=30)
    return wait


def test_a_process_that_says_so_is_ready() -> None:
    code = (
        f"import time; {NOTIFY.format(b'STATUS=soon' + bytes([10]) + b'READY=1')}; time.sleep(600)"
    )
    assert wait_for(code).error is None


def test_a_process_that_ends_before_it_is_ready_has_failed() -> None:
    error = wait_for(f"{NOTIFY.format(b'STATUS=soon')}; raise SystemExit(3)").error
    assert "speed ended with code 3 before it was ready" in str(error)


def test_a_process_that_lives_without_a_word_is_left_to_live() -> None:
    assert wait_for("import time; time.sleep(600)", seconds=0.5).error is None
