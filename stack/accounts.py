"""Accounts from the command line: made, listed, disabled. Only hashes are stored."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from domain.errors import InvalidInputError
from domain.identifiers import LONGEST_ID, id_fault
from serving.access.callers import ROLES
from serving.access.random_tokens import LINK, generate_token
from serving.accounts.account_keeping import AccountRecord
from serving.accounts.links import RESET_LIFE, STORED_BY, NewLink, Purpose, link_parameters
from serving.accounts.names import name_key
from serving.accounts.passwords import check_password, hash_password
from serving.runtime.faults import LastAdminError, NameTakenError, UnknownAccountError
from sql.statements import statements
from stack.person import doing_by_command

FIRST_LINK_LIFE = timedelta(hours=1)
_UP = "tandem up"
_MOST = 1_000_000

_ACCOUNTS = statements("accounts")


def create_account(connection: Connection, name: str, role: str, password: str | None) -> int:
    """A new account of the team; its number. Without a password a link must follow.

    InvalidInputError for a name or a password that none can have, NameTakenError if the name is
    taken.
    """
    _check(name, role)
    if password is not None:
        check_password(password, name)
    parameters = {
        "name": name,
        "name_key": name_key(name),
        "role": role,
        "password_hash": None if password is None else hash_password(password),
        "user_id": None,
        **doing_by_command("create account"),
    }
    try:
        return int(connection.execute(_ACCOUNTS["store_account"], parameters).scalar_one())
    except IntegrityError as error:
        raise NameTakenError(f"There is an account named {name!r} already.") from error


def load_accounts(connection: Connection) -> list[AccountRecord]:
    """All accounts, oldest first."""
    parameters = {"after": 0, "most": _MOST}
    found = connection.execute(_ACCOUNTS["list_accounts"], parameters)
    return [AccountRecord(**row) for row in found.mappings()]


def disable_account(connection: Connection, name: str) -> None:
    """End all sessions of an account, and let nobody sign in to it.

    UnknownAccountError if there is none; LastAdminError if nobody could administer then.
    """
    parameters = {
        "account_id": find_account_id(connection, name),
        "role": None,
        "disabled": True,
        **doing_by_command("change account"),
    }
    if not connection.execute(_ACCOUNTS["change_account"], parameters).one().changed:
        raise LastAdminError


def make_reset_link(connection: Connection, account_id: int) -> NewLink:
    """A link by which the owner of an account chooses a password, within a day."""
    parameters = {"account_id": account_id, **doing_by_command("make reset link")}
    return _link(connection, "reset", RESET_LIFE, parameters)


def first_admin_link(connection: Connection) -> NewLink | None:
    """A link by which the first admin registers, within an hour; None: there is an admin.

    Those that were made before are withdrawn.
    """
    if connection.execute(_ACCOUNTS["has_admin"]).scalar_one():
        return None
    connection.execute(_ACCOUNTS["withdraw_invitations"], {"actor": _UP})
    parameters = {"role": "admin", "actor": _UP, "act": "invite", "request_id": None}
    return _link(connection, "invitation", FIRST_LINK_LIFE, parameters)


def find_account_id(connection: Connection, name: str) -> int:
    """The number of the account of this name; UnknownAccountError if there is none."""
    parameters = {"name_key": name_key(name)}
    found = connection.execute(_ACCOUNTS["find_account_by_name"], parameters).first()
    if found is None:
        raise UnknownAccountError(f"No account is named {name!r}; see: tandem account list")
    return int(found.account_id)


def _link(
    connection: Connection, purpose: Purpose, life: timedelta, parameters: Mapping[str, Any]
) -> NewLink:
    made = generate_token(LINK)
    stored = {**parameters, **link_parameters(made, life)}
    row = connection.execute(_ACCOUNTS[STORED_BY[purpose]], stored).first()
    if row is None:
        raise UnknownAccountError("The account is disabled.")
    return NewLink(made.token, purpose, row.expires_at)


def _check(name: str, role: str) -> None:
    fault = id_fault(name)
    if fault is not None:
        raise InvalidInputError(f"This cannot be the name of an account: {fault.value}.")
    if len(name) > LONGEST_ID:
        raise InvalidInputError(f"A name has up to {LONGEST_ID} characters.")
    if role not in ROLES:
        raise InvalidInputError(f"There is no role {role!r}; there are {', '.join(ROLES)}.")
