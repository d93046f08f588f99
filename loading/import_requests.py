"""What an import is asked for, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from loading.high_water_marks import HighWaterMark, IncrementalQuery
from loading.options import LoadOptions
from loading.report import LoadReport


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder whose files come one after another."""

    folder: Path


@dataclass(frozen=True, slots=True)
class DatabaseSource:
    """A query on a database."""

    query: IncrementalQuery
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What is to be brought in."""

    name: str
    """Under which the store keeps how far it came."""
    source: FolderSource | DatabaseSource
    shown_source: str
    """What people see of the source; no password."""
    options: LoadOptions
    imported_by: str
    read_again: bool = False
    """Whether all is read again, whatever was read before."""
    accept_changes: bool = False
    """Whether columns that were read may be gone."""


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """How one column was understood."""

    file: str
    column: str
    """Empty: no column says it."""
    meaning: str
    how: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    name: str
    source: str
    rows: int
    """Rows that were read."""
    report: LoadReport | None = None
    """What became of them; None: there was nothing new."""
    mark_before: HighWaterMark | None = None
    mark_after: HighWaterMark | None = None
    files: tuple[str, ...] = ()
    """Files that were new or changed."""
    files_unchanged: int = 0
    columns: tuple[ColumnReading, ...] = ()
    notices: tuple[str, ...] = ()
    """What somebody should look at."""
    samples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The first rejected rows by reason."""
