"""The items liked by the users most like this one."""

import numpy as np

from domain.blend import CANDIDATES, NEAREST_USERS, NEIGHBOURS, NEWEST_LIKED
from domain.rankings import Ranking
from serving.candidates.source import CandidateRequest
from serving.candidates.user_state import UserState
from sql.statements import as_array, statements

_CANDIDATES = statements("candidates")


class NeighboursSource:
    """An item scores the sum of the cosines of the users, by live vector, who like it."""

    name = NEIGHBOURS

    async def candidates(self, user: UserState, request: CandidateRequest) -> Ranking:
        """See `CandidateSource`."""
        if user.embedding is None:
            return Ranking.empty()
        parameters = {
            "run_id": request.run_id,
            "user_no": user.user_no,
            "embedding": user.embedding,
            "excluded": as_array(user.excluded),
            "nearest_users": NEAREST_USERS,
            "newest_liked": NEWEST_LIKED,
            "items": CANDIDATES,
            **request.filters.parameters(),
        }
        statement = _CANDIDATES["load_liked_by_neighbours"]
        rows = await request.recommendations.store.rows(statement, parameters)
        return Ranking.of(
            np.array([row.item_no for row in rows], dtype=np.int32),
            np.array([row.score for row in rows], dtype=np.float64),
        )
