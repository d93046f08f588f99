"""The advisory locks: all of them, with their numbers, what they guard, and for how long.

Two numbers name a lock, so that it is never taken for that of a writer of events. The functions in
`sql/schema/` name some too; a test compares them with these.

A lock of a session is lost where a connection pooler lends another session for every transaction:
whoever takes one has a connection to DATABASE_URL, never to POOLED_DATABASE_URL.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from domain.identifiers import RunId
from sql.statements import statements

_LOCKS = statements("locks")


@dataclass(frozen=True, slots=True)
class AdvisoryLock:
    """One lock, or one for each run."""

    class_no: int
    object_no: int | None
    """None: what is locked has a number of its own, as each run has."""
    held_by: Literal["session", "transaction"]
    guards: str

    def numbers(self, own_no: int | None = None) -> dict[str, int]:
        """The lock as statements take it; that of a run needs the number of the run."""
        object_no = own_no if self.object_no is None else self.object_no
        if object_no is None:
            raise ValueError("this lock is one for each run")
        return {"class_no": self.class_no, "object_no": object_no}


NIGHT = AdvisoryLock(31310, 1, "session", "the nightly run: one at a time")
TUNING = AdvisoryLock(31310, 2, "session", "the search for hyperparameters: one at a time")
PROMOTION = AdvisoryLock(31310, 3, "transaction", "which run is served, and which runs are kept")
FORGETTING = AdvisoryLock(
    31310, 4, "transaction", "users who are being forgotten, against clearing what was written"
)
MIGRATION = AdvisoryLock(31310, 5, "transaction", "the schema: one process migrates")
INDEX_REPAIR = AdvisoryLock(31310, 6, "session", "indexes that are built anew: one process does")
RATING_SCALES = AdvisoryLock(
    31310, 7, "transaction", "the scales of ratings: one at a time adds some"
)
UNDOING = AdvisoryLock(31310, 8, "transaction", "taking back loads: one at a time")
ITEM_BATCHES = AdvisoryLock(
    31310, 9, "transaction", "items that are added and replaced together: one batch at a time"
)
FILTERED_ATTRIBUTES = AdvisoryLock(
    31310, 10, "session", "the indexes of attributes that are filtered often: one process builds"
)
FRESHNESS = AdvisoryLock(31310, 11, "transaction", "a check of freshness: one process begins it")
CONTEXTS = AdvisoryLock(31310, 12, "transaction", "contexts: one at a time adds some")
DETACHED_LOAD = AdvisoryLock(31310, 13, "transaction", "a load into an empty log: one at a time")
POPULAR_LISTS = AdvisoryLock(31319, None, "transaction", "the popular lists of a run")
LOADS = AdvisoryLock(31322, None, "session", "a load that is running; each has its own")
UPLOADS = AdvisoryLock(31323, None, "session", "an upload that is loaded; each has its own")
IMPORTS = AdvisoryLock(31324, None, "session", "an import: one run of each name at a time")
ITEM_EMBEDDINGS = AdvisoryLock(31321, None, "transaction", "embedding the new items of a run")
RECENT_TRANSITIONS = AdvisoryLock(
    31325, None, "transaction", "what has followed what since the cut-off of a run"
)

EVENT_HORIZON = 31309
"""Writers of events share a lock each to the end of their transaction: this, in the upper 16 of 64
bits, and in the others the last position given out before (`hold_event_horizon`)."""

LOCKS = (
    NIGHT,
    TUNING,
    PROMOTION,
    FORGETTING,
    MIGRATION,
    INDEX_REPAIR,
    RATING_SCALES,
    UNDOING,
    ITEM_BATCHES,
    FILTERED_ATTRIBUTES,
    FRESHNESS,
    CONTEXTS,
    DETACHED_LOAD,
    POPULAR_LISTS,
    LOADS,
    UPLOADS,
    IMPORTS,
    ITEM_EMBEDDINGS,
    RECENT_TRANSITIONS,
)


@contextmanager
def session_lock(
    connection: Connection, lock: AdvisoryLock, own_no: int | None = None
) -> Iterator[bool]:
    """Whether nobody else has the lock; if so nobody gets it during the block.

    It belongs to the session, so it ends with the process however that dies. `connection` must be
    in autocommit: an open transaction of that length would keep dead rows from vacuum.
    """
    is_held = connection.execute(_LOCKS["try_session_lock"], lock.numbers(own_no)).scalar_one()
    try:
        yield is_held
    finally:
        if is_held:
            # A session that was lost has given the lock back already.
            with suppress(DBAPIError):
                connection.execute(_LOCKS["release_session_lock"], lock.numbers(own_no))


def try_lock(connection: Connection, lock: AdvisoryLock, run_id: RunId | None = None) -> bool:
    """Whether nobody else has the lock; if so nobody gets it until the transaction ends."""
    tried = connection.execute(_LOCKS["try_transaction_lock"], lock.numbers(run_id))
    return bool(tried.scalar_one())


def wait_for_lock(connection: Connection, lock: AdvisoryLock) -> None:
    """Wait until nobody else has the lock; nobody gets it until the transaction ends."""
    connection.execute(_LOCKS["wait_for_transaction_lock"], lock.numbers())
