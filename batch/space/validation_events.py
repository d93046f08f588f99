"""Validation events: interactions to be foreseen, each with what was known just before it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.history.interactions import Interactions
from batch.history.splitting import pair_keys
from domain.identifiers import ItemNo, UserNo
from domain.live_vector import History


@dataclass(frozen=True, slots=True)
class ValidationEvent:
    """One interaction, and its user as known just before it."""

    row: int
    """Its index in the timeline."""
    user_no: UserNo
    item_no: ItemNo
    history: History
    """All the user did before."""
    since_cut_off: int
    """How much of it was after the cut-off."""
    last_at: np.datetime64 | None = None
    """When the newest of it occurred; None: nothing is known of what others did since."""


class Timeline:
    """Interactions in the order of the users' histories, whatever order they are given in."""

    def __init__(self, interactions: Interactions) -> None:
        self.interactions = interactions.in_time_order()
        self._weights = self.interactions.weights()
        self._by_user = np.argsort(self.interactions.user_nos, kind="stable")
        self._users = self.interactions.user_nos[self._by_user]
        self._first_of_user = _first_rows(self.interactions.user_nos)
        self._first_of_pair = _first_rows(
            pair_keys(self.interactions.user_nos, self.interactions.item_nos)
        )

    def __len__(self) -> int:
        return len(self.interactions)

    def before(self, row: int) -> Interactions:
        """The first `row` interactions."""
        return self.interactions.where(np.arange(row))

    def foreseeable(
        self, cut_off: int, end: int, known_items: NDArray[np.bool_] | None = None
    ) -> NDArray[np.intp]:
        """Rows in [cut_off, end) that count for a run that stopped reading at `cut_off`.

        The first interaction of its user and item counts if it says that the user likes it, the
        user has an earlier one, and somebody used the item before the cut-off. `known_items` says
        that by item number where these are not the interactions of all users.
        """
        rows = np.arange(cut_off, end)
        log = self.interactions
        item_nos = log.item_nos[rows]
        counts = (
            (self._first_of_pair[rows] == rows)
            & (self._weights[rows] > 0.0)
            & (self._first_of_user[rows] < rows)
            & (
                np.isin(item_nos, log.item_nos[:cut_off])
                if known_items is None
                else known_items[item_nos]
            )
        )
        return np.asarray(rows[counts])

    def events(self, rows: NDArray[np.integer], cut_off: int) -> Iterator[ValidationEvent]:
        """Foreseeable rows as validation events of a run that stopped reading at `cut_off`."""
        for row in rows.tolist():
            user_no = UserNo(int(self.interactions.user_nos[row]))
            own = self._rows_of(user_no)
            past = own[: np.searchsorted(own, row)]
            yield ValidationEvent(
                row,
                user_no,
                ItemNo(int(self.interactions.item_nos[row])),
                self._history(past),
                len(past) - int(np.searchsorted(past, cut_off)),
                self.interactions.occurred_at[past[-1]] if len(past) else None,
            )

    def history_of(self, user_no: UserNo) -> History:
        """All that a user did."""
        return self._history(self._rows_of(user_no))

    def _rows_of(self, user_no: UserNo) -> NDArray[np.intp]:
        # Of their own type: numbers of another one would have all users converted each time.
        bounds = np.array([user_no, user_no + 1], dtype=self._users.dtype)
        start, end = np.searchsorted(self._users, bounds)
        return self._by_user[start:end]

    def _history(self, rows: NDArray[np.intp]) -> History:
        return History(self.interactions.item_nos[rows], self._weights[rows])


def _first_rows(keys: NDArray[np.integer]) -> NDArray[np.intp]:
    """For each key (n,) the index where it stands first."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return np.asarray(first[inverse])
