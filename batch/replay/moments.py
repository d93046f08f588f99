"""Moments of a replay: whose each is, and how it lies to what the user did before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from batch.evaluation.segments import segments
from batch.space.validation_events import Timeline

SAME_SECOND, OTHER_SECOND = "same second", "other second"
WITH_LIST, WITHOUT_LIST = "with nightly list", "without nightly list"

_DAYS: Mapping[str, tuple[int, float]] = {
    "0 days": (0, 1),
    "1-7 days": (1, 8),
    "8-30 days": (8, 31),
    "over 30 days": (31, np.inf),
}
"""Whole days since the user's last interaction: from the first number on, below the second."""

MOMENT_SEGMENTS = (SAME_SECOND, OTHER_SECOND, WITH_LIST, WITHOUT_LIST, *_DAYS)
"""In the order they are reported."""


@dataclass(frozen=True, slots=True)
class Moments:
    """What each foreseen interaction was like; all arrays are (m,)."""

    user_nos: NDArray[np.int32]
    same_second: NDArray[np.bool_]
    """Whether the user's last interaction before lies in the same second."""
    days: NDArray[np.int64]
    """Whole days since the user's last interaction."""
    with_list: NDArray[np.bool_]
    """Whether the night knew the user, so that there was a list of the user's own."""

    def segments(self, earlier: NDArray[np.integer]) -> dict[str, NDArray[np.intp]]:
        """Indexes of the moments of each segment that has any.

        Those by `earlier` (m,), how many interactions the user had before, come first.
        """
        members = {
            SAME_SECOND: self.same_second,
            OTHER_SECOND: ~self.same_second,
            WITH_LIST: self.with_list,
            WITHOUT_LIST: ~self.with_list,
            **{
                name: (self.days >= low) & (self.days < high) for name, (low, high) in _DAYS.items()
            },
        }
        found = {name: np.flatnonzero(chosen) for name, chosen in members.items() if chosen.any()}
        return {**segments(earlier), **found}


def moments_of(
    timeline: Timeline, rows: NDArray[np.integer], listed: NDArray[np.integer]
) -> Moments:
    """The moments at `rows` (m,) of a timeline, each of a user who has an earlier interaction.

    `listed` are the numbers of the users that the night knew.
    """
    log = timeline.interactions
    order = np.argsort(log.user_nos, kind="stable")
    before = np.empty(len(log), dtype=np.intp)
    before[order[1:]] = order[:-1]
    last, now = log.occurred_at[before[rows]], log.occurred_at[rows]
    return Moments(
        log.user_nos[rows],
        last.astype("datetime64[s]") == now.astype("datetime64[s]"),
        ((now - last) // np.timedelta64(1, "D")).astype(np.int64),
        np.isin(log.user_nos[rows], listed),
    )


def joined(parts: Sequence[Moments]) -> Moments:
    """The moments of several nights, in that order; there must be one night at least."""
    return Moments(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Moments)
        )
    )
