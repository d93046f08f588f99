"""Tokens that were revoked before their time, by the subject they were made for.

A token is checked without asking anybody, so what was revoked is read again and again, as the keys
are. Nobody can revoke while the store is away.
"""

import hashlib
import math
from collections.abc import Iterable
from datetime import UTC, datetime

from domain.identifiers import UserId
from serving.access.signing_keys import LONGEST_TOKEN
from serving.postgres.store import WriteStore
from sql.statements import statements

_ACCESS = statements("access")


def user_subject(user_id: UserId) -> bytes:
    """All tokens of a user."""
    return _subject("user", user_id)


def account_subject(account_id: int) -> bytes:
    """All tokens of an account."""
    return _subject("account", str(account_id))


def session_subject(session_id: str) -> bytes:
    """All tokens of one sign-in."""
    return _subject("session", session_id)


def _subject(kind: str, name: str) -> bytes:
    """A hash: a user who was forgotten must not stand in the table."""
    return hashlib.sha256(f"{kind}:{name}".encode()).digest()


class Revocations:
    """What was revoked, as of the last refresh and by this process since."""

    def __init__(self, store: WriteStore) -> None:
        self._store = store
        self._revoked: dict[bytes, float] = {}

    async def refresh(self) -> None:
        """Read what was revoked; to be done several times within the time a key is trusted."""
        rows = await self._store.rows(_ACCESS["load_revocations"])
        self._revoked = {row.subject: row.revoked_at.timestamp() for row in rows}

    def covers(self, subjects: Iterable[bytes], issued_at: float) -> bool:
        """Whether a token of one of these subjects, made then (seconds since 1970), is revoked."""
        return any(issued_at <= self._revoked.get(subject, 0.0) for subject in subjects)

    def note(self, subject: bytes) -> None:
        """Learn at once of what another statement has revoked; until the next refresh tells it."""
        self._revoked[subject] = math.inf

    async def revoke(self, subject: bytes) -> None:
        """End all tokens of a subject made until now; it is committed when this returns."""
        now = datetime.now(UTC)
        parameters = {
            "token_subject": subject,
            "revoked_at": now,
            "longest_seconds": LONGEST_TOKEN.total_seconds(),
        }
        await self._store.write(_ACCESS["revoke_tokens"], parameters)
        self._revoked[subject] = now.timestamp()
