"""What was shown is written though one row of it cannot be, and stays while the store is away."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.answering.impressions import Impression, ImpressionQueue, Impressions
from serving.diagnosis.process import judge_dropped
from serving.postgres.store import Store
from serving.runtime.metrics import ServingMetrics
from tests.serving.conftest import Gate, Seeds


def shown(source: str = "blend", **more: Any) -> Impression:
    given: dict[str, Any] = {
        "recommendation_id": uuid.uuid4(),
        "user_no": None,
        "run_id": None,
        "source": source,
        "item_nos": [ItemNo(1)],
        "explored": [],
        "shown_at": datetime.now(UTC),
    }
    return Impression(**{**given, **more})


BAD = [shown("a\0b"), shown(run_id=2**40), shown(item_nos=[ItemNo(2**80)]), shown(item_nos=None)]
"""Not text, not a number of a run, not JSON, nothing where something must be."""


@dataclass
class Queued:
    queue: ImpressionQueue
    metrics: ServingMetrics

    def count(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"serving_impressions_{name}_total") or 0.0


@pytest.fixture
async def queued(database_url: str) -> AsyncIterator[Queued]:
    store, metrics = Store.at(database_url), ServingMetrics()
    yield Queued(ImpressionQueue(Impressions(store), metrics, most=50), metrics)
    await store.close()


@pytest.mark.parametrize("bad", BAD)
async def test_a_row_the_store_refuses_is_lost_and_counted_and_all_others_are_written(
    queued: Queued, seeds: Seeds, bad: Impression
) -> None:
    for n in range(20):
        queued.queue.put(bad if n == 7 else shown())
    with structlog.testing.capture_logs() as logs:
        await queued.queue.flush()
    assert seeds.count("impressions") == 19
    assert (queued.count("refused"), queued.count("dropped")) == (1.0, 1.0)
    (record,) = [log for log in logs if log["event"] == "impression_refused"]
    assert record["recommendation_id"] == str(bad.recommendation_id)
    dropped = queued.queue.dropped()
    assert (dropped.impressions, dropped.refused) == (1, 1)
    assert "1 the database refused" in judge_dropped(dropped, datetime.now(UTC)).what


async def test_many_bad_rows_among_good_ones_are_all_found(queued: Queued, seeds: Seeds) -> None:
    for n in range(40):
        queued.queue.put(BAD[n // 3 % len(BAD)] if n % 3 == 0 else shown())
    await queued.queue.flush_for_good()
    assert seeds.count("impressions") == 26
    assert queued.count("refused") == 14


async def test_while_the_store_is_away_all_stay_as_far_as_there_is_room(
    queued: Queued, seeds: Seeds, gate: Gate
) -> None:
    for n in range(60):
        queued.queue.put(BAD[0] if n == 7 else shown())
    gate.shut()
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            await queued.queue.flush()
    assert (queued.count("refused"), queued.count("dropped")) == (0.0, 10.0)
    gate.open()
    seeds.engine.dispose()
    await queued.queue.flush()
    assert seeds.count("impressions") == 49
    assert (queued.count("refused"), queued.count("dropped")) == (1.0, 11.0)


async def test_a_statement_that_fails_for_every_row_loses_none(
    queued: Queued, seeds: Seeds
) -> None:
    queued.queue.put(shown())
    seeds.write(text("alter table impressions rename column explored to another"))
    with pytest.raises(Exception, match="explored"):
        await queued.queue.flush()
    seeds.write(text("alter table impressions rename column another to explored"))
    await queued.queue.flush()
    assert seeds.count("impressions") == 1
