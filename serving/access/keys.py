"""API keys: how one is made and what of it is stored."""

import hashlib
import re
import secrets

_PREFIX = "tdm_"
_RANDOM_BYTES = 32
_FORM = re.compile(r"tdm_[A-Za-z0-9_-]{43}")


def generate_key() -> tuple[str, bytes]:
    """A new key and its hash. The key is shown once; only the hash is stored."""
    key = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    return key, hash_key(key)


def hash_key(key: str) -> bytes:
    """What `api_keys.key_hash` holds: SHA-256. A key has 256 random bits, so no salt is needed."""
    return hashlib.sha256(key.encode()).digest()


def has_key_form(key: str) -> bool:
    """Whether a text can be a key at all."""
    return _FORM.fullmatch(key) is not None
