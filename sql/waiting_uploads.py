"""Whether uploads wait to be loaded, asked without SQLAlchemy: it would be most of a small worker.

The worker asks each second for as long as the stack runs, and has others do the work.
"""

from typing import Any

import psycopg

from sql.addresses import LOADING_WORKER, libpq_url
from sql.query_files import codes, path_of

KEPT_SECONDS = 86_400.0
"""So long after its end a file stays that may be loaded again with other options."""
_SPARE_SECONDS = 3_600.0
"""It is deleted so much later than it may be asked for."""
_CONNECTING: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    "application_name": LOADING_WORKER,
}
AWAY_ERRORS = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError, OSError)
"""As in `sql.engine`."""
_UPLOADS = codes(path_of("uploads"))
_HAS_UPLOAD = _UPLOADS["has_upload_to_claim"].encode()
_KEPT_FILES = _UPLOADS["list_kept_files"].replace(":kept_seconds", "%(kept_seconds)s").encode()


class WaitingUploads:
    """One connection, opened when it is needed and again when it was lost.

    One of `AWAY_ERRORS` is raised when PostgreSQL is away; the next question tries again.
    """

    def __init__(self, database_url: str) -> None:
        self._url = libpq_url(database_url)
        self._connection: psycopg.Connection[Any] | None = None

    def has_upload_to_claim(self) -> bool:
        """Whether there is work that nobody does."""
        return bool(self._rows(_HAS_UPLOAD)[0][0])

    def kept_files(self) -> frozenset[str]:
        """Names of the files that are still needed."""
        rows = self._rows(_KEPT_FILES, {"kept_seconds": KEPT_SECONDS + _SPARE_SECONDS})
        return frozenset(row[0] for row in rows)

    def _rows(
        self, query: bytes, parameters: dict[str, float] | None = None
    ) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, **_CONNECTING)
        try:
            return self._connection.execute(query, parameters).fetchall()
        except psycopg.Error:
            self._connection.close()
            self._connection = None
            raise
