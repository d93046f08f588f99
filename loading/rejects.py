"""The rejects file: JSON lines of file, row, reason and content."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import orjson

from domain.errors import InvalidInputError
from loading.reasons import Reason

REJECTS_SUFFIX = ".rejects.jsonl"


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that is not loaded."""

    file: str
    row: int
    """Which one, counted from 1: the line where rows are lines, otherwise the row of data."""
    reason: Reason
    content: object
    """What it says."""


class RejectsFile:
    """Written as rejects come; it does not exist if there are none.

    Raises InvalidInputError where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def path(self) -> Path | None:
        """Where the rejects are; None as long as there are none."""
        return None if self._file is None else self._path

    def write(self, rejects: Iterable[Reject]) -> None:
        """Append rejects."""
        lines = [_line(reject) for reject in rejects]
        if not lines:
            return
        try:
            if self._file is None:
                self._file = self._path.open("wb")
            self._file.writelines(lines)
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> InvalidInputError:
        return InvalidInputError(f"The rejects file {self._path} cannot be written: {error}.")


def _line(reject: Reject) -> bytes:
    fields = {
        "file": reject.file,
        "row": reject.row,
        "reason": reject.reason.value,
        "content": reject.content,
    }
    return orjson.dumps(fields, default=str, option=orjson.OPT_APPEND_NEWLINE)
