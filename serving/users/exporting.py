"""All that is stored of one user, line by line."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Row

from domain.errors import UnknownUserError
from domain.identifiers import UserId
from serving.postgres.store import ReadStore
from serving.runtime.budget import Budget, spending
from sql.statements import statements

_EXPORT = statements("user_export")
_PAGES = ("export_events", "export_deletions", "export_impressions", "export_experiments")
_AT_ONCE = 1_000
DERIVED = ("batch_recommendations", "user_embeddings", "history_changes", "account_addresses")
"""Tables that say something of a user and are not exported: what is computed of the rest, and
hashes."""


class UserExporter:
    """Reads it in pages, so that whatever a user has done takes no memory."""

    def __init__(self, store: ReadStore, *, page_seconds: float) -> None:
        self._store = store
        self._page_seconds = page_seconds

    async def find(self, user_id: UserId) -> AsyncIterator[bytes]:
        """The lines, in pieces; UnknownUserError if nobody has that name.

        The last one counts the others: without it the export is not complete.
        """
        rows = await self._read("export_profile", {"user_id": user_id})
        if not rows:
            raise UnknownUserError(f"There is no user {user_id!r}.")
        return self._lines(rows)

    async def _lines(self, profile: Sequence[Row[Any]]) -> AsyncIterator[bytes]:
        yield _joined(profile)
        records = len(profile)
        for name in _PAGES:
            parameters = {"user_no": profile[0].user_no, "after": 0, "most": _AT_ONCE}
            while rows := await self._read(name, parameters):
                yield _joined(rows)
                records += len(rows)
                parameters["after"] = rows[-1].key
        end = {"record": "end", "records": records, "not_exported": DERIVED}
        yield orjson.dumps(end, option=orjson.OPT_APPEND_NEWLINE)

    async def _read(self, name: str, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        # Each page has a time of its own: how many there are says nothing of how well the store is.
        budget = Budget.of("background", self._page_seconds, counts_as_failure=False)
        with spending(budget):
            return await self._store.rows(_EXPORT[name], parameters)


def _joined(rows: Sequence[Row[Any]]) -> bytes:
    return "".join(f"{row.line}\n" for row in rows).encode()
