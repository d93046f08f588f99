"""Passwords that lie in files, as container platforms hand them over, put into addresses."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import BeforeValidator, SecretStr

PasswordFile = Annotated[Path | None, BeforeValidator(lambda given: given or None)]
"""A file that holds a password and perhaps a line end; empty is none."""

# Rather too much than too little: a password may hold an @ that should have been %40.
_PASSWORD = re.compile(r"(://[^:/@]*:).*@")


def with_password(address: SecretStr, password_file: Path | None) -> SecretStr:
    """The address with the password in the file, whatever characters that has.

    Raises ValueError if the address has a password already, or the file cannot be read.
    """
    if password_file is None:
        return address
    scheme, _, rest = address.get_secret_value().partition("://")
    authority, tail = _split(rest)
    user, at, host = authority.rpartition("@")
    if ":" in user:
        raise ValueError(f"the address has a password, and {password_file} is another: keep one")
    # libpq, unlike SQLAlchemy, does not read `+` as a space: nothing but per cent signs.
    password = quote(_read(password_file), safe="")
    return SecretStr(f"{scheme}://{user}:{password}@{host if at else authority}{tail}")


def masked(address: str) -> str:
    """The address as it may be shown: without its password, if it has one."""
    return _PASSWORD.sub(r"\1***@", address)


def _split(rest: str) -> tuple[str, str]:
    """User and host, and what follows from the first slash or question mark on."""
    ends = [index for mark in "/?" if (index := rest.find(mark)) >= 0]
    end = min(ends, default=len(rest))
    return rest[:end], rest[end:]


def _read(password_file: Path) -> str:
    try:
        password = password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{password_file} cannot be read: {error.strerror}") from error
    if not password:
        raise ValueError(f"{password_file} is empty")
    return password
