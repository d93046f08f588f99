"""Chaos: bulk loads while the API runs stand in the log, and in the ledger from their commit on."""

import random
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, event, text

from domain.identifiers import ItemNo
from tests.chaos.bulk_loading import BulkLoader
from tests.chaos.client import Api
from tests.chaos.counters import Counters
from tests.chaos.stage import Stage
from tests.chaos.writing import Writer


@pytest.fixture
def loader(stage: Stage, film_nos: list[int]) -> BulkLoader:
    stage.dataset = replace(
        stage.dataset, item_nos={f"item-{index}": ItemNo(no) for index, no in enumerate(film_nos)}
    )
    drawn = random.Random(1)
    writer = Writer(
        Api({}, "key"), stage.dataset, stage.ledger, Counters(), stage.violations, drawn
    )
    return BulkLoader(stage.engine, stage.dataset, writer, groups=1, drawn=drawn)


async def test_what_was_loaded_is_seen_from_the_commit_on(stage: Stage, loader: BulkLoader) -> None:
    users = loader.next_users()
    assert await loader.load(users, asked_for=users[0])
    loaded_at = time.monotonic()
    assert stage.check_log() == {}
    assert loader.lately == users
    for user, later in zip(users, (10, 0, 0), strict=True):
        stored = {event.item for event in stage.ledger.history(user)}
        seen = stage.ledger.certainly_seen(user, loaded_at + later, loaded_at + later)
        assert set(seen) == stored != set()
    assert not stage.ledger.certainly_seen(users[0], loaded_at + 9, loaded_at + 9)


def first_commit_cut_off(engine: Engine) -> Callable[[Connection], None]:
    """End the server process of the first transaction when it is about to be committed."""
    left = [1]

    def cut_off(connection: Connection) -> None:
        if left and connection.engine is engine:
            left.clear()
            number = connection.execute(text("select pg_backend_pid()")).scalar_one()
            with engine.connect() as other:
                other.execute(text("select pg_terminate_backend(:n, 5000)"), {"n": number})

    return cut_off


async def test_a_load_that_was_cut_off_is_stored_again_and_counts_once(
    stage: Stage, loader: BulkLoader
) -> None:
    cut_off = first_commit_cut_off(stage.engine)
    event.listen(stage.engine, "commit", cut_off)
    users = loader.next_users()
    try:
        assert await loader.load(users)
    finally:
        # Other tests have the same engine.
        event.remove(stage.engine, "commit", cut_off)
    sent = stage.ledger.history(users[0])
    assert sent[0].attempts[1:] == ["bulk load: committed"]
    assert stage.check_log() == {}


async def test_nothing_is_loaded_any_more_when_the_load_has_ended(
    stage: Stage, loader: BulkLoader
) -> None:
    loader.writer.stopped.set()
    assert not await loader.load(loader.next_users())
    assert stage.check_log() == {}
