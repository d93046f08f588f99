"""Which files of a folder are new, or changed, since they were read."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from domain.errors import InvalidInputError
from loading.sources import files_in
from sql.imports import ImportedFile

_RECENT_NS = 2_000_000_000
"""A file that changed so shortly before it was read may have changed again at the same time."""


def files_of(folder: Path) -> list[str]:
    """The files of a folder that loading looks at; InvalidInputError if there is no such folder."""
    try:
        return files_in(folder)
    except OSError as error:
        raise InvalidInputError(
            f"The folder {folder} cannot be read on the machine where flows run: {error.strerror}."
        ) from error


def new_files(
    folder: Path, known: Mapping[str, ImportedFile], *, skipped_too: bool
) -> list[ImportedFile]:
    """The files that were not read as they are now, in the order of their names.

    The content decides; it is looked at only if size or time have changed. `skipped_too`: also
    those from which nothing was read.
    """
    found = []
    for name in files_of(folder):
        path, before = folder / name, known.get(name)
        if before is not None and before.skipped is not None and skipped_too:
            before = None
        stat = path.stat()
        if before is not None and before.imported_at is not None:
            settled = before.modified_ns < before.imported_at.timestamp() * 1e9 - _RECENT_NS
            same = (stat.st_size, stat.st_mtime_ns) == (before.size_bytes, before.modified_ns)
            if settled and same:
                continue
        file = ImportedFile(name, stat.st_size, stat.st_mtime_ns, _digest(path), None)
        if before is None or file.sha256 != before.sha256:
            found.append(file)
    return found


@contextmanager
def folder_of(folder: Path, files: list[ImportedFile], spool: Path) -> Iterator[Path]:
    """A folder in `spool` that seems to hold those files only."""
    shown = spool / folder.name
    shown.mkdir()
    for file in files:
        (shown / file.file).parent.mkdir(parents=True, exist_ok=True)
        (shown / file.file).symlink_to((folder / file.file).resolve())
    yield shown


def with_skipped(files: list[ImportedFile], skipped: Mapping[str, str]) -> list[ImportedFile]:
    """The files, with the reason of those that were skipped."""
    return [replace(file, skipped=skipped.get(file.file)) for file in files]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
