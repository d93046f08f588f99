"""API keys from the command line: made, listed, revoked. Only hashes are stored."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from domain.errors import InvalidInputError
from serving.access.keys import (
    KeyRecord,
    KeyWanted,
    check_expiry,
    check_name,
    generate_key,
    name_taken,
    prefix_of,
)
from serving.access.random_tokens import KEY, has_token_form, hash_token
from serving.runtime.faults import UnknownKeyError
from sql.statements import statements
from stack.person import doing_by_command

DEFAULT_SCOPES = ("read", "write", "users")
"""Of the first key, and of any other unless more is asked for: never admin."""
FIRST_KEY_NAME = "first"
DIAGNOSE_KEY_NAME = "diagnose"
_DIAGNOSE_SCOPES = ("admin",)
_PLACEMENT_KEY_NAME = "placements"
_PLACEMENT_SCOPES = ("admin", "users")

_ACCESS = statements("access")


def create_key(
    connection: Connection,
    name: str,
    scopes: list[str],
    *,
    expires_at: datetime | None = None,
    per_minute: int | None = None,
) -> str:
    """A new key, which is shown this once.

    Raises KeyNameTakenError if a key of this name exists, even a revoked one; InvalidInputError for
    a name that no key can have, and for an expiry that has passed.
    """
    check_name(name)
    check_expiry(expires_at)
    made = generate_key()
    wanted = KeyWanted(name, scopes, per_minute, expires_at)
    parameters = {**wanted.parameters(made), **doing_by_command("create key")}
    try:
        connection.execute(_ACCESS["store_key"], parameters)
    except IntegrityError as error:
        raise name_taken(name) from error
    return made.key


def load_keys(connection: Connection) -> list[KeyRecord]:
    """All keys, oldest first."""
    return [KeyRecord(*row) for row in connection.execute(_ACCESS["list_keys"])]


def revoke_key(connection: Connection, named: str) -> tuple[KeyRecord, bool]:
    """End the key of this name, or whose prefix begins so; the key, and whether it was in force.

    UnknownKeyError if there is none, InvalidInputError if several keys begin so.
    """
    key = _meant(load_keys(connection), named)
    if key.revoked_at is not None:
        return key, False
    parameters = {"key_id": key.key_id, **doing_by_command("end key")}
    connection.execute(_ACCESS["revoke_key"], parameters)
    return key, True


def _meant(keys: Sequence[KeyRecord], named: str) -> KeyRecord:
    # Who pastes the whole key means it, and finds it in no message.
    named = prefix_of(named) if has_token_form(named, KEY) else named
    meant = [key for key in keys if key.name == named]
    # Where one is in force, those that were revoked before are not meant.
    begin_so = [key for key in keys if named.startswith(KEY) and key.prefix.startswith(named)]
    meant = meant or [key for key in begin_so if key.revoked_at is None] or begin_so
    if not meant:
        raise UnknownKeyError(f"No key has the name or the prefix {named!r}; see: tandem key list")
    if len(meant) > 1:
        names = ", ".join(f"{key.name} ({key.prefix})" for key in meant)
        raise InvalidInputError(f"Several keys begin with {named}: {names}. Give one by its name.")
    return meant[0]


def first_key(engine: Engine, file: Path) -> tuple[str, bool]:
    """The key for trying things out, and whether it was made just now.

    It lies in the file, mode 0600, and has the default scopes.
    """
    return _key_in_file(engine, file, FIRST_KEY_NAME, DEFAULT_SCOPES)


def diagnose_key(engine: Engine, file: Path) -> str:
    """The key with which `tandem diagnose` asks the API; it lies in the file, mode 0600."""
    key, _ = _key_in_file(engine, file, DIAGNOSE_KEY_NAME, _DIAGNOSE_SCOPES)
    return key


def placement_key(engine: Engine, file: Path) -> str:
    """The key with which `tandem placement preview` asks the API; it lies in the file."""
    key, _ = _key_in_file(engine, file, _PLACEMENT_KEY_NAME, _PLACEMENT_SCOPES)
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
    parameters = {"key_hash": hash_token(key), "scopes": list(scopes)}
    name = connection.execute(_ACCESS["find_key_name"], parameters).scalar_one_or_none()
    return None if name is None else key


def _free_name(connection: Connection, wanted: str) -> str:
    taken = {record.name for record in load_keys(connection)}
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
