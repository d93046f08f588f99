"""API keys: how one is made and what of it is stored."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.errors import ForbiddenError, InvalidInputError
from domain.identifiers import id_fault

_BEGINNING = "tdm_"
_RANDOM_BYTES = 32
_PREFIX_CHARACTERS = len(_BEGINNING) + 8
"""48 of 256 random bits: enough to tell keys apart, and of no use to guess one."""
LONGEST_NAME = 100
MOST_PER_MINUTE = 1_000_000
LONGEST_LIFE = timedelta(days=36_525)
_FORM = re.compile(r"tdm_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made."""

    key: str
    """Shown once, and stored nowhere."""
    prefix: str
    """How it begins, which is stored to find it by."""
    key_hash: bytes


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


def check_name(name: str) -> None:
    """InvalidInputError if no key can be called so."""
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidInputError(f"A key's name has 1 to {LONGEST_NAME} characters.")
    fault = id_fault(name)
    if fault is not None:
        raise InvalidInputError(f"No key can be called so: {fault.value}.")


def check_expiry(expires_at: datetime | None) -> None:
    """InvalidInputError if a key cannot end then. None: it never does."""
    now = datetime.now(UTC)
    if expires_at is not None and not now < expires_at < now + LONGEST_LIFE:
        raise InvalidInputError("A key expires in the future, and within a hundred years.")


def check_grant(scopes: Iterable[str], grantable: Iterable[str]) -> None:
    """ForbiddenError if whoever makes or changes a key of these scopes lacks one of them."""
    lacking = sorted(set(scopes) - set(grantable))
    if lacking:
        raise ForbiddenError(
            f"Your key has no scope {lacking[0]}, and none can give another what it lacks."
        )


def generate_key() -> NewKey:
    """A new key of 256 random bits."""
    key = _BEGINNING + secrets.token_urlsafe(_RANDOM_BYTES)
    return NewKey(key, prefix_of(key), hash_key(key))


def prefix_of(key: str) -> str:
    """What of a key may be shown and stored."""
    return key[:_PREFIX_CHARACTERS]


def hash_key(key: str) -> bytes:
    """What `api_keys.key_hash` holds: SHA-256. A key has 256 random bits, so no salt is needed."""
    return hashlib.sha256(key.encode()).digest()


def has_key_form(key: str) -> bool:
    """Whether a text can be a key at all."""
    return _FORM.fullmatch(key) is not None
