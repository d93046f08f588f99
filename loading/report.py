"""What loading reports: progress while it runs, a report at the end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Progress:
    """How far loading is."""

    file: str
    bytes_read: int
    """Bytes of all files that are stored by now."""
    total_bytes: int
    rows: int
    """Rows read by now, rejected ones included."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of every row."""

    items_new: int
    items_changed: int
    items_unchanged: int
    events_stored: int
    events_repeated: int
    """Events that were there already, or came twice."""
    rejected: Mapping[str, int]
    """Number of rejected rows by reason."""
    rejects_path: Path | None
    """Where the rejected rows are; None if there are none."""
    skipped_files: Mapping[str, str]
    """Files of the folder that were not loaded, and why."""
    advice: str | None
    """What the user should know to go on; None if all is well."""


@dataclass(slots=True)
class LoadCounters:
    """Counts while loading runs."""

    rows: int = 0
    items_new: int = 0
    items_changed: int = 0
    items_unchanged: int = 0
    events_stored: int = 0
    events_repeated: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
