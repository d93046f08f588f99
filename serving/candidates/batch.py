"""The nightly list of a user."""

from domain.blend import BATCH
from domain.rankings import Ranking
from serving.candidates.source import CandidateRequest
from serving.candidates.user_state import UserState


class BatchSource:
    """What the run listed for the user; it was read with all else that is known of the user."""

    name = BATCH

    async def candidates(self, user: UserState, request: CandidateRequest) -> Ranking:
        """See `CandidateSource`."""
        del request
        return user.batch
