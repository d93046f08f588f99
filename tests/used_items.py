"""A log in which each interaction uses an item, for tests that need no database."""

import numpy as np
from numpy.typing import ArrayLike

from batch.history.event_file import USED
from batch.history.interactions import Interactions

_MICROSECONDS_A_DAY = 86_400 * 1e6


def used_items(user_nos: ArrayLike, item_nos: ArrayLike, days: ArrayLike) -> Interactions:
    """Who used which item on which day since 1970, all (n,); in time order."""
    moments = np.asarray(days, dtype=np.float64) * _MICROSECONDS_A_DAY
    count = len(moments)
    return Interactions(
        USED,
        np.asarray(user_nos, dtype=np.int32),
        np.asarray(item_nos, dtype=np.int32),
        np.ones(count, dtype=np.int16),
        np.full(count, np.nan, dtype=np.float32),
        moments.astype("datetime64[us]"),
    ).in_time_order()
