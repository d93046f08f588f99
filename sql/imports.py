"""What imports have brought so far: where the next run of each goes on."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from domain.errors import ImportInProgressError
from sql.locks import IMPORTS, session_lock
from sql.statements import statements

_IMPORTS = statements("imports")


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file as it was when it was read."""

    file: str
    """Its name within the folder."""
    size_bytes: int
    modified_ns: int
    sha256: str
    skipped: str | None
    """Why nothing was read from it; None: it was loaded."""
    imported_at: datetime | None = None
    """None: not yet."""


@dataclass(frozen=True, slots=True)
class LastImport:
    """The run of an import from which it goes on."""

    source: str
    options: Mapping[str, Any]
    """What was asked for."""
    readings: Mapping[str, Any]
    """How columns were read."""
    create_items: bool | None
    high_water_mark: Mapping[str, Any] | None
    """None: the whole source is read each time, or it is a folder."""
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class NewImport:
    """What is to be kept of a run."""

    name: str
    load_no: int
    source: str
    options: Mapping[str, Any]
    readings: Mapping[str, Any]
    create_items: bool | None
    high_water_mark: Mapping[str, Any] | None
    files: Sequence[ImportedFile] = ()


class ImportHistory:
    """The runs of all imports, each read and written in a transaction of its own."""

    def __init__(self, begin: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._begin = begin

    def find_last(self, name: str) -> LastImport | None:
        """Where an import goes on; None: it begins."""
        with self._begin() as connection:
            row = connection.execute(_IMPORTS["find_last_import"], {"name": name}).one_or_none()
        return None if row is None else LastImport(*row)

    def load_files(self, name: str) -> dict[str, ImportedFile]:
        """The files that an import has read, by their names."""
        with self._begin() as connection:
            rows = connection.execute(_IMPORTS["load_imported_files"], {"name": name}).all()
        return {row.file: ImportedFile(*row) for row in rows}

    def store(self, new: NewImport) -> None:
        """Keep a run, after its load is complete."""
        mark = None if new.high_water_mark is None else json.dumps(new.high_water_mark)
        values = {
            "name": new.name,
            "load_no": new.load_no,
            "source": new.source,
            "options": json.dumps(new.options, sort_keys=True),
            "readings": json.dumps(new.readings, sort_keys=True),
            "create_items": new.create_items,
            "high_water_mark": mark,
        }
        with self._begin() as connection:
            number = connection.execute(_IMPORTS["store_import"], values).scalar_one()
            rows = [{**asdict(file), "import_no": number} for file in new.files]
            if rows:
                connection.execute(_IMPORTS["store_imported_file"], rows)


@contextmanager
def import_lock(connection: Connection, name: str) -> Iterator[None]:
    """Be the only run of an import; ImportInProgressError if there is another.

    `connection` must be in autocommit.
    """
    digest = hashlib.sha256(name.encode()).digest()
    number = int.from_bytes(digest[:4], signed=True)
    with session_lock(connection, IMPORTS, number) as is_held:
        if not is_held:
            raise ImportInProgressError(
                f"Another run of the import {name} is in progress. What is new now comes with the"
                " next run."
            )
        yield
