"""Signed tokens (JWT, RFC 7519): for one user, or for a person of the team."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from domain.errors import UnauthenticatedError
from domain.identifiers import UserId
from serving.access.callers import ROLES, TeamMember, TokenUser
from serving.access.revocations import Revocations, account_subject, session_subject, user_subject
from serving.access.signing_keys import SigningKeys

_ALGORITHM = "HS256"
_ISSUER = "tandem"
_NEEDED = ("iss", "sub", "typ", "iat", "exp")
_LONGEST = 4_000
"""Characters; no token of ours is longer, and no other is looked at."""
_LEEWAY_SECONDS = 5
"""By as much the clocks of two machines may differ."""

INVALID = "The token is not valid, or no longer. Get a new one."


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was just made."""

    token: str
    expires_at: datetime


class Tokens:
    """Makes and reads tokens."""

    def __init__(self, signing_keys: SigningKeys, revocations: Revocations) -> None:
        self._signing_keys = signing_keys
        self._revocations = revocations

    def check_on(self) -> None:
        """NoSigningKeysError if tokens are off."""
        self._signing_keys.signing()

    def for_user(self, user_id: UserId, *, seconds: float, session_id: str | None = None) -> Token:
        """A token that reads and writes as this user; NoSigningKeysError if tokens are off."""
        return self._signed({"typ": "user", "sub": user_id}, seconds, session_id)

    def for_team_member(
        self, member: TeamMember, *, seconds: float, session_id: str | None = None
    ) -> Token:
        """A token of a person of the team; NoSigningKeysError if tokens are off."""
        claims = {"typ": "team", "sub": str(member.account_id), "name": member.name}
        return self._signed({**claims, "role": member.role}, seconds, session_id)

    def read(self, token: str) -> TokenUser | TeamMember:
        """Whose token it is; UnauthenticatedError if it is not valid, for whatever reason."""
        claims = self._claims(token)
        try:
            issued_at, sent_session = float(claims["iat"]), claims.get("sid")
            session_id = None if sent_session is None else str(sent_session)
            subject = str(claims["sub"])
            if claims["typ"] == "user":
                caller: TokenUser | TeamMember = TokenUser(UserId(subject), session_id)
                subjects = [user_subject(UserId(subject))]
            else:
                role = next(role for role in ROLES if role == claims["role"])
                caller = TeamMember(int(subject), str(claims["name"]), role, session_id)
                subjects = [account_subject(caller.account_id)]
        except (KeyError, ValueError, TypeError, StopIteration) as error:
            raise UnauthenticatedError(INVALID) from error
        if session_id is not None:
            subjects.append(session_subject(session_id))
        if self._revocations.covers(subjects, issued_at):
            raise UnauthenticatedError(INVALID)
        return caller

    def _claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > _LONGEST:
            raise UnauthenticatedError(INVALID)
        try:
            key = self._signing_keys.find(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise UnauthenticatedError(INVALID)
            return jwt.decode(
                token,
                key.secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                leeway=_LEEWAY_SECONDS,
                options={"require": list(_NEEDED)},
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            # Which of the reasons it is tells nothing that an honest client could use.
            raise UnauthenticatedError(INVALID) from error

    def _signed(self, claims: Mapping[str, Any], seconds: float, session_id: str | None) -> Token:
        key, now = self._signing_keys.signing(), time.time()
        expires_at = int(now + seconds)
        payload = {
            **claims,
            "iss": _ISSUER,
            # With its fraction: a token made after a revocation in the same second is good.
            "iat": now,
            "exp": expires_at,
            "jti": secrets.token_hex(8),
        }
        if session_id is not None:
            payload["sid"] = session_id
        token = jwt.encode(payload, key.secret, _ALGORITHM, headers={"kid": key.key_id})
        return Token(token, datetime.fromtimestamp(expires_at, UTC))
