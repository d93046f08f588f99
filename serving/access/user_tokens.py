"""Tokens for one user: made for browsers and phones, and revoked."""

from domain.identifiers import UserId
from serving.access.console_sessions import ConsoleSessions
from serving.access.revocations import Revocations, user_subject
from serving.access.tokens import Token, Tokens


class UserTokens:
    """Makes and revokes them."""

    def __init__(
        self, tokens: Tokens, revocations: Revocations, sessions: ConsoleSessions, *, seconds: int
    ) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._sessions = sessions
        self._seconds = seconds

    def make(self, user_id: UserId, *, seconds: int | None) -> Token:
        """A token; NoSigningKeysError if tokens are off. `seconds`: None as usual."""
        return self._tokens.for_user(user_id, seconds=self._seconds if seconds is None else seconds)

    async def revoke(self, user_id: UserId) -> None:
        """End all tokens of a user that were made until now; committed when this returns.

        So do the sessions of the user's account, which would make new ones.
        """
        await self._revocations.revoke(user_subject(user_id))
        await self._sessions.end_of_user(user_id)
