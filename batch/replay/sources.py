"""The sources of candidates as a replay knows them: of a night and an event instead of a store.

Each ranks as its namesake in `serving/candidates/` does; the blend of them is the one that serves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix
from batch.replay.neighbours import Neighbourhood, fit_neighbourhood
from batch.space.composing import ItemSpace
from batch.space.recent_pairs import RecentPairs
from batch.space.validation_events import ValidationEvent
from domain.blend import BATCH, CANDIDATES, NEIGHBOURS, SPEED, BlendPolicy
from domain.live_vector import live_vector
from domain.rankings import Ranking
from domain.recent_transitions import added
from domain.transitions import Transitions, items_followed, live_vector_and_following


@dataclass(frozen=True)
class FittedNight:
    """What one nightly run would have known."""

    cut_off: int
    """It has read the interactions before this row of the timeline."""
    matrix: InteractionMatrix
    lists: Factors
    space: ItemSpace
    popular: NDArray[np.float64]
    """(i,) the scores of the popular list."""
    past: Interactions
    """What it has read."""
    recent: RecentPairs = field(default_factory=RecentPairs.none)
    """What followed what since."""
    policy: BlendPolicy | None = None
    """The blend that foresaw the newest part best; None: none was chosen."""

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """Its users, if anybody asks for them."""
        return fit_neighbourhood(self.past, self.space)


def batch_list(night: FittedNight, event: ValidationEvent) -> Ranking:
    """The user's nightly list without what was seen since; empty for a user of no night."""
    row = np.searchsorted(night.matrix.user_nos, event.user_no)
    if row == len(night.matrix.user_nos) or night.matrix.user_nos[row] != event.user_no:
        return Ranking.empty()
    return best(night, event, night.lists.items @ night.lists.users[row])


def speed_list(night: FittedNight, event: ValidationEvent) -> Ranking:
    """The items nearest to the user's live vector as of the event, and what comes next."""
    space = night.space
    vector, coming = live_vector_and_following(
        space.space, space.items, _transitions_as_of(night, event), event.history
    )
    if vector is None:
        return Ranking.empty()
    scores = (space.items.vectors @ vector).astype(np.float64)
    scores[space.items.rows_of(coming.item_nos)] += coming.scores
    return best(night, event, scores)


def _transitions_as_of(night: FittedNight, event: ValidationEvent) -> Transitions:
    """Those of the night and since, as they were when the event's user last did something.

    Then the speed layer writes what comes next for this user.
    """
    space = night.space
    parameters = space.space.parameters
    if not parameters.recent_weight:
        return space.transitions
    used = items_followed(parameters, space.items, event.history)
    recent = night.recent.as_of(used, event.last_at, parameters.recent_weight)
    return added(space.transitions.of_items(used), recent)


def neighbours_list(night: FittedNight, event: ValidationEvent) -> Ranking:
    """What the users most like this one like, as the night knows them."""
    vector = live_vector(night.space.space, night.space.items, event.history)
    if vector is None or not vector.any():
        return Ranking.empty()
    liked = best(night, event, night.neighbourhood.scores(event.user_no, vector))
    return liked.top(int((liked.scores > 0.0).sum()))


def best(night: FittedNight, event: ValidationEvent, scores: NDArray[np.floating]) -> Ranking:
    """The best items (i,) that the user has not seen, as many as a source gives."""
    scores = scores.astype(np.float64)
    seen = night.space.items.rows_of(event.history.item_nos)
    scores[seen[seen >= 0]] = -np.inf
    most = min(CANDIDATES, len(scores))
    chosen = np.argpartition(-scores, most - 1)[:most]
    chosen = chosen[np.isfinite(scores[chosen])]
    return Ranking.of(night.matrix.item_nos[chosen], scores[chosen])


SOURCES: Mapping[str, Callable[[FittedNight, ValidationEvent], Ranking]] = {
    BATCH: batch_list,
    SPEED: speed_list,
    NEIGHBOURS: neighbours_list,
}
"""By the names that weights have; a source is asked if a policy of the replay weighs it."""
