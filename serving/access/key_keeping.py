"""Makes, lists, changes and revokes API keys for those who administer; each act is audited."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError

from serving.access.acting import Actor
from serving.access.keys import KeyRecord, KeyWanted, check_grant, generate_key, name_taken
from serving.access.known_keys import KnownKeys
from serving.postgres.store import WriteStore
from serving.runtime.faults import UnknownKeyError
from sql.statements import statements

_ACCESS = statements("access")


class KeyKeeping:
    """Keeps the keys."""

    def __init__(self, store: WriteStore, known_keys: KnownKeys) -> None:
        self._store = store
        self._known_keys = known_keys

    async def list(self) -> Sequence[KeyRecord]:
        """All keys, oldest first."""
        return [KeyRecord(*row) for row in await self._store.rows(_ACCESS["list_keys"])]

    async def create(
        self, wanted: KeyWanted, actor: Actor, *, grantable: frozenset[str]
    ) -> tuple[str, KeyRecord]:
        """A new key, which is shown this once, and what is known of it.

        ForbiddenError for a scope that is not `grantable`, KeyNameTakenError if a key of this name
        exists, even a revoked one.
        """
        check_grant(wanted.scopes, grantable)
        made = generate_key()
        parameters = {**wanted.parameters(made), **actor.doing("create key")}
        try:
            (row,) = await self._store.write(_ACCESS["store_key"], parameters)
        except IntegrityError as error:
            raise name_taken(wanted.name) from error
        return made.key, KeyRecord(*row)

    async def change(
        self,
        key_id: int,
        wanted: Mapping[str, Any],
        actor: Actor,
        *,
        grantable: frozenset[str],
    ) -> KeyRecord:
        """Another limit (`per_minute`) or expiry (`expires_at`), whichever is given.

        UnknownKeyError if there is no such key or it is revoked; ForbiddenError if it has a scope
        that is not `grantable`.
        """
        key = next((key for key in await self.list() if key.key_id == key_id), None)
        if key is not None:
            check_grant(key.scopes, grantable)
        parameters = {
            "key_id": key_id,
            "sets_limit": "per_minute" in wanted,
            "per_minute": wanted.get("per_minute"),
            "sets_expiry": "expires_at" in wanted,
            "expires_at": wanted.get("expires_at"),
            "grantable": sorted(grantable),
            **actor.doing("change key"),
        }
        rows = await self._store.write(_ACCESS["change_key"], parameters)
        if not rows:
            raise UnknownKeyError(f"There is no key {key_id}, or it is revoked.")
        self._known_keys.forget(key_id)
        return KeyRecord(*rows[0])

    async def revoke(self, key_id: int, actor: Actor) -> None:
        """End a key; harmless twice. UnknownKeyError if there is none."""
        parameters = {"key_id": key_id, **actor.doing("end key")}
        if not await self._store.write(_ACCESS["revoke_key"], parameters):
            raise UnknownKeyError(f"There is no key {key_id}.")
        self._known_keys.forget(key_id)
