"""API keys as they are stored: by hash."""

from dataclasses import dataclass

from serving.postgres.store import Store
from sql.statements import statements

_SERVING = statements("serving")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that is not revoked."""

    key_id: int
    scopes: frozenset[str]


class ApiKeys:
    """Finds keys."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load_keys(self) -> dict[bytes, ApiKey]:
        """All keys that are not revoked, by their hashes."""
        rows = await self._store.rows(_SERVING["load_keys"])
        return {row.key_hash: ApiKey(row.key_id, frozenset(row.scopes)) for row in rows}

    async def find_key(self, key_hash: bytes) -> ApiKey | None:
        """The key with this hash; None if there is none or it is revoked."""
        rows = await self._store.rows(_SERVING["find_key"], {"key_hash": key_hash})
        return ApiKey(rows[0].key_id, frozenset(rows[0].scopes)) if rows else None
