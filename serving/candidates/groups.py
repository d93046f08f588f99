"""Several users as one: what a list for all of them is made from."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.identifiers import UserId, UserNo
from domain.rankings import Ranking
from domain.transitions import MOST_FOLLOWING
from serving.candidates.catalogue_items import NewItems
from serving.candidates.recommendations import Recommendations
from serving.candidates.user_state import UserState
from serving.candidates.users import UserNumbers, UserReader
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusions import Exclusions
from serving.redis.answers import NOT_STORED
from serving.runs.live_runs import LiveRun
from sql.live_vectors import stored_vector, vector_read

_LISTED = 1_000
"""So many of the best of all nightly lists are looked up."""

Floats = NDArray[np.float64]


@dataclass(eq=False, slots=True)
class GroupReader:
    """Reads the members, and keeps the exclusions of each for when PostgreSQL is away."""

    recommendations: Recommendations
    exclusion_cache: ExclusionCache
    users: UserNumbers
    run: LiveRun | None
    group: Sequence[UserId]
    user_no: UserNo | None = None
    loaded: UserState | None = field(default=None, init=False)

    async def state(self, *, exclude_seen: bool) -> UserState:
        """See `StateReader`; members the log has never seen say nothing."""
        members = [await self._member(user_id, exclude_seen=exclude_seen) for user_id in self.group]
        self.loaded = together([member for member in members if member], exclude_seen=exclude_seen)
        return self.loaded

    async def state_and_nearest(
        self,
        *,
        exclude_seen: bool,
        new: NewItems,  # noqa: ARG002
        with_categories: bool,  # noqa: ARG002
    ) -> UserState:
        """The state alone: what is nearest to all can be looked for once all are known."""
        return await self.state(exclude_seen=exclude_seen)

    async def _member(self, user_id: UserId, *, exclude_seen: bool) -> UserState | None:
        async def read(user_no: UserNo | None) -> UserState | None:
            if user_no is None:
                return None
            since = self.exclusion_cache.now
            reader = UserReader(
                self.recommendations,
                self.exclusion_cache,
                run=self.run,
                user_id=user_id,
                user_no=user_no,
                since=since,
                version=NOT_STORED,
            )
            return await reader.state(exclude_seen=exclude_seen)

        return await self.users.reading(user_id, read)


def together(members: Sequence[UserState], *, exclude_seen: bool) -> UserState:
    """The members as one user, in which each counts alike.

    The live score of an item is the mean of the members' live scores, each divided by the length
    of the member's live vector; its nightly score the mean of the scaled scores of their lists, 0
    in a list that lacks it. What any member has seen or dislikes stays out.
    """
    exclusions = Exclusions()
    for member in members:
        exclusions |= member.exclusions
    embedding, following = _live(members)
    events = [member.events_since_cut_off for member in members]
    return UserState(
        batch=_mean((m.batch, m.batch.scaled()) for m in members if len(m.batch)).top(_LISTED),
        embedding=embedding,
        events_since_cut_off=round(sum(events) / len(events)) if events else 0,
        excluded=tuple(exclusions.of(exclude_seen=exclude_seen)),
        exclusions=exclusions,
        following=following,
    )


def _live(members: Sequence[UserState]) -> tuple[object | None, Ranking]:
    """The live vector of all, and what comes next; None: nobody has a live vector."""
    known = [
        (m, vector_read(m.embedding).astype(np.float64)) for m in members if m.embedding is not None
    ]
    lengths = [(m, vector, float(np.linalg.norm(vector))) for m, vector in known]
    having = [(m, vector, length) for m, vector, length in lengths if length > 0.0]
    if not having:
        return None, Ranking.empty()
    units = [vector / length for _, vector, length in having]
    gains = ((m.following, m.following.scores / length) for m, _, length in having)
    mean = np.mean(units, axis=0).astype(np.float32)
    return stored_vector(mean), _mean(gains, len(having)).top(MOST_FOLLOWING)


def _mean(rankings: Iterable[tuple[Ranking, Floats]], count: int | None = None) -> Ranking:
    """Items by the mean of their scores in some rankings, 0 where one lacks an item.

    `count`: how many there are, if those that are empty were left out.
    """
    sums: defaultdict[int, float] = defaultdict(float)
    given = 0
    for ranking, scores in rankings:
        given += 1
        for item_no, score in zip(ranking.item_nos.tolist(), scores.tolist(), strict=True):
            sums[item_no] += score
    numbers = np.fromiter(sums, dtype=np.int32, count=len(sums))
    totals = np.fromiter(sums.values(), dtype=np.float64, count=len(sums))
    return Ranking.of(numbers, totals / max(count or given, 1))
