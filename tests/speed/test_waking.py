"""The worker is woken by every notification, and its helpers do not die in silence."""

import threading
from pathlib import Path

import redis
import structlog
from prometheus_client import REGISTRY
from sqlalchemy import Engine

from domain.identifiers import RunId
from domain.redis_keys import WAKE_CHANNEL
from speed.background import in_background, keep_up
from speed.settings import SpeedSettings
from speed.waking import Wakes
from tests.passes import embeddings
from tests.speed.running import running
from tests.waiting import wait_until
from tests.words_run import ROBOTS, add_items

HARDLY_LOOKING = SpeedSettings(poll_seconds=60)


def test_without_redis_notifications_of_postgres_wake_the_worker(
    engine: Engine, database_url: str, run_id: RunId, socket_folder: Path
) -> None:
    nowhere = f"unix://{socket_folder}/none.sock"
    with running(engine, nowhere, HARDLY_LOOKING, threading.Event(), database_url):
        for embed in range(3):
            with engine.begin() as connection:
                (new,) = add_items(connection, [f"{ROBOTS}, the {embed}th"], f"one-{embed}")

            def is_embedded(item_no: int = new) -> bool:
                with engine.connect() as connection:
                    return item_no in embeddings(connection, run_id)

            wait_until(is_embedded)


def test_a_worker_that_waits_stops_at_once_when_it_is_told_to(
    engine: Engine, redis_url: str
) -> None:
    # `running` fails if the thread goes on for ten seconds.
    with running(engine, redis_url, HARDLY_LOOKING, threading.Event()) as client:
        wait_until(lambda: client.pubsub_numsub(WAKE_CHANNEL)[0][1] == 1)


def test_a_wake_up_that_comes_during_a_pass_counts_for_the_next() -> None:
    wakes = Wakes()
    for _ in range(3):
        wakes.wake()
    wakes.wait(60)
    threading.Thread(target=wakes.wake).start()
    wakes.wait(60)


def failures(work: str) -> float:
    found = REGISTRY.get_sample_value("speed_background_failures_total", {"work": work})
    return found or 0.0


def test_work_that_fails_in_a_way_nobody_foresaw_is_reported_counted_and_begun_again() -> None:
    stopping, times, done = threading.Event(), [], threading.Event()

    def work() -> None:
        times.append(1)
        if len(times) < 3:
            raise KeyError("not foreseen")
        done.set()
        stopping.wait(60)

    before = failures("popular")
    with structlog.testing.capture_logs() as logs:
        in_background("popular", work, stopping)
        assert done.wait(60)
        stopping.set()
    assert failures("popular") == before + 2
    assert [(log["work"], log["failures"], log["exc_info"]) for log in logs] == [
        ("popular", 1, True),
        ("popular", 2, True),
    ]


class Hurried(threading.Event):
    """Waits for nothing, and notes for how long it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.rests: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.rests.append(timeout)
        return self.is_set()


def test_work_that_has_failed_for_days_is_begun_again_every_half_minute() -> None:
    stopping = Hurried()

    def work() -> None:
        if len(stopping.rests) == 2_000:
            stopping.set()
        raise KeyError("not foreseen")

    with structlog.testing.capture_logs():
        keep_up("popular", work, stopping)
    assert stopping.rests[:3] == [0.5, 1.0, 2.0]
    assert stopping.rests[-1] == 30.0


def test_a_listener_goes_on_after_redis_comes_back(engine: Engine, redis_url: str) -> None:
    with running(engine, redis_url, HARDLY_LOOKING, threading.Event()) as client:
        for _ in range(2):
            wait_until(lambda: client.pubsub_numsub(WAKE_CHANNEL)[0][1] == 1)
            with redis.Redis.from_url(redis_url) as other:
                other.client_kill_filter(_type="pubsub")
