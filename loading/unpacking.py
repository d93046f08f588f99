"""What is compressed is written out, but not without bounds."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from domain.errors import InvalidInputError

_BLOCK = 1024 * 1024
_MOST_TIMES = 200
"""A log becomes five to fifty times as large; what was made to fill a disk, a thousand times."""
_ALWAYS_BYTES = 1024**3
"""So much may come of the smallest file."""
_SPARE_BYTES = 1024**3
"""So much stays free on the disk, on which PostgreSQL may lie too."""


@dataclass(slots=True)
class Room:
    """What may still be written of one file that was given, archives in archives included."""

    name: str
    left_bytes: int

    @classmethod
    def for_file(cls, path: Path) -> "Room":
        """All that may come of a file."""
        return cls(path.name, max(_ALWAYS_BYTES, _MOST_TIMES * path.stat().st_size))

    def write(self, stream: IO[bytes] | pa.NativeFile, target: Path) -> None:
        """Write out a stream.

        InvalidInputError if it is too long for the file it comes from, or for the disk.
        """
        with target.open("wb") as out:
            while block := stream.read(_BLOCK):
                self.left_bytes -= len(block)
                if self.left_bytes < 0:
                    raise TooLargeError(
                        f"{self.name} becomes more than {_MOST_TIMES} times as large when it is"
                        " unpacked, and over 1 GiB. If that is meant, unpack it first."
                    )
                if shutil.disk_usage(target.parent).free < _SPARE_BYTES + len(block):
                    raise TooLargeError(
                        f"There is no room to unpack {self.name}: 1 GiB of {target.parent} is left"
                        " free."
                    )
                out.write(block)


class TooLargeError(InvalidInputError):
    """A file becomes too large when it is unpacked."""
