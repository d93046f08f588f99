"""Six weeks of events and of lists, made up: what analysts ask about."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert, text

from tests import tables

NOW = datetime(2026, 3, 18, 15, tzinfo=UTC)
"""A Wednesday."""
DAY = timedelta(days=1)
LENGTH = 3
CONTEXTS = ({"device": "phone"}, {"device": "tv", "daypart": "evening"})
"""Numbered from 1."""


@pytest.fixture
def log(engine: Engine) -> Engine:
    """Six weeks of events of forty users and lists that were given to them and to strangers."""
    rng = np.random.default_rng(0)
    start = NOW - 42 * DAY
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into items (item_id, title)"
                " select 'item-' || n, 'Item ' || n from generate_series(1, 12) as n"
            )
        )
        connection.execute(
            text("insert into users (user_id) select 'user-' || n from generate_series(1, 40) as n")
        )
        for context in CONTEXTS:
            connection.execute(insert(tables.contexts), {"context": context})
        lists = [
            {
                "recommendation_id": uuid.UUID(int=n),
                "user_no": None if n % 9 == 0 else int(rng.integers(1, 41)),
                "run_id": None if n % 5 == 0 else n % 2 + 1,
                "source": "blend" if n % 3 else "popular",
                "arm": "a" if n % 4 == 0 else None,
                "placement": "home" if n % 7 else None,
                "placement_version": n % 2 + 1 if n % 7 else None,
                "context_no": (None, 1, 2)[n % 3],
                "item_nos": rng.choice(np.arange(1, 11), LENGTH, replace=False).tolist(),
                "shown_at": start + timedelta(seconds=int(rng.integers(0, 42 * 86_400))),
            }
            for n in range(300)
        ]
        connection.execute(insert(tables.impressions), lists)
        events = [made_event(rng, n, lists) for n in range(900)]
        connection.execute(insert(tables.interactions), events)
    return engine


def made_event(rng: np.random.Generator, n: int, lists: list[dict[str, Any]]) -> dict[str, Any]:
    """Anything by anybody; every third uses an item of a list, some days after, and may name it."""
    made: dict[str, Any] = {
        "position": n + 1,
        "event_id": uuid.UUID(int=10_000 + n),
        # Few users have many.
        "user_no": int(min(rng.lognormal(1.5, 1.2) + 1, 40)),
        "item_no": int(rng.integers(1, 13)),
        "kind_no": int(rng.choice([1, 2, 7])),
        "occurred_at": NOW - timedelta(seconds=int(rng.integers(0, 42 * 86_400))),
        "recommendation_id": None,
    }
    if n % 3 == 0:
        given = lists[int(rng.integers(0, len(lists)))]
        made["item_no"] = int(rng.choice(given["item_nos"]))
        made["user_no"] = given["user_no"] or made["user_no"]
        made["occurred_at"] = given["shown_at"] + timedelta(days=float(rng.exponential(4)))
        made["recommendation_id"] = given["recommendation_id"] if n % 2 else None
    return made
