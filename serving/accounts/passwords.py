"""Passwords: which are taken, and how they are hashed (Argon2id, RFC 9106)."""

import asyncio
import base64
import secrets
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final, Self

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from domain.errors import InvalidInputError, OverloadedError

LEAST_CHARACTERS = 8
MOST_CHARACTERS = 1000
PARAMETERS: Parameters = RFC_9106_LOW_MEMORY
"""64 MiB and three passes; a hash made with others is made anew at the next sign-in."""

_AT_ONCE = 2
"""In one process: each takes 64 MiB and a core for a tenth of a second."""
_MOST_WAITING: Final = 20

_WORST_FILE = Path(__file__).with_name("worst_passwords.txt")
"""What is tried first everywhere. Attempts are counted, so a longer list would gain little."""


class WeakPasswordError(InvalidInputError):
    """Another password is needed."""


def normalized(text: str) -> str:
    """A password or a name as it is compared: the same however a keyboard composes it (NFKC)."""
    return unicodedata.normalize("NFKC", text)


def check_password(password: str, name: str) -> None:
    """WeakPasswordError unless this may be the password of an account of this name.

    Nothing but its length is asked of it (NIST SP 800-63B), and that it is not what is tried first.
    """
    text = normalized(password)
    if not len(text) >= LEAST_CHARACTERS or len(password) > MOST_CHARACTERS:
        raise WeakPasswordError(
            f"A password has {LEAST_CHARACTERS} to {MOST_CHARACTERS:,} characters."
        )
    folded = text.casefold()
    if folded in {normalized(name).casefold(), normalized(name.partition("@")[0]).casefold()}:
        raise WeakPasswordError("A password is not the name of the account.")
    if folded in _worst() or len(set(folded)) == 1:
        raise WeakPasswordError("This password is one of the first that are tried. Choose another.")


def hash_password(password: str) -> str:
    """What is stored of a password. It takes a tenth of a second, and 64 MiB."""
    return _hasher().hash(normalized(password))


def is_password(password: str, password_hash: str) -> bool:
    """Whether the hash is one of this password."""
    try:
        return _hasher().verify(password_hash, normalized(password))
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def has_old_parameters(password_hash: str) -> bool:
    """Whether a hash was made with other parameters than are used today."""
    return _hasher().check_needs_rehash(password_hash)


def nobodys_hash() -> str:
    """A hash that no password has: to look at it takes as long as to look at a real one."""
    used = PARAMETERS
    salt, hashed = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (used.salt_len, used.hash_len)
    )
    costs = f"m={used.memory_cost},t={used.time_cost},p={used.parallelism}"
    return f"$argon2id$v={used.version}${costs}${salt}${hashed}"


@cache
def _worst() -> frozenset[str]:
    return frozenset(_WORST_FILE.read_text(encoding="utf-8").split())


def _hasher() -> PasswordHasher:
    return PasswordHasher.from_parameters(PARAMETERS)


class PasswordThreads:
    """Hashes in threads, few at a time: whoever signs in must not take the memory of all others."""

    def __init__(self, *, at_once: int = _AT_ONCE, most_waiting: int = _MOST_WAITING) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most_waiting = most_waiting
        self._waiting = 0

    async def __aenter__(self) -> Self:
        """Take a turn; OverloadedError if too many wait for one."""
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise OverloadedError("Too many people are signing in just now. Try again shortly.")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._free.release()

    async def hash(self, password: str) -> str:
        """As `hash_password`; within a turn."""
        return await asyncio.to_thread(hash_password, password)

    async def is_password(self, password: str, password_hash: str | None) -> bool:
        """As `is_password`, within a turn. Without a hash it takes as long, and none is right."""
        compared = password_hash or nobodys_hash()
        return await asyncio.to_thread(is_password, password, compared) and bool(password_hash)
