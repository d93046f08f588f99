"""API keys from the command line: made, listed, revoked. Only hashes are stored."""

import getpass
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from domain.errors import InvalidInputError
from serving.access.keys import generate_key, hash_key
from sql.statements import statements

DEFAULT_SCOPES = ("read", "write", "users")
"""Of the first key, and of any other unless more is asked for: never admin."""
FIRST_KEY_NAME = "first"
DIAGNOSE_KEY_NAME = "diagnose"
_DIAGNOSE_SCOPES = ("admin",)

_ACCESS = statements("access")


class KeyNameTakenError(InvalidInputError):
    """A key of this name exists already."""


class UnknownKeyError(InvalidInputError):
    """No key in force has this name."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known about a key; the key itself is not."""

    key_id: int
    name: str
    prefix: str
    """How the key begins."""
    scopes: list[str]
    per_minute: int | None
    """Requests a minute; None: as the settings say."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def create_key(
    connection: Connection,
    name: str,
    scopes: list[str],
    *,
    expires_at: datetime | None = None,
    per_minute: int | None = None,
) -> str:
    """A new key, which is shown this once.

    Raises KeyNameTakenError if a key of this name exists, even a revoked one.
    """
    made = generate_key()
    parameters = {
        "name": name,
        "prefix": made.prefix,
        "key_hash": made.key_hash,
        "scopes": scopes,
        "expires_at": expires_at,
        "per_minute": per_minute,
        **_by_command("create key"),
    }
    try:
        connection.execute(_ACCESS["store_key"], parameters)
    except IntegrityError as error:
        taken = f"There is a key named {name!r} already; choose another name."
        raise KeyNameTakenError(taken) from error
    return made.key


def load_keys(connection: Connection) -> list[KeyRecord]:
    """All keys, oldest first."""
    return [KeyRecord(*row) for row in connection.execute(_ACCESS["list_keys"])]


def revoke_key(connection: Connection, named: str) -> list[str]:
    """End the keys of this name or prefix; answer their names.

    UnknownKeyError if none is in force.
    """
    parameters = {"named": named, "key_id": None, **_by_command("revoke key")}
    ended = connection.execute(_ACCESS["revoke_key"], parameters).all()
    if not ended:
        raise UnknownKeyError(f"No key in force is named {named!r}; see: tandem key list")
    return [row.name for row in ended]


def _by_command(act: str) -> dict[str, Any]:
    """What the audit log tells of an act on the command line."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # In a container an account need not have a name.
        user = f"user {os.getuid()}"
    return {"actor": f"command line, {user}", "act": act, "request_id": None}


def first_key(engine: Engine, file: Path) -> tuple[str, bool]:
    """The key for trying things out, and whether it was made just now.

    It lies in the file, mode 0600, and has the default scopes.
    """
    return _key_in_file(engine, file, FIRST_KEY_NAME, DEFAULT_SCOPES)


def diagnose_key(engine: Engine, file: Path) -> str:
    """The key with which `tandem diagnose` asks the API; it lies in the file, mode 0600."""
    key, _ = _key_in_file(engine, file, DIAGNOSE_KEY_NAME, _DIAGNOSE_SCOPES)
    return key


def _key_in_file(engine: Engine, file: Path, name: str, scopes: Sequence[str]) -> tuple[str, bool]:
    """The key in the file, and whether it was made just now.

    If it is missing there, no longer in force or lacks a scope, another is made.
    """
    with engine.begin() as connection:
        key = _stored_key(connection, file, scopes)
        if key is not None:
            return key, False
        key = create_key(connection, _free_name(connection, name), list(scopes))
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as target:
            target.write(key)
        return key, True


def _stored_key(connection: Connection, file: Path, scopes: Sequence[str]) -> str | None:
    try:
        key = file.read_text().strip()
    except FileNotFoundError:
        return None
    parameters = {"key_hash": hash_key(key), "scopes": list(scopes)}
    name = connection.execute(_ACCESS["find_key_name"], parameters).scalar_one_or_none()
    return None if name is None else key


def _free_name(connection: Connection, wanted: str) -> str:
    taken = {record.name for record in load_keys(connection)}
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
