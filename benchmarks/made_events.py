"""Made-up items and events in files, and events that are recorded."""

import uuid
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from sqlalchemy import Engine

from domain.identifiers import ItemNo, KindNo, UserId
from sql.log import NewEvent, record_parameters
from sql.statements import statements

_SHARE_OF_TASTE = 0.8
_FIRST, _LAST = 1_500_000_000, 1_600_000_000


def write_items(path: Path, items: int) -> Path:
    """So many items, from `item-1` on."""
    ids = pa.array([f"item-{number}" for number in range(1, items + 1)])
    pa_csv.write_csv(pa.table({"item_id": ids, "title": ids}), path)
    return path


def write_events(
    path: Path, events: int, *, users: int, items: int, seed: int, tastes: int = 1
) -> Path:
    """So many events of users from `user-0` on with such items, in the order of their times.

    Few users and items have most of them.

    With several `tastes` users are of one each: to most of their events they come by the popular
    items of that taste. Otherwise there is nothing to learn but what is popular.
    """
    rng = np.random.default_rng(seed)
    user_nos = np.minimum(rng.lognormal(0.0, 1.5, events) * users / 20, users - 1).astype(int)
    item_nos = np.minimum(rng.lognormal(0.0, 1.5, events) * items / 20, items - 1).astype(int)
    # Of each taste other items are the popular ones.
    of_taste = rng.random(events) < _SHARE_OF_TASTE
    item_nos = (item_nos + of_taste * (user_nos % tastes) * (items // tastes)) % items
    times = np.sort(rng.uniform(_FIRST, _LAST, events))
    texts = (times * 1_000_000).astype("datetime64[us]").astype(str)
    table = pa.table(
        {
            "user_id": [f"user-{number}" for number in user_nos],
            "item_id": [f"item-{number + 1}" for number in item_nos],
            "event_type": rng.choice(["view", "click", "purchase"], events, p=[0.8, 0.15, 0.05]),
            "event_time": texts,
        }
    )
    pa_csv.write_csv(table, path)
    return path


def record_events(
    engine: Engine, rng: np.random.Generator, *, users: int, population: int, items: int
) -> None:
    """An event each of so many users of those from `user-0` on, all in one transaction."""
    now = datetime.now(UTC)
    chosen = rng.choice(population, users, replace=False)
    item_nos = rng.integers(1, items + 1, users)
    events = [
        NewEvent(uuid.uuid4(), UserId(f"user-{user}"), ItemNo(int(item_no)), KindNo(1), None, now)
        for user, item_no in zip(chosen, item_nos, strict=True)
    ]
    with engine.begin() as connection:
        connection.execute(statements("log")["record_events"], record_parameters(events))
