"""Segments: evaluated users by how much they had done before the held-out future."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALL = "all"
NEW = "new"
LIGHT = "light"
HEAVY = "heavy"

SEGMENTS = (ALL, NEW, LIGHT, HEAVY)
"""In the order they are reported."""

LIGHT_FROM = 5
"""Distinct past items from which on a user is no longer new."""
HEAVY_FROM = 20
"""Distinct past items from which on a user is heavy."""


def segments(past_items: NDArray[np.integer]) -> dict[str, NDArray[np.intp]]:
    """Indexes of the users of each segment that has any.

    `past_items` (n,) is how many distinct items each user had in the past.
    """
    members = {
        ALL: past_items >= 0,
        NEW: past_items < LIGHT_FROM,
        LIGHT: (past_items >= LIGHT_FROM) & (past_items < HEAVY_FROM),
        HEAVY: past_items >= HEAVY_FROM,
    }
    return {name: np.flatnonzero(chosen) for name, chosen in members.items() if chosen.any()}


def evaluated_users(evaluation: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The segments that have users, and how many; the store does not keep their order."""
    users = evaluation["users"]
    return [(segment, users[segment]) for segment in SEGMENTS if segment in users]
