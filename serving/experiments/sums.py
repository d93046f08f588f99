"""What the statistics need of an arm's users: a few sums, whatever the number of users."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the users of one arm, by stratum: all arrays are (strata,) float64.

    A stratum is the users who were assigned while the arms had the same shares: one stratum, unless
    the shares follow the evidence. `outcome` is what a user did in the window, `earlier` what the
    user did before the first exposure. `acting`: users whose outcome is not 0.
    """

    users: Floats
    acting: Floats
    outcome: Floats
    outcome_squared: Floats
    earlier: Floats
    earlier_squared: Floats
    product: Floats

    @classmethod
    def of(cls, outcomes: Floats, earlier: Floats, stratum: Floats | None = None) -> Self:
        """The sums of users with `outcomes` (n,) and `earlier` activity (n,).

        `stratum` (n,): whole numbers from 0; None: all users are of one.
        """
        row = np.zeros(len(outcomes), np.intp) if stratum is None else stratum.astype(np.intp)
        columns = (
            np.ones_like(outcomes),
            (outcomes != 0).astype(np.float64),
            outcomes,
            outcomes**2,
            earlier,
            earlier**2,
            outcomes * earlier,
        )
        strata = int(row.max(initial=0)) + 1
        return cls(*(np.bincount(row, column, strata).astype(np.float64) for column in columns))

    @property
    def outcome_scatter(self) -> Floats:
        """Sum of squares of the outcomes about their mean; 0 without users."""
        return self.outcome_squared - self.outcome**2 / np.maximum(self.users, 1)

    @property
    def earlier_scatter(self) -> Floats:
        """Sum of squares of the earlier activity about its mean."""
        return self.earlier_squared - self.earlier**2 / np.maximum(self.users, 1)

    @property
    def joint_scatter(self) -> Floats:
        """Sum of products of outcomes and earlier activity about their means."""
        return self.product - self.outcome * self.earlier / np.maximum(self.users, 1)
