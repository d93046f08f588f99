"""The folder of one night, which the next one removes if it was killed."""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

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
    folder, lock = _new_folder(parent)
    try:
        with lock:
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder(parent: Path) -> tuple[Path, TextIO]:
    """A folder and its lock, held; another one if a night took it for dead before it was locked."""
    while True:
        folder = parent / f"{_NIGHT}{uuid.uuid4().hex}"
        folder.mkdir()
        if (lock := _locked(folder)) is not None:
            return folder, lock


def _remove_dead(folder: Path) -> None:
    """Remove the folder unless its night lives."""
    with suppress(OSError):
        if (lock := _locked(folder)) is not None:
            with lock:
                shutil.rmtree(folder, ignore_errors=True)


def _locked(folder: Path) -> TextIO | None:
    """The lock of a folder, held; None if somebody else holds it, or has removed it."""
    path = folder / _LOCK
    try:
        # For writing: on NFS nothing else can be locked.
        lock = path.open("a", encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        lock.close()
        raise
    lock.close()
    return None
