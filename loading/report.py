"""What loading reports: progress while it runs, a report at the end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Progress:
    """How far loading is."""

    file: str
    rows: int
    """Rows of all files that are stored or rejected by now."""
    total_rows: int


@dataclass(slots=True)
class LoadCounts:
    """What became of the rows so far."""

    items_new: int = 0
    items_changed: int = 0
    items_unchanged: int = 0
    events_stored: int = 0
    events_repeated: int = 0
    """Events that were there already, or came twice."""
    left_out: int = 0
    """Events of kinds that are left out."""
    contexts_not_kept: int = 0
    """Events without the context that they came with: it was faulty, or there are too many."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Number of rejected rows by reason."""

    def as_json(self) -> dict[str, Any]:
        """As the row of the load keeps them."""
        counts = {each.name: getattr(self, each.name) for each in fields(self)}
        return counts | {"rejected": dict(self.rejected)}


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of every row."""

    load_no: int
    resumed: bool
    """Whether it went on with a load that was interrupted."""
    items_new: int
    items_changed: int
    items_unchanged: int
    events_stored: int
    events_repeated: int
    left_out: int
    contexts_not_kept: int
    rejected: Mapping[str, int]
    creates_items: bool
    """Whether events made the items that the catalogue lacked."""
    rejects_path: Path | None
    """Where the rejected rows are; None if there are none."""
    skipped_files: Mapping[str, str]
    """Files of the folder that were not loaded, and why."""
    unread_columns: Mapping[str, tuple[str, ...]]
    """By file, the columns that nothing was read from."""
    advice: str | None
    """What the user should know to go on; None if all is well."""
