"""Uploads as the worker that loads them sees them: claimed, followed, ended."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sql.locks import UPLOADS
from sql.statements import statements

_UPLOADS = statements("uploads")
_LOCKS = statements("locks")

EndState = Literal["complete", "failed", "undone"]


@dataclass(frozen=True, slots=True)
class ClaimedUpload:
    """An upload that nobody else works on."""

    upload_id: int
    filename: str
    """As its owner knows it."""
    source: str
    """The source of its loads."""
    file: str
    """Its name in the folder of uploads."""
    options: Mapping[str, Any]
    is_preview: bool
    state: Literal["running", "undoing"]
    uploaded_by: str
    attempts: int
    """How often it was claimed since it was queued, this time included."""


@contextmanager
def claimed_upload(connection: Connection) -> Iterator[ClaimedUpload | None]:
    """The oldest upload that nobody works on, for the block; None if there is none.

    The claim belongs to the session, so it ends with the process however that dies. `connection`
    must be in autocommit.
    """
    row = connection.execute(_UPLOADS["claim_upload"]).one_or_none()
    if row is None:
        yield None
        return
    claimed = ClaimedUpload(*row)
    try:
        yield claimed
    finally:
        lock = {"class_no": UPLOADS.class_no, "object_no": claimed.upload_id}
        # A session that was lost has given the lock back already.
        with suppress(DBAPIError):
            connection.execute(_LOCKS["release_session_lock"], lock)


def note_progress(connection: Connection, upload_id: int, progress: Mapping[str, Any]) -> bool:
    """Write down how far loading is; False: the upload is to be taken back instead."""
    noted = {"upload_id": upload_id, "progress": json.dumps(progress)}
    return connection.execute(_UPLOADS["note_upload_progress"], noted).first() is not None


def end_upload(
    connection: Connection, upload: ClaimedUpload, state: EndState, result: Mapping[str, Any]
) -> bool:
    """Write down what became of it; False: its state was changed meanwhile, and counts."""
    ended = {
        "upload_id": upload.upload_id,
        "from_state": upload.state,
        "state": state,
        "result": json.dumps(_storable(result), default=str),
    }
    return connection.execute(_UPLOADS["end_upload"], ended).first() is not None


def load_numbers(connection: Connection, upload: ClaimedUpload) -> list[int]:
    """The loads of an upload that were not taken back, the newest first."""
    found = connection.execute(_UPLOADS["load_numbers_of_upload"], {"source": upload.source})
    return list(found.scalars())


def is_loading(connection: Connection, upload: ClaimedUpload) -> bool:
    """Whether a load of it still runs: PostgreSQL takes a while to see that its client is gone."""
    return bool(connection.execute(_UPLOADS["is_loading"], {"source": upload.source}).scalar_one())


def _storable(value: Any) -> Any:
    """What JSONB can keep: no U+0000 and no lone surrogates, which a damaged file may have."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, Mapping):
        return {_storable(str(key)): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value
