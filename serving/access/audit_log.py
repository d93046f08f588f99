"""Reads the audit log."""

from collections.abc import Sequence
from functools import partial

from serving.postgres.store import ReadStore
from sql.audit import AuditEntry, list_audit


class AuditLog:
    """Who administered what."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def list(self, *, before: int | None, most: int) -> Sequence[AuditEntry]:
        """The newest entries before the one of this number (None: of all), newest first."""
        return await self._store.read(partial(list_audit, most=most, before=before))
