"""Registration: open, by invitation, or off."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from domain.errors import ForbiddenError
from serving.access.callers import Account
from serving.accounts.links import Links
from serving.accounts.names import generate_user_id, name_key
from serving.accounts.passwords import PasswordThreads, check_password
from serving.accounts.settings import Registration
from serving.postgres.store import WriteStore
from serving.runtime.faults import LinkGoneError, NameTakenError
from sql.statements import statements

_ACCOUNTS = statements("accounts")

_OFF = "Registration is off here (TANDEM_REGISTRATION)."
_BY_INVITATION = "Registration is by invitation here (TANDEM_REGISTRATION)."


class Registrar:
    """Makes accounts of those who come by themselves or were invited.

    An invitation into the team counts whatever the setting says, which is about end users.
    """

    def __init__(
        self, store: WriteStore, links: Links, threads: PasswordThreads, registration: Registration
    ) -> None:
        self._store = store
        self._links = links
        self._threads = threads
        self._registration = registration

    def check_end_users_may(self) -> None:
        """ForbiddenError if no end user may register, not even one who is invited."""
        if self._registration == "off":
            raise ForbiddenError(_OFF)

    async def register(self, name: str, password: str) -> Account:
        """An account of an end user; ForbiddenError where an invitation is needed."""
        self.check_end_users_may()
        if self._registration != "open":
            raise ForbiddenError(_BY_INVITATION)
        return await self._made("register_openly", name, password, {})

    async def accept(
        self, invitation: str, name: str, password: str, *, request_id: str
    ) -> Account:
        """An account with the role of the invitation; LinkGoneError if it is not good any more."""
        found = await self._links.find(invitation, "invitation")
        if found.role == "user":
            self.check_end_users_may()
        more = {
            "link_hash": found.link_hash,
            "actor": f"account {name}" if found.role != "user" else "end user",
            "act": "accept invitation",
            "request_id": request_id,
        }
        return await self._made("register_invited", name, password, more)

    async def _made(
        self, statement: str, name: str, password: str, more: Mapping[str, Any]
    ) -> Account:
        """The errors of `check_password`; NameTakenError if there is an account of this name."""
        check_password(password, name)
        async with self._threads as threads:
            password_hash = await threads.hash(password)
        parameters = {
            "name": name,
            "name_key": name_key(name),
            "password_hash": password_hash,
            "user_id": generate_user_id(),
            **more,
        }
        try:
            rows = await self._store.write(_ACCOUNTS[statement], parameters)
        except IntegrityError:
            # Without its cause, which has the name.
            raise NameTakenError from None
        if not rows:
            raise LinkGoneError
        (row,) = rows
        return Account(row.account_id, name, row.role, row.user_id)
