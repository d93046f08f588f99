"""Who may do what: API keys and their scopes."""

import time
from dataclasses import dataclass
from typing import Literal

from domain.errors import ForbiddenError, StoreUnavailableError, UnauthenticatedError
from serving.keys import has_key_form, hash_key
from serving.repositories.api_keys import ApiKey, ApiKeys

Scope = Literal["read", "write"]

_MOST = 1024


@dataclass(frozen=True, slots=True)
class _Known:
    key: ApiKey
    until: float


class Access:
    """Checks keys; a key once found counts for some seconds without asking again."""

    def __init__(self, api_keys: ApiKeys, *, seconds: float) -> None:
        self._api_keys = api_keys
        self._seconds = seconds
        self._known: dict[bytes, _Known] = {}

    async def check(self, key: str | None, scope: Scope) -> None:
        """Return if the key grants the scope; UnauthenticatedError or ForbiddenError if not."""
        if not key:
            raise UnauthenticatedError
        found = await self._find(hash_key(key)) if has_key_form(key) else None
        if found is None:
            raise UnauthenticatedError("The API key in the header X-API-Key is unknown or revoked.")
        if scope not in found.scopes:
            raise ForbiddenError(f"This needs an API key with the scope {scope}.")

    async def _find(self, key_hash: bytes) -> ApiKey | None:
        known = self._known.get(key_hash)
        if known is not None and time.monotonic() < known.until:
            return known.key
        try:
            found = await self._api_keys.find_key(key_hash)
        except StoreUnavailableError:
            # Nobody can revoke a key while the store is away: what was last known still holds.
            if known is None:
                raise
            return known.key
        self._remember(key_hash, found)
        return found

    def _remember(self, key_hash: bytes, found: ApiKey | None) -> None:
        self._known.pop(key_hash, None)
        if found is None:
            return
        if len(self._known) >= _MOST:
            self._known.pop(next(iter(self._known)))
        self._known[key_hash] = _Known(found, time.monotonic() + self._seconds)
