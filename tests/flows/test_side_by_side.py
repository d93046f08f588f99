"""Steps of a short night go on side by side, those of a long one follow each other; alike."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Engine, text

from batch.choosing.paired import choices_in
from batch.engines.implicit_engine import ONE_MACHINE
from batch.settings import BatchSettings
from flows.nightly import _fits_at_once, run_now
from flows.nightly_context import NightlyContext
from flows.side_by_side import NightEndsError, raise_if_ended, side_by_side
from tests.flows.conftest import GROUPS, ITEMS_A_GROUP, USERS
from tests.flows.test_nightly import PARTITIONED, ignore, partitions, partitions_of, rows
from tests.waiting import wait_until

ITEMS = GROUPS * ITEMS_A_GROUP

_asked: ContextVar[str] = ContextVar("asked", default="nobody")


def test_what_is_begun_goes_on_before_anybody_waits_for_it() -> None:
    begun = Event()
    with side_by_side(at_once=True) as begin:
        begin(begun.set)
        assert begun.wait(timeout=60)


def test_one_after_another_nothing_begins_before_it_is_waited_for_and_then_once() -> None:
    done: list[str] = []
    with side_by_side(at_once=False) as begin:
        first = begin(done.append, "first")
        second = begin(done.append, "second")
        assert done == []
        second()
        first()
        first()
    assert done == ["second", "first"]


def test_a_thread_knows_what_the_flow_knows() -> None:
    token = _asked.set("the flow")
    try:
        with side_by_side(at_once=True) as begin:
            assert begin(_asked.get)() == "the flow"
    finally:
        _asked.reset(token)


def test_what_was_raised_is_raised_where_it_is_waited_for() -> None:
    with side_by_side(at_once=True) as begin:
        failing = begin(int, "no number")
        with pytest.raises(ValueError, match="no number"):
            failing()


def test_nothing_goes_on_after_the_block_even_if_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, block_failed = Event(), Event()
    done: list[str] = []
    shutdown = ThreadPoolExecutor.shutdown

    def shut_down(*args: Any, **kwargs: Any) -> None:
        block_failed.set()
        shutdown(*args, **kwargs)

    def first() -> None:
        begun.set()
        assert block_failed.wait(timeout=60)
        done.append("first")

    def second(wait: Callable[[], None]) -> None:
        wait()
        done.append("second")

    def refused() -> None:
        with side_by_side(at_once=True) as begin:
            begin(second, begin(first))
            assert begun.wait(timeout=60)
            raise RuntimeError("refused")

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", shut_down)
    with pytest.raises(RuntimeError, match="refused"):
        refused()
    assert done == ["first"]


def test_what_failed_first_ends_the_block_and_nothing_begins_any_more() -> None:
    done: list[str] = []

    def fail_beside() -> None:
        with side_by_side(at_once=True) as begin:
            begin(int, "no number")
            with pytest.raises(NightEndsError):
                wait_until(raise_if_ended)
            begin(done.append, "later")()

    with pytest.raises(ValueError, match="no number"):
        fail_beside()
    assert done == []
    raise_if_ended()


@pytest.mark.parametrize(
    ("interactions", "cores", "most_items", "at_once"),
    [(10, 2, ITEMS, True), (11, 2, ITEMS, False), (10, 1, ITEMS, False), (10, 2, ITEMS - 1, False)],
)
def test_steps_go_on_side_by_side_where_log_and_catalogue_are_small_and_cores_are_free(
    *,
    interactions: int,
    cores: int,
    most_items: int,
    at_once: bool,
    shop: Engine,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flows.nightly.MOST_AT_ONCE", 10)
    monkeypatch.setattr("flows.nightly.MOST_ITEMS_AT_ONCE", most_items)
    have_cores(monkeypatch, cores)
    context = NightlyContext(shop, database_url, BatchSettings(), ONE_MACHINE)
    assert _fits_at_once(context, interactions) == at_once


@pytest.mark.usefixtures("prefect_server")
def test_a_step_that_fails_beside_others_ends_the_night(
    shop: Engine, first_run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    have_cores(monkeypatch, 2)
    begun: list[str] = []
    failed: list[str] = []

    def break_down(step: str, seconds: float | None) -> None:
        if seconds is None:
            begun.append(step)
            if step == "Write the popular lists":
                raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        run_now(break_down, on_failed=lambda step, _seconds: failed.append(step))
    assert failed == ["Write the popular lists"]
    assert "Write the lists" not in begun
    (run,) = rows(shop, "select state, reason from model_runs where run_id > :id", id=first_run)
    assert tuple(run) == ("failed", "the disk is full")
    assert partitions(shop) == partitions_of(first_run)


@pytest.mark.usefixtures("prefect_server")
def test_both_ways_publish_the_same(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    # So many events are left to choose by.
    monkeypatch.setenv("TANDEM_BATCH_HOLDOUT_SHARE", "0.4")
    have_cores(monkeypatch, 2)
    run_now(ignore)
    beside, at_once = night_with_steps()
    monkeypatch.setattr("flows.nightly.MOST_AT_ONCE", 0)
    following, one_by_one = night_with_steps()
    assert not follow_each_other(beside)
    assert follow_each_other(following)
    assert contents(shop, at_once) == contents(shop, one_by_one)
    of_runs = [
        rows(
            shop,
            "select parameters, metrics, gramian, item_norm from model_runs where run_id = :id",
            id=id_,
        )
        for id_ in (at_once, one_by_one)
    ]
    assert choices_in(of_runs[0][0].metrics)
    assert of_runs[0] == of_runs[1]


def have_cores(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    """Let nights believe that they may use so many."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: set(range(cores)))


def night_with_steps() -> tuple[list[tuple[str, bool]], int]:
    """One night: its steps, each as it began (True) and as it ended, and its run."""
    steps: list[tuple[str, bool]] = []
    run_id = run_now(lambda step, seconds: steps.append((step, seconds is None)))
    return steps, run_id


def follow_each_other(steps: list[tuple[str, bool]]) -> bool:
    """Whether each step ended before another began."""
    names = [step for step, begins in steps if begins]
    return steps == [(step, begins) for step in names for begins in (True, False)]


def contents(engine: Engine, run_id: int) -> dict[str, list[Any]]:
    """All that a run holds, by table."""
    found = {}
    for table in PARTITIONED:
        own = f"to_jsonb({table}) - array['run_id', 'updated_at']"
        query = f"select {own} from {table} where run_id = :id order by 1"
        with engine.connect() as connection:
            found[table] = list(connection.execute(text(query), {"id": run_id}).scalars())
    assert len(found["batch_recommendations"]) == len(found["user_embeddings"]) == USERS
    return found
