"""Chaos: what goes wrong in the load itself is not lost, and what it all adds up to."""

import asyncio
import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.chaos.client import Api, Reply
from tests.chaos.counters import Counters
from tests.chaos.fleet import Fleet
from tests.chaos.ledger import Ledger
from tests.chaos.questions import list_for
from tests.chaos.reading import Reader
from tests.chaos.report import ALWAYS_ZERO, holds
from tests.chaos.stage import dataset_of
from tests.chaos.violations import Diary, Violations


class Answering(Api):
    """One process that answers every question with 200 and the same body."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__({"api-1": 1}, "key")
        self._body = body

    async def ask(self, worker: str, *_: Any, **_more: Any) -> Reply:
        return Reply(worker, 1.0, 1.1, 200, self._body, None)


@pytest.fixture
def violations(tmp_path: Path) -> Violations:
    return Violations(tmp_path / "violations.jsonl", Diary())


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": None, "strategy": "blend", "degraded": None},
        {"items": [1], "strategy": "blend", "degraded": None},
        {"items": [], "strategy": "blend", "degraded": None, "run": {"id": 1, "cut_off_at": "?"}},
    ],
)
async def test_an_answer_that_nobody_can_read_is_a_violation(
    violations: Violations, body: dict[str, Any]
) -> None:
    api, dataset, drawn = Answering(body), dataset_of(items=0), random.Random(1)
    reader = Reader(api, Fleet(), dataset, Ledger({}), Counters(), violations, drawn)
    assert await reader.read_from("api-1", list_for("ann", 20)) is None
    assert violations.counts == {"unreadable": 1}


async def test_a_task_that_fails_is_a_violation_and_one_that_is_cancelled_is_none(
    violations: Violations,
) -> None:
    async def fails() -> None:
        raise KeyError("items")

    tasks = [
        asyncio.create_task(coroutine)
        for coroutine in (fails(), asyncio.sleep(60.0), asyncio.sleep(0))
    ]
    for task in tasks:
        task.add_done_callback(violations.note_failure)
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)
    assert violations.counts == {"failed here": 1}
    assert orjson.loads(violations.path.read_bytes())["error"] == "KeyError('items')"


def figures(**changed: Any) -> dict[str, Any]:
    """The figures of a good run that its exit code depends on."""
    return {
        **dict.fromkeys(ALWAYS_ZERO, 0),
        "max_recovery_seconds": 2.0,
        "version_check_power": 0.97,
        "vectors_checked": 200,
        "final_lists_checked": 100,
        **changed,
    }


@pytest.mark.parametrize("changed", [{}, {"version_check_power": None}])
def test_a_run_without_a_violation_holds(changed: dict[str, Any]) -> None:
    assert holds(figures(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"lost": 1},
        {"max_recovery_seconds": 5.1},
        {"vectors_checked": 0},
        {"final_lists_checked": 0},
        {"version_check_power": 0.5},
    ],
)
def test_a_run_that_broke_a_promise_or_compared_nothing_does_not_hold(
    changed: dict[str, Any],
) -> None:
    assert not holds(figures(**changed))
