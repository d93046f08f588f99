"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from domain.errors import InvalidInputError

_HIDDEN = ".tandem-export-"


@contextmanager
def whole_file(path: Path, *, replace: bool = False) -> Iterator[BinaryIO]:
    """A file that has its name once the block has ended well; until then it lies beside it, hidden.

    A link is followed. Raises InvalidInputError if the name is taken by a file that is not to be
    replaced, or by something that is no file, or cannot be written.
    """
    final = path.resolve()
    _check_name(final, replace=replace)
    try:
        with tempfile.TemporaryDirectory(prefix=_HIDDEN, dir=final.parent) as folder:
            unfinished = Path(folder, "unfinished")
            with unfinished.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _check_name(final, replace=replace)
            unfinished.replace(final)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written: {error.strerror or error}.") from error


def _check_name(path: Path, *, replace: bool) -> None:
    if path.exists() and not path.is_file():
        raise InvalidInputError(f"{path} is no file that could be replaced.")
    if path.exists() and not replace:
        raise InvalidInputError(f"{path} exists already. To replace it: --force")
