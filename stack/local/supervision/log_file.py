"""Logs of the processes: appended to, kept to a bounded size."""

import errno
import os
import shutil
from pathlib import Path
from typing import BinaryIO

LARGEST_LOG_BYTES = 10 * 1024 * 1024
_TAIL_BYTES = 64 * 1024
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def open_log(path: Path) -> BinaryIO:
    """The log for appending; one that has grown large is put aside as `<name>.1` first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if _is_large(path):
        path.replace(_aside(path))
    return path.open("ab")


def put_aside(path: Path) -> bool:
    """Put the end of a log aside as `<name>.1` if it has grown large; whether it had.

    The process that writes it need not know: it goes on in the same file, at its new end, since it
    was opened for appending. A line that is written between the copy and the cut is lost. OSError
    if it cannot be put aside for another reason than that there is no room: then it stays whole.
    """
    if not _is_large(path):
        return False
    draft = path.with_name(f"{path.name}.new")
    with path.open("rb") as log:
        try:
            with draft.open("wb") as copy:
                log.seek(-LARGEST_LOG_BYTES, os.SEEK_END)
                shutil.copyfileobj(log, copy)
            draft.replace(_aside(path))
        except OSError as error:
            draft.unlink(missing_ok=True)
            # Room is worth more than what stands in the log.
            if error.errno not in _NO_ROOM:
                raise
        # At a restart meanwhile another file has been begun.
        if path.stat().st_ino == os.fstat(log.fileno()).st_ino:
            os.truncate(path, 0)
    return True


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log, oldest first; none if there is no log."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def _is_large(path: Path) -> bool:
    return path.exists() and path.stat().st_size > LARGEST_LOG_BYTES


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")
