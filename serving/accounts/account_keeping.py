"""Accounts as those who administer see and change them; each act is in the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from domain.errors import InvalidInputError, UnknownUserError
from domain.identifiers import UserId
from serving.access.acting import Actor
from serving.access.callers import AccountRole
from serving.access.random_tokens import LINK, generate_token
from serving.accounts.links import (
    INVITATION_LIFE,
    RESET_LIFE,
    STORED_BY,
    NewLink,
    Purpose,
    link_parameters,
)
from serving.accounts.sessions import Sessions
from serving.postgres.store import WriteStore
from serving.runtime.faults import AccountLinkedError, LastAdminError, UnknownAccountError
from sql.statements import statements

_ACCOUNTS = statements("accounts")
MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """What is known of an account; its password is not."""

    account_id: int
    name: str
    role: AccountRole
    user_id: str | None
    created_at: datetime
    has_password: bool
    """False: a link to choose a first one was made."""
    password_changed_at: datetime | None
    disabled_at: datetime | None


class AccountKeeping:
    """Lists, invites, changes and removes."""

    def __init__(self, store: WriteStore, sessions: Sessions) -> None:
        self._store = store
        self._sessions = sessions

    async def list(self, after: int) -> list[AccountRecord]:
        """Up to `MOST_LISTED` accounts with greater numbers, in their order."""
        parameters = {"after": after, "most": MOST_LISTED}
        rows = await self._store.rows(_ACCOUNTS["list_accounts"], parameters)
        return [_record(row) for row in rows]

    async def invite(self, role: AccountRole, actor: Actor) -> NewLink:
        """A link by which somebody registers with this role."""
        parameters = {"role": role, **actor.doing("invite")}
        link = await self._link("invitation", INVITATION_LIFE, parameters)
        if link is None:
            raise RuntimeError("the store made no invitation")
        return link

    async def make_reset_link(self, account_id: int, actor: Actor) -> NewLink:
        """A link to choose a password; UnknownAccountError for one that is disabled, or none."""
        parameters = {"account_id": account_id, **actor.doing("make reset link")}
        link = await self._link("reset", RESET_LIFE, parameters)
        if link is None:
            raise UnknownAccountError("There is no such account, or it is disabled.")
        return link

    async def change(
        self, account_id: int, actor: Actor, *, role: AccountRole | None, disabled: bool | None
    ) -> AccountRecord:
        """Give an account another role, disable or enable it; None: as it is. Its sessions end.

        LastAdminError if nobody who can administer would be left.
        """
        parameters = {
            "account_id": account_id,
            "role": role,
            "disabled": disabled,
            **actor.doing("change account"),
        }
        rows = await self._store.write(_ACCOUNTS["change_account"], parameters)
        if not rows:
            raise UnknownAccountError
        (row,) = rows
        if not row.changed:
            if role is not None and (row.role_before == "user") != (role == "user"):
                raise InvalidInputError(
                    "An end user does not become one of the team, nor the other way round: invite"
                    " the person instead."
                )
            raise LastAdminError
        await self._sessions.refresh_revocations()
        return _record(row)

    async def remove(self, account_id: int, actor: Actor) -> None:
        """Remove an account; harmless twice. LastAdminError if nobody could administer then."""
        parameters = {"account_id": account_id, **actor.doing("remove account")}
        rows = await self._store.write(_ACCOUNTS["remove_account"], parameters)
        if rows and not rows[0].removed:
            raise LastAdminError
        await self._sessions.refresh_revocations()

    async def link_user(self, account_id: int, user_id: UserId, actor: Actor) -> None:
        """Let an end user's account read and write as this user from now on; its sessions end.

        UnknownAccountError, UnknownUserError, or AccountLinkedError if it is another account's.
        """
        parameters = {
            "account_id": account_id,
            "user_id": user_id,
            **actor.doing("link account"),
        }
        try:
            (row,) = await self._store.write(_ACCOUNTS["link_account"], parameters)
        except IntegrityError:
            raise AccountLinkedError from None
        if row.account_id is None:
            raise UnknownAccountError("There is no such account of an end user.")
        if row.user_id is None:
            raise UnknownUserError(f"There is no user {user_id!r} yet.")
        await self._sessions.refresh_revocations()

    async def _link(
        self, purpose: Purpose, life: timedelta, parameters: Mapping[str, Any]
    ) -> NewLink | None:
        made = generate_token(LINK)
        stored = {**parameters, **link_parameters(made, life)}
        rows = await self._store.write(_ACCOUNTS[STORED_BY[purpose]], stored)
        return NewLink(made.token, purpose, rows[0].expires_at) if rows else None


def _record(row: Row[Any]) -> AccountRecord:
    return AccountRecord(
        row.account_id,
        row.name,
        row.role,
        row.user_id,
        row.created_at,
        row.has_password,
        row.password_changed_at,
        row.disabled_at,
    )
