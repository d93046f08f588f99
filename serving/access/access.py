"""Who may do what: API keys and their scopes."""

import time
from dataclasses import dataclass
from typing import Literal

from cachetools import TTLCache

from domain.errors import (
    ForbiddenError,
    OverloadedError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from serving.access.keys import has_key_form, hash_key
from serving.fallback.fallback_catalogue import FallbackCopies
from serving.postgres.store import ReadStore
from sql.statements import statements

_SERVING = statements("serving")
_LOOKUPS_A_SECOND = 50.0
_MOST_UNKNOWN = 10_000
_UNKNOWN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that is not revoked."""

    key_id: int
    scopes: frozenset[str]


class ApiKeys:
    """Finds keys."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def load_keys(self) -> dict[bytes, ApiKey]:
        """All keys that are not revoked, by their hashes."""
        rows = await self._store.rows(_SERVING["load_keys"])
        return {row.key_hash: ApiKey(row.key_id, frozenset(row.scopes)) for row in rows}

    async def find_key(self, key_hash: bytes) -> ApiKey | None:
        """The key with this hash; None if there is none or it is revoked."""
        rows = await self._store.rows(_SERVING["find_key"], {"key_hash": key_hash})
        return ApiKey(rows[0].key_id, frozenset(rows[0].scopes)) if rows else None


class Allowance:
    """Lets `per_second` acts a second pass, and as many at once after a quiet second."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left = per_second
        self._counted_at = time.monotonic()

    def take(self) -> bool:
        """Whether one more act is allowed now."""
        now = time.monotonic()
        refilled = self._left + (now - self._counted_at) * self._per_second
        self._left, self._counted_at = min(refilled, self._per_second), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


Scope = Literal["read", "write", "users", "admin"]


class Access:
    """Checks keys against all that are in force, which are read again and again.

    Nobody can revoke a key while the store is away: what was last known holds until it is back.
    """

    def __init__(self, api_keys: ApiKeys, copies: FallbackCopies, *, seconds: float) -> None:
        self._api_keys = api_keys
        self._copies = copies
        self._seconds = seconds
        self._keys: dict[bytes, ApiKey] = {}
        self._good_until = 0.0
        self._loaded = False
        self._away = False
        self._readers: frozenset[bytes] = frozenset()
        self._unknown: TTLCache[bytes, None] = TTLCache(_MOST_UNKNOWN, _UNKNOWN_SECONDS)
        self._lookups = Allowance(_LOOKUPS_A_SECOND)

    @property
    def loaded(self) -> bool:
        """Whether the keys in force have been read."""
        return self._loaded

    async def refresh(self) -> None:
        """Read all keys; to be done several times within `seconds`."""
        asked_at = time.monotonic()
        try:
            keys = await self._api_keys.load_keys()
        except StoreUnavailableError:
            self._away = True
            if not self._loaded:
                self._readers = await self._copies.find_readers()
            raise
        self._keys, self._good_until = keys, asked_at + self._seconds
        self._loaded, self._away, self._readers = True, False, frozenset()
        await self._copies.store_readers(no for no, key in keys.items() if "read" in key.scopes)

    async def check(self, key: str | None, scope: Scope) -> None:
        """Return if the key grants the scope; UnauthenticatedError or ForbiddenError if not.

        StoreUnavailableError for a key that is not known while the store is away: it may be good.
        OverloadedError for one that is not known while too many are looked up.
        """
        # Blanks around a header's value are no part of it (RFC 9110, 5.5).
        key = (key or "").strip(" \t")
        if not key:
            raise UnauthenticatedError
        key_hash = hash_key(key)
        if scope == "read" and key_hash in self._readers:
            return
        found = await self._find(key_hash) if has_key_form(key) else None
        if found is None:
            raise UnauthenticatedError("The API key in the header X-API-Key is unknown or revoked.")
        if scope not in found.scopes:
            raise ForbiddenError(f"This needs an API key with the scope {scope}.")

    async def grants(self, key: str | None, scope: Scope) -> bool:
        """Whether a key that was checked for something else grants this scope as well.

        No while the store is away and nobody knows.
        """
        try:
            await self.check(key, scope)
        except (ForbiddenError, UnauthenticatedError, StoreUnavailableError, OverloadedError):
            return False
        return True

    async def _find(self, key_hash: bytes) -> ApiKey | None:
        known, now = self._keys.get(key_hash), time.monotonic()
        if known is not None and (self._away or now < self._good_until):
            return known
        if key_hash in self._unknown:
            return None
        try:
            return await self._look_up(key_hash)
        except (StoreUnavailableError, OverloadedError):
            if known is None:
                raise
            return known

    async def _look_up(self, key_hash: bytes) -> ApiKey | None:
        """Ask for one key: a new one works at once."""
        if not self._lookups.take():
            raise OverloadedError(
                "Too many unknown API keys are being tried. If yours is new, try again shortly."
            )
        found = await self._api_keys.find_key(key_hash)
        if found is None:
            self._keys.pop(key_hash, None)
            # Nobody can have a key before it is made, so one that is unknown stays unknown.
            self._unknown[key_hash] = None
        else:
            self._keys[key_hash] = found
        return found
