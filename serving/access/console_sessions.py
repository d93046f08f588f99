"""Sessions of browsers, by the secret in their cookie; kept in memory as keys are."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cachetools import LRUCache
from sqlalchemy import Row

from domain.errors import OverloadedError, StoreUnavailableError
from domain.identifiers import UserId
from serving.access.callers import Account, SignedIn, TeamMember
from serving.access.known_keys import Lookups
from serving.access.random_tokens import SESSION, has_token_form, hash_token
from serving.postgres.store import WriteStore
from sql.statements import statements

_ACCOUNTS = statements("accounts")
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    caller: SignedIn
    expires_at: datetime
    good_until: float
    """On the monotonic clock: then it is looked up again."""


class ConsoleSessions:
    """Looks sessions up, each again after `seconds`.

    One that was known holds while the store is away. Redis is not asked.
    """

    def __init__(self, store: WriteStore, *, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._known: LRUCache[bytes, _Known] = LRUCache(_MOST_KNOWN)
        self._lookups = Lookups()

    async def find(self, secret: str, *, is_guessing: Callable[[], bool]) -> SignedIn | None:
        """Who is signed in with this secret; None: nobody, or no longer.

        `is_guessing`: asked of one that is not known: whether it comes from who guesses.
        StoreUnavailableError or OverloadedError where that cannot be found out.
        """
        if not has_token_form(secret, SESSION):
            return None
        secret_hash = hash_token(secret)
        known = self._known.get(secret_hash)
        if known is not None and known.expires_at <= datetime.now(UTC):
            return None
        if known is None or time.monotonic() >= known.good_until:
            try:
                known = await self._look_up(secret_hash, is_guessing)
            except (StoreUnavailableError, OverloadedError):
                if known is None:
                    raise
        return None if known is None else known.caller

    async def holds(self, member: TeamMember) -> bool:
        """Whether somebody is signed in, and has this role, as the store has it.

        StoreUnavailableError if it is away.
        """
        parameters = {"session_id": member.session_id}
        rows = await self._store.rows(_ACCOUNTS["find_account_of_session"], parameters)
        return any(row.role == member.role for row in rows)

    async def end_of_user(self, user_id: UserId) -> None:
        """End the sessions of the account that reads and writes as this user, if there is one."""
        await self._store.write(_ACCOUNTS["end_sessions_of_user"], {"user_id": user_id})
        self.forget()

    def forget(self) -> None:
        """Look all sessions up again: one has ended."""
        self._known.clear()

    async def _look_up(self, secret_hash: bytes, is_guessing: Callable[[], bool]) -> _Known | None:
        if self._lookups.is_nobodys(secret_hash):
            return None
        is_known = secret_hash in self._known
        if not is_known and not self._lookups.take(is_guessing=is_guessing()):
            raise OverloadedError("Too many unknown sessions are being tried. Try again shortly.")
        asked_at = time.monotonic()
        parameters = {"secret_hash": secret_hash}
        rows = await self._store.rows(_ACCOUNTS["find_console_session"], parameters)
        if not rows:
            self._known.pop(secret_hash, None)
            self._lookups.note_nobodys(secret_hash)
            return None
        (row,) = rows
        caller = account_of(row).as_caller(str(row.session_id))
        known = _Known(caller, row.expires_at, asked_at + self._seconds)
        self._known[secret_hash] = known
        return known


def account_of(row: Row[Any]) -> Account:
    """The account of a row that has its columns."""
    return Account(row.account_id, row.name, row.role, row.user_id)
