"""Interactions as arrays, for the parts that need no database."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from batch.history.interactions import Interactions
from domain.identifiers import KindNo
from domain.interactions import EventKind, KindTable

KINDS = KindTable(
    (
        EventKind(KindNo(1), "view", 1.0, marks_seen=True),
        EventKind(KindNo(2), "click", 0.5, marks_seen=False, half_life_days=10.0),
        EventKind(KindNo(3), "listen", 1.0, marks_seen=True, value_reference=3.0),
        EventKind(KindNo(4), "dislike", -2.0, marks_seen=False),
    )
)

Event = tuple[int, int, int, float]
"""User, item, kind, day."""

MakeInteractions = Callable[[Sequence[Event]], Interactions]


@pytest.fixture(scope="session")
def make_interactions() -> MakeInteractions:
    """Interactions from (user, item, kind, day); listening counts by the item's number."""

    def make(events: Sequence[Event]) -> Interactions:
        table = np.array(events, dtype=np.float64).reshape(-1, 4)
        kind_nos = table[:, 2].astype(np.int16)
        strengths = np.where(kind_nos == 3, table[:, 1] / 3.0, np.nan).astype(np.float32)
        moments = np.datetime64("2026-01-01", "us") + (table[:, 3] * 86_400_000_000).astype(
            "timedelta64[us]"
        )
        return Interactions(
            KINDS,
            table[:, 0].astype(np.int32),
            table[:, 1].astype(np.int32),
            kind_nos,
            strengths,
            moments,
        )

    return make
