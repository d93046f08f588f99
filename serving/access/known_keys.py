"""The API keys in force, kept in memory and read again and again."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from cachetools import TTLCache
from sqlalchemy import Row

from domain.errors import OverloadedError, StoreUnavailableError
from serving.access.callers import ApiKey
from serving.access.random_tokens import KEY, has_token_form, hash_token
from serving.fallback.fallback_catalogue import FallbackCopies
from serving.limits.token_bucket import RateLimit, TokenBucket
from serving.postgres.store import WriteStore
from sql.statements import statements

_ACCESS = statements("access")
_MOST_UNKNOWN = 10_000
_UNKNOWN_SECONDS = 5.0
_USUAL = RateLimit("lookups", per_minute=50 * 60, burst=50)
_OF_GUESSERS = RateLimit("guesses", per_minute=5 * 60, burst=5)
_READER = ApiKey(0, "reader", frozenset({"read"}))
"""A key of which only this is known: it could read when a process last looked."""


class ApiKeys:
    """Finds keys, and notes when they were used."""

    def __init__(self, store: WriteStore) -> None:
        self._store = store

    async def load_keys(self) -> dict[bytes, ApiKey]:
        """All keys in force, by their hashes."""
        rows = await self._store.rows(_ACCESS["load_keys_in_force"])
        return {row.key_hash: _key(row) for row in rows}

    async def find_key(self, key_hash: bytes) -> ApiKey | None:
        """The key with this hash; None if there is none in force."""
        rows = await self._store.rows(_ACCESS["find_key"], {"key_hash": key_hash})
        return _key(rows[0]) if rows else None

    async def note_use(self, uses: Mapping[int, datetime]) -> None:
        """When keys were used last."""
        parameters = {"key_ids": list(uses), "ats": list(uses.values())}
        await self._store.write(_ACCESS["note_use_of_keys"], parameters)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(row.key_id, row.name, frozenset(row.scopes), row.per_minute, row.expires_at)


class Lookups:
    """How many secrets that nobody knows may be looked up, and which were found to be nobody's.

    Those from addresses that are guessing have an allowance of their own, so that a guesser uses up
    only what guessers have; and a small one, for a key or a session that is new may be among them.
    """

    def __init__(self) -> None:
        now = time.monotonic()
        self._buckets = {each: TokenBucket(each.burst, now) for each in (_USUAL, _OF_GUESSERS)}
        self._nobodys: TTLCache[bytes, None] = TTLCache(_MOST_UNKNOWN, _UNKNOWN_SECONDS)

    def take(self, *, is_guessing: bool) -> bool:
        """Whether one more may be looked up now."""
        limit = _OF_GUESSERS if is_guessing else _USUAL
        return self._buckets[limit].take(limit, 1, time.monotonic()) == 1

    def is_nobodys(self, secret_hash: bytes) -> bool:
        """Whether it was looked up just now, and nobody has it."""
        return secret_hash in self._nobodys

    def note_nobodys(self, secret_hash: bytes) -> None:
        """Nobody can have a secret before it is made, so one that is unknown stays unknown."""
        self._nobodys[secret_hash] = None


class KnownKeys:
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
        self._lookups = Lookups()
        self._used: set[int] = set()

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
        await self._copies.store_readers(
            # Whoever finds them there cannot tell when one expires.
            key_hash
            for key_hash, key in keys.items()
            if "read" in key.scopes and key.expires_at is None
        )

    async def find(
        self, key: str, *, to_read: bool, is_guessing: Callable[[], bool]
    ) -> ApiKey | None:
        """The key if it is in force. `to_read`: nothing else is wanted of it.

        `is_guessing`: asked of a key that is not known: whether it comes from who guesses.
        StoreUnavailableError for a key that is not known while the store is away: it may be good.
        OverloadedError for one that is not known while too many are looked up.
        """
        key_hash = hash_token(key)
        if to_read and key_hash in self._readers:
            return _READER
        found = await self._find(key_hash, is_guessing) if has_token_form(key, KEY) else None
        if found is None or _has_expired(found):
            return None
        self._used.add(found.key_id)
        return found

    def find_known(self, key: str) -> ApiKey | None:
        """The key if it is known here to be in force; None: `find` must tell."""
        found = self._at_hand(hash_token(key))
        if found is None or _has_expired(found):
            return None
        self._used.add(found.key_id)
        return found

    async def holds(self, key: str) -> bool:
        """Whether a key is in force as the store has it; StoreUnavailableError if it is away."""
        return await self._api_keys.find_key(hash_token(key)) is not None

    def forget(self, key_id: int) -> None:
        """Look a key up again when it comes next: it was changed or revoked just now."""
        self._keys = {sent: key for sent, key in self._keys.items() if key.key_id != key_id}

    async def write_use(self) -> None:
        """Note in the store which keys were used since the last time."""
        used, self._used = self._used, set()
        if not used:
            return
        now = datetime.now(UTC)
        try:
            await self._api_keys.note_use(dict.fromkeys(sorted(used), now))
        except StoreUnavailableError:
            self._used |= used
            raise

    async def _find(self, key_hash: bytes, is_guessing: Callable[[], bool]) -> ApiKey | None:
        at_hand = self._at_hand(key_hash)
        if at_hand is not None:
            return at_hand
        known = self._keys.get(key_hash)
        if self._lookups.is_nobodys(key_hash):
            return None
        try:
            return await self._look_up(key_hash, is_guessing=known is None and is_guessing())
        except (StoreUnavailableError, OverloadedError):
            if known is None:
                raise
            return known

    def _at_hand(self, key_hash: bytes) -> ApiKey | None:
        """The key as it was read, if that still counts."""
        known = self._keys.get(key_hash)
        is_good = self._away or time.monotonic() < self._good_until
        return known if is_good else None

    async def _look_up(self, key_hash: bytes, *, is_guessing: bool) -> ApiKey | None:
        """Ask for one key: a new one works at once."""
        if not self._lookups.take(is_guessing=is_guessing):
            raise OverloadedError(
                "Too many unknown API keys are being tried. If yours is new, try again shortly."
            )
        found = await self._api_keys.find_key(key_hash)
        if found is None:
            self._keys.pop(key_hash, None)
            self._lookups.note_nobodys(key_hash)
        else:
            self._keys[key_hash] = found
        return found


def _has_expired(key: ApiKey) -> bool:
    return key.expires_at is not None and key.expires_at <= datetime.now(UTC)
