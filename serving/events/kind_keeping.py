"""What events mean, as operators say it over HTTP; each act is in the audit log."""

import json
from contextlib import suppress
from dataclasses import asdict

from domain.errors import StoreUnavailableError
from domain.interactions import EventKind
from serving.access.acting import Actor
from serving.events.kinds import Kinds
from serving.postgres.store import WriteStore
from serving.runtime.budget import ask_without_blame
from serving.runtime.faults import KindInUseError, UnknownKindError
from sql.event_kinds import (
    KindChange,
    changed_kind,
    changed_meaning,
    differences,
    means_something_else,
)
from sql.statements import statements

_KINDS = statements("event_kinds")


class KindKeeping:
    """Finds, creates, changes and deletes kinds."""

    def __init__(self, store: WriteStore, kinds: Kinds) -> None:
        self._store = store
        self._kinds = kinds

    async def find(self, name: str) -> EventKind:
        """A kind; UnknownKindError if there is none of that name."""
        found = {kind.kind: kind for kind in await self._kinds.all()}
        if name not in found:
            raise UnknownKindError(f"There is no kind {name[:80]!r}.")
        return found[name]

    async def put(self, name: str, change: KindChange, actor: Actor) -> tuple[EventKind, bool]:
        """Create a kind or replace all that is said of it; whether it is new.

        KindRefusedError if it cannot be so, or if recorded events would say something else.
        """
        before = next((kind for kind in await self._kinds.all() if kind.kind == name), None)
        kind = changed_kind(name, None, change)
        reason = None if before is None else changed_meaning(before, kind)
        if before and reason and await self._is_used(before):
            raise means_something_else(name, reason)
        parameters = {
            "kind": name,
            "given": json.dumps(asdict(kind)),
            "differences": json.dumps(differences(before, kind)),
            **actor.doing("create kind" if before is None else "change kind"),
        }
        (row,) = await self._store.write(_KINDS["put_kind"], parameters)
        await self._kinds.refresh()
        return await self.find(name), row.is_new

    async def delete(self, name: str, actor: Actor) -> None:
        """Delete a kind of which no event was ever recorded.

        UnknownKindError if there is none, KindInUseError if the log has events of it.
        """
        # A log that has no event of the kind is read to its end.
        ask_without_blame()
        parameters = {"kind": name, **actor.doing("delete kind")}
        (row,) = await self._store.write(_KINDS["delete_kind"], parameters)
        if row.outcome == "used":
            raise KindInUseError
        # Else an event of it is refused by the store until this process has looked again.
        with suppress(StoreUnavailableError):
            await self._kinds.refresh()
        if row.outcome == "unknown":
            raise UnknownKindError(f"There is no kind {name[:80]!r}.")

    async def _is_used(self, kind: EventKind) -> bool:
        ask_without_blame()
        rows = await self._store.rows(_KINDS["kind_is_used"], {"kind_no": kind.kind_no})
        return bool(rows[0][0])
