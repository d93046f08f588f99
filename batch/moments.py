"""Moments: interactions to be foreseen, each with what was known just before it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.history import Interactions
from batch.splitting import pair_keys
from domain.identifiers import ItemNo, UserNo
from domain.live_vector import History


@dataclass(frozen=True, slots=True)
class Moment:
    """One interaction, and its user as known just before it."""

    row: int
    """Its place in the timeline."""
    user_no: UserNo
    item_no: ItemNo
    history: History
    """All the user did before."""
    since_cut_off: int
    """How much of it was after the cut-off."""


class Timeline:
    """Interactions in time order; those of one instant stay in the order given."""

    def __init__(self, interactions: Interactions) -> None:
        self.interactions = interactions.where(np.argsort(interactions.occurred_at, kind="stable"))
        self._strengths = self.interactions.strengths()
        self._by_user = np.argsort(self.interactions.user_nos, kind="stable")
        self._users = self.interactions.user_nos[self._by_user]

    def __len__(self) -> int:
        return len(self.interactions)

    def before(self, row: int) -> Interactions:
        """The first `row` interactions."""
        return self.interactions.where(np.arange(row))

    def first_likes(self) -> NDArray[np.bool_]:
        """Which interactions are the first of their user and item, and say the user likes it."""
        keys = pair_keys(self.interactions.user_nos, self.interactions.item_nos)
        first = np.zeros(len(keys), dtype=bool)
        first[np.unique(keys, return_index=True)[1]] = True
        return first & (self._strengths > 0.0)

    def moments(
        self, rows: Sequence[int] | NDArray[np.integer], cut_off: int, known: NDArray[np.integer]
    ) -> Iterator[Moment]:
        """Those of `rows` that count: the user was here before, and the item is in `known`.

        `cut_off` is the row at which the run that foresees them stopped reading.
        """
        in_known = np.isin(self.interactions.item_nos[rows], known)
        for row in np.asarray(rows)[in_known].tolist():
            user_no = self.interactions.user_nos[row]
            start, end = np.searchsorted(self._users, [user_no, user_no + 1])
            own = self._by_user[start:end]
            past = own[: np.searchsorted(own, row)]
            if len(past):
                yield Moment(
                    row,
                    UserNo(int(user_no)),
                    ItemNo(int(self.interactions.item_nos[row])),
                    History(self.interactions.item_nos[past], self._strengths[past]),
                    len(past) - int(np.searchsorted(past, cut_off)),
                )
