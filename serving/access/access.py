"""Finds out who asks."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.errors import UnauthenticatedError
from serving.access.callers import Caller, Required
from serving.access.known_keys import KnownKeys
from serving.access.tokens import Tokens

_KEY, _AUTHORIZATION = b"x-api-key", b"authorization"
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request was sent with."""

    key: str = ""
    authorization: str = ""

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> "Credentials":
        """Those of a request; of a header given twice the first counts."""
        key = authorization = b""
        for name, value in headers:
            if name == _KEY:
                key = key or value
            elif name == _AUTHORIZATION:
                authorization = authorization or value
        # Blanks around a header's value are no part of it (RFC 9110, 5.5).
        return cls(key.decode("latin-1").strip(" \t"), authorization.decode("latin-1").strip(" \t"))


class Access:
    """Finds out who asks, by a key or a token."""

    def __init__(self, keys: KnownKeys, tokens: Tokens) -> None:
        self._keys = keys
        self._tokens = tokens

    async def identify(self, sent: Credentials, required: Required) -> Caller:
        """Who asks, whatever they may do.

        UnauthenticatedError without valid credentials, or with two. The errors of
        `KnownKeys.find` where a key cannot be looked up.
        """
        if sent.key and sent.authorization:
            raise UnauthenticatedError(
                "Both an API key and a token were sent: send X-API-Key or Authorization, not both."
            )
        if sent.key:
            key = await self._keys.find(sent.key, to_read=required.scope == "read")
            if key is None:
                raise UnauthenticatedError(
                    "The API key in the header X-API-Key is unknown, revoked or expired."
                )
            return key
        if sent.authorization:
            return self._tokens.read(_bearer(sent.authorization))
        raise UnauthenticatedError


def _bearer(authorization: str) -> str:
    if authorization[: len(_BEARER)].lower() != _BEARER:
        raise UnauthenticatedError(
            "The header Authorization takes `Bearer TOKEN`. An API key goes into X-API-Key."
        )
    return authorization[len(_BEARER) :].strip(" ")
