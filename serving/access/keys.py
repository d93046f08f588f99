"""API keys: how one is made and what of it is stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.errors import ForbiddenError, InvalidInputError
from domain.identifiers import id_fault
from serving.access.random_tokens import KEY, generate_token
from serving.runtime.faults import KeyNameTakenError

_PREFIX_CHARACTERS = len(KEY) + 8
"""48 of 256 random bits: enough to tell keys apart, and of no use to guess one."""
LONGEST_NAME = 100
MOST_PER_MINUTE = 1_000_000
LONGEST_LIFE = timedelta(days=36_525)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made."""

    key: str
    """Shown once, and stored nowhere."""
    prefix: str
    """How it begins, which is stored to find it by."""
    key_hash: bytes


@dataclass(frozen=True, slots=True)
class KeyWanted:
    """What a new key is to be like."""

    name: str
    scopes: Sequence[str]
    per_minute: int | None
    """Requests a minute; None: as the settings say."""
    expires_at: datetime | None

    def parameters(self, made: NewKey) -> dict[str, Any]:
        """Of the statement that stores it, but for who acts."""
        return {
            "name": self.name,
            "prefix": made.prefix,
            "key_hash": made.key_hash,
            "scopes": list(self.scopes),
            "per_minute": self.per_minute,
            "expires_at": self.expires_at,
        }


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
    made = generate_token(KEY)
    return NewKey(made.token, prefix_of(made.token), made.token_hash)


def prefix_of(key: str) -> str:
    """What of a key may be shown and stored."""
    return key[:_PREFIX_CHARACTERS]


def name_taken(name: str) -> KeyNameTakenError:
    """What is raised for a name that a key has, or had."""
    return KeyNameTakenError(f"There is a key named {name!r} already; choose another name.")
