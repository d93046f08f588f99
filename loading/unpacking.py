"""What is compressed is written out, but not without bounds."""

import lzma
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import pyarrow as pa

from domain.errors import InvalidInputError

_BLOCK = 1024 * 1024
_MOST_TIMES = 200
"""A log becomes five to fifty times as large; what was made to fill a disk, a thousand times."""
_ALWAYS_BYTES = 1024**3
"""So much may come of the smallest file."""
_SPARE_BYTES = 1024**3
"""So much stays free on the disk, on which PostgreSQL may lie too."""

_XZ_BYTES = 256 * 1024**2
"""Memory of a decoder; `xz -9` asks for a quarter of it."""


@dataclass(slots=True)
class Room:
    """What may still be written of one file that was given, archives in archives included."""

    name: str
    left_bytes: int

    @classmethod
    def for_file(cls, path: Path) -> "Room":
        """All that may come of a file."""
        return cls(path.name, max(_ALWAYS_BYTES, _MOST_TIMES * path.stat().st_size))

    def write(self, stream: "IO[bytes] | pa.NativeFile | XzFile", target: Path) -> None:
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


class XzFile:
    """What a file that is compressed with xz holds; it says itself how much memory that takes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._decoder = lzma.LZMADecompressor(memlimit=_XZ_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Up to so many bytes; none at the end. EOFError and LZMAError if the file is damaged."""
        while True:
            if self._decoder.eof:
                data = (self._decoder.unused_data or self._file.read(_BLOCK)).lstrip(b"\0")
                if not data:
                    return b""
                self._decoder = lzma.LZMADecompressor(memlimit=_XZ_BYTES)
            else:
                data = self._file.read(_BLOCK) if self._decoder.needs_input else b""
                if self._decoder.needs_input and not data:
                    raise EOFError("it ends too early")
            found = self._decoder.decompress(data, size)
            if found:
                return found


class TooLargeError(InvalidInputError):
    """A file becomes too large when it is unpacked."""
