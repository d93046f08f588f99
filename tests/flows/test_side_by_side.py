"""Steps of a short night go on side by side, those of a long one follow each other; alike."""

from contextvars import ContextVar
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Engine, text

from flows.nightly import run_now
from flows.side_by_side import side_by_side
from tests.flows.conftest import USERS
from tests.flows.test_nightly import PARTITIONED, ignore, rows

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


def test_nothing_goes_on_after_the_block_even_if_it_fails() -> None:
    waiting, ended = Event(), Event()

    def work() -> None:
        waiting.wait(timeout=60)
        ended.set()

    def refused() -> None:
        with side_by_side(at_once=True) as begin:
            begin(work)
            waiting.set()
            raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        refused()
    assert ended.is_set()


@pytest.mark.usefixtures("prefect_server")
def test_both_ways_publish_the_same(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = run_now(ignore)
    monkeypatch.setattr("flows.nightly.MOST_AT_ONCE", 0)
    steps: list[tuple[str, bool]] = []
    one_by_one = run_now(lambda step, seconds: steps.append((step, seconds is None)))
    names = [step for step, begins in steps if begins]
    assert steps == [(step, begins) for step in names for begins in (True, False)]
    assert contents(shop, at_once) == contents(shop, one_by_one)
    of_runs = [
        rows(
            shop,
            "select parameters, gramian, item_norm from model_runs where run_id = :id",
            id=id_,
        )
        for id_ in (at_once, one_by_one)
    ]
    assert of_runs[0] == of_runs[1]


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
