"""API keys from the command line: made, listed, revoked. Only hashes are stored."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from domain.errors import InvalidInputError
from serving.access.keys import generate_key, hash_key
from sql.statements import statements

SCOPES = ("read", "write", "users", "admin")
DEFAULT_SCOPES = ("read", "write", "users")
"""Of the first key, and of any other unless more is asked for: never admin."""
FIRST_KEY_NAME = "first"
DIAGNOSE_KEY_NAME = "diagnose"
_DIAGNOSE_SCOPES = ("admin",)

_STACK = statements("stack")


class KeyNameTakenError(InvalidInputError):
    """A key of this name exists already."""


class UnknownKeyError(InvalidInputError):
    """No key in force has this name."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known about a key; the key itself is not."""

    name: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None


def create_key(connection: Connection, name: str, scopes: list[str]) -> str:
    """A new key, which is shown this once.

    Raises KeyNameTakenError if a key of this name exists, even a revoked one.
    """
    key, key_hash = generate_key()
    parameters = {"name": name, "key_hash": key_hash, "scopes": scopes}
    try:
        connection.execute(_STACK["store_key"], parameters)
    except IntegrityError as error:
        taken = f"There is a key named {name!r} already; choose another name."
        raise KeyNameTakenError(taken) from error
    return key


def load_keys(connection: Connection) -> list[KeyRecord]:
    """All keys, oldest first."""
    return [KeyRecord(*row) for row in connection.execute(_STACK["load_keys"])]


def revoke_key(connection: Connection, name: str) -> None:
    """End a key; UnknownKeyError if none in force has the name."""
    if connection.execute(_STACK["revoke_key"], {"name": name}).one_or_none() is None:
        raise UnknownKeyError(f"No key in force is named {name!r}; see: tandem key list")


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
    name = connection.execute(_STACK["find_key_name"], parameters).scalar_one_or_none()
    return None if name is None else key


def _free_name(connection: Connection, wanted: str) -> str:
    taken = {record.name for record in load_keys(connection)}
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
