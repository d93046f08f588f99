"""The folder of one night, which the next one removes if it was killed."""

import fcntl
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NIGHT = "night-"
_LOCK = "lock"


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    """A folder below `parent` that is removed at the end; those of dead nights are removed first.

    Whoever lives holds a lock on a file in it, which ends with the process.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in sorted(parent.glob(f"{_NIGHT}*")):
        _remove_dead(left)
    folder = parent / f"{_NIGHT}{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_dead(folder: Path) -> None:
    """Remove the folder unless its night lives, or has only just begun it."""
    try:
        with (folder / _LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
