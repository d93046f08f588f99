"""The items with the best live scores: near to the live vector, or next after the history."""

from domain.blend import SPEED
from domain.rankings import Ranking
from serving.candidates.source import CandidateRequest
from serving.candidates.user_state import UserState


class SpeedSource:
    """Searches the run's item vectors; new items near the user are found with the same statement.

    New items are no source of their own: they are not blended, but given ranks of their own.
    """

    name = SPEED

    async def candidates(self, user: UserState, request: CandidateRequest) -> Ranking:
        """See `CandidateSource`."""
        found = user.nearest
        if found is None and user.embedding is None:
            return Ranking.empty()
        found = found or await request.recommendations.load_nearest(
            request.run_id,
            user,
            listed=request.lookup.waiting,
            index=request.index,
            filters=request.filters,
            new=request.new,
            with_categories=request.with_categories,
        )
        if found.eligible is not None:
            request.lookup.add_eligible(found.eligible, found.new)
        else:
            request.lookup.add_found(found.listed, found.near, found.following, new=found.new)
        return found.ranking
