"""Users' numbers: given once and forever, so they can be remembered."""

from domain.identifiers import UserId, UserNo
from serving.repositories.recommendations import Recommendations

_MOST = 200_000


class UserNumbers:
    """Numbers of users, asked for once; of the most lately met users only."""

    def __init__(self, recommendations: Recommendations) -> None:
        self._recommendations = recommendations
        self._numbers: dict[UserId, UserNo] = {}

    async def find(self, user_id: UserId) -> UserNo | None:
        """A user's number; None if the log has never seen the user."""
        known = self._numbers.get(user_id)
        if known is not None:
            return known
        found = await self._recommendations.find_user_no(user_id)
        if found is not None:
            self._remember(user_id, found)
        return found

    def _remember(self, user_id: UserId, user_no: UserNo) -> None:
        if len(self._numbers) >= _MOST:
            self._numbers.pop(next(iter(self._numbers)))
        self._numbers[user_id] = user_no
