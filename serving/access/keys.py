"""API keys: how one is made and what of it is stored."""

import hashlib
import re
import secrets
from dataclasses import dataclass

_BEGINNING = "tdm_"
_RANDOM_BYTES = 32
_PREFIX_CHARACTERS = len(_BEGINNING) + 8
"""48 of 256 random bits: enough to tell keys apart, and of no use to guess one."""
_FORM = re.compile(r"tdm_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made."""

    key: str
    """Shown once, and stored nowhere."""
    prefix: str
    """How it begins, which is stored to find it by."""
    key_hash: bytes


def generate_key() -> NewKey:
    """A new key of 256 random bits."""
    key = _BEGINNING + secrets.token_urlsafe(_RANDOM_BYTES)
    return NewKey(key, key[:_PREFIX_CHARACTERS], hash_key(key))


def hash_key(key: str) -> bytes:
    """What `api_keys.key_hash` holds: SHA-256. A key has 256 random bits, so no salt is needed."""
    return hashlib.sha256(key.encode()).digest()


def has_key_form(key: str) -> bool:
    """Whether a text can be a key at all."""
    return _FORM.fullmatch(key) is not None
