"""Random secrets: API keys, and what people hold. Shown once, and known by their hashes."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final, Literal

_RANDOM_BYTES = 32
_FORM = re.compile(r"td[mslr]_[A-Za-z0-9_-]{43}")

Beginning = Literal["tdm_", "tds_", "tdr_", "tdl_"]
"""How a token begins, so that whoever finds one knows what it is."""

KEY: Final = "tdm_"
SESSION: Final = "tds_"
REFRESH: Final = "tdr_"
LINK: Final = "tdl_"


@dataclass(frozen=True, slots=True)
class RandomToken:
    """A token that was just made."""

    token: str
    """Stored nowhere."""
    token_hash: bytes


def generate_token(beginning: Beginning) -> RandomToken:
    """A new token of 256 random bits."""
    token = beginning + secrets.token_urlsafe(_RANDOM_BYTES)
    return RandomToken(token, hash_token(token))


def hash_token(token: str) -> bytes:
    """What is stored of a token: SHA-256. It has 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode()).digest()


def has_token_form(token: str, beginning: Beginning) -> bool:
    """Whether a text can be such a token at all."""
    return token.startswith(beginning) and _FORM.fullmatch(token) is not None


def csrf_token(secret: str) -> str:
    """What a page must send in X-CSRF-Token beside the cookie with this secret.

    Another site makes a browser send the cookie, and cannot read this.
    """
    return hmac.digest(secret.encode(), b"csrf", "sha256").hex()


def is_csrf_token(given: str, secret: str) -> bool:
    """Whether a text is the one of this secret."""
    return hmac.compare_digest(given.encode(), csrf_token(secret).encode())
