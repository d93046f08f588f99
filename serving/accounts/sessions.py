"""Sessions: what somebody who has signed in holds, and how it ends."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from serving.access.callers import Account, AccountRole, TokenUser
from serving.access.console_sessions import ConsoleSessions, account_of
from serving.access.random_tokens import (
    REFRESH,
    SESSION,
    RandomToken,
    generate_token,
    has_token_form,
    hash_token,
)
from serving.access.revocations import Revocations, session_subject
from serving.access.tokens import Token, Tokens
from serving.accounts.sign_in import Verified
from serving.postgres.store import WriteStore
from serving.runtime.faults import GrantRefusedError
from serving.runtime.metrics import ServingMetrics
from sql.statements import statements

_ACCOUNTS = statements("accounts")

REFRESH_LIFE: Final = timedelta(days=30)
"""Of one refresh token; each use begins it anew."""
SESSION_LIFE: Final = timedelta(days=90)
"""Of a session with tokens, however often it is refreshed."""
CONSOLE_LIFE: Final = timedelta(hours=12)
"""Of a session of a browser."""
_MOST_SESSIONS = 50
"""Of one account; the oldest end."""

REFUSED_TOKEN = "The refresh token was used, has expired, or is none. Sign in again."  # noqa: S105

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a program that has signed in is given."""

    access: Token
    refresh_token: str
    role: AccountRole


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """What a browser that has signed in is given."""

    secret: str
    """For the cookie."""
    account: Account
    expires_at: datetime


class Sessions:
    """Begins, renews and ends them."""

    def __init__(
        self,
        store: WriteStore,
        tokens: Tokens,
        revocations: Revocations,
        console_sessions: ConsoleSessions,
        metrics: ServingMetrics,
        *,
        access_seconds: int,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._revocations = revocations
        self._console_sessions = console_sessions
        self._metrics = metrics
        self.access_seconds = access_seconds
        """How long an access token lives."""

    def check_tokens_on(self) -> None:
        """NoSigningKeysError if there are none."""
        self._tokens.check_on()

    async def begin(self, verified: Verified) -> TokenPair:
        """A session with tokens; GrantRefusedError if the account has changed meanwhile."""
        session_id, refresh = uuid.uuid4(), generate_token(REFRESH)
        await self._store_session(verified, session_id, "token", SESSION_LIFE, refresh=refresh)
        return self._pair(verified.account, str(session_id), refresh)

    async def begin_in_browser(self, verified: Verified) -> BrowserSession:
        """A session with a cookie; GrantRefusedError if the account has changed meanwhile."""
        secret = generate_token(SESSION)
        expires_at = await self._store_session(
            verified, uuid.uuid4(), "console", CONSOLE_LIFE, secret=secret
        )
        return BrowserSession(secret.token, verified.account, expires_at)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """New tokens for a refresh token, which is good once; GrantRefusedError if it is not.

        One that comes again ends its session, with all tokens that were made for it.
        """
        if not has_token_form(refresh_token, REFRESH):
            raise GrantRefusedError(REFUSED_TOKEN)
        new = generate_token(REFRESH)
        parameters = {
            "token_hash": hash_token(refresh_token),
            "new_hash": new.token_hash,
            "refresh_seconds": REFRESH_LIFE.total_seconds(),
        }
        rows = await self._store.write(_ACCOUNTS["rotate_refresh_token"], parameters)
        if not rows:
            raise GrantRefusedError(REFUSED_TOKEN)
        (row,) = rows
        session_id = str(row.session_id)
        if row.is_reused:
            self._revocations.note(session_subject(session_id))
            self._metrics.sign_ins.labels("reused").inc()
            log.warning("refresh_token_reused", account_id=row.account_id)
        if not row.is_rotated:
            raise GrantRefusedError(REFUSED_TOKEN)
        self._metrics.sign_ins.labels("refreshed").inc()
        return self._pair(account_of(row), session_id, new)

    async def end(self, session_id: str) -> None:
        """End a session, with its tokens; harmless twice, and committed when this returns."""
        await self._store.write(_ACCOUNTS["end_session"], {"session_id": session_id})
        self.note_ended(session_id)

    def note_ended(self, session_id: str | None = None) -> None:
        """Sessions ended in the store: what this process knows of them is looked up again."""
        self._console_sessions.forget()
        if session_id is not None:
            self._revocations.note(session_subject(session_id))

    async def refresh_revocations(self) -> None:
        """Learn of the tokens that an act on an account has ended, which are refused at once."""
        self.note_ended()
        await self._revocations.refresh()

    async def find_account(self, session_id: str) -> Account | None:
        """Whose session it is; None if it has ended."""
        parameters = {"session_id": session_id}
        rows = await self._store.rows(_ACCOUNTS["find_account_of_session"], parameters)
        return account_of(rows[0]) if rows else None

    async def _store_session(
        self,
        verified: Verified,
        session_id: uuid.UUID,
        kind: str,
        life: timedelta,
        *,
        secret: RandomToken | None = None,
        refresh: RandomToken | None = None,
    ) -> datetime:
        parameters = {
            "session_id": session_id,
            "account_id": verified.account.account_id,
            "verified_hash": verified.password_hash,
            "kind": kind,
            "secret_hash": secret and secret.token_hash,
            "session_seconds": life.total_seconds(),
            "refresh_hash": refresh and refresh.token_hash,
            "refresh_seconds": REFRESH_LIFE.total_seconds(),
            "most": _MOST_SESSIONS,
        }
        rows = await self._store.write(_ACCOUNTS["start_session"], parameters)
        if not rows:
            raise GrantRefusedError
        expires_at: datetime = rows[0].expires_at
        return expires_at

    def _pair(self, account: Account, session_id: str, refresh: RandomToken) -> TokenPair:
        caller = account.as_caller(session_id)
        seconds = self.access_seconds
        if isinstance(caller, TokenUser):
            access = self._tokens.for_user(caller.user_id, seconds=seconds, session_id=session_id)
        else:
            access = self._tokens.for_team_member(caller, seconds=seconds, session_id=session_id)
        return TokenPair(access, refresh.token, account.role)
