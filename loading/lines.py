"""Text files line by line: numbered, decoded, in blocks of bounded size whatever the file holds."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from domain.errors import InvalidInputError
from loading.chunks import CHUNK_BYTES, Reject
from loading.reasons import Reason

LONGEST_LINE_BYTES = 1024 * 1024
SHOWN_CHARACTERS = 1000

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Consecutive lines of a file, without their line ends."""

    numbers: Sequence[int]
    """Counted from 1."""
    texts: list[str]
    rejects: list[Reject]
    """Lines that are no text."""
    bytes_read: int
    """How far into the file the block ends, in bytes on disk."""
    final: bool
    """Whether the file ends here."""


def read_blocks(path: Path) -> Iterator[LineBlock]:
    """The whole file; a file that ends in .gz is decompressed.

    Raises InvalidInputError if the file cannot be read, or is damaged.
    """
    first_number = 1
    try:
        with path.open("rb") as on_disk:
            for lines, final in _split(_decompressed(path, on_disk)):
                yield _decode(path.name, first_number, lines, on_disk.tell(), final=final)
                first_number += len(lines)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInputError(
            f"{path} cannot be read beyond line {first_number}: {error}."
        ) from error


def _decompressed(path: Path, on_disk: BinaryIO) -> BinaryIO:
    return gzip.GzipFile(fileobj=on_disk) if path.suffix == ".gz" else on_disk  # type: ignore[return-value]


def _split(stream: BinaryIO) -> Iterator[tuple[list[bytes], bool]]:
    rest = b""
    data = stream.read(CHUNK_BYTES).removeprefix(_BYTE_ORDER_MARK)
    while data:
        lines = (rest + data).split(b"\n")
        # One byte more than allowed is kept: enough to see that the line is too long.
        rest = lines.pop()[: LONGEST_LINE_BYTES + 1]
        data = stream.read(CHUNK_BYTES)
        if data or rest:
            yield lines, False
        else:
            yield lines, True
    if rest:
        yield [rest], True


def _decode(
    file: str, first_number: int, lines: list[bytes], bytes_read: int, *, final: bool
) -> LineBlock:
    numbers = range(first_number, first_number + len(lines))
    if max(map(len, lines), default=0) <= LONGEST_LINE_BYTES:
        try:
            texts = b"\n".join(lines).decode().split("\n") if lines else []
        except UnicodeDecodeError:
            pass
        else:
            return LineBlock(numbers, texts, [], bytes_read, final)
    return _decode_singly(file, numbers, lines, bytes_read, final=final)


def _decode_singly(
    file: str, numbers: Sequence[int], lines: list[bytes], bytes_read: int, *, final: bool
) -> LineBlock:
    good: list[tuple[int, str]] = []
    rejects = []
    for number, line in zip(numbers, lines, strict=True):
        try:
            if len(line) > LONGEST_LINE_BYTES:
                rejects.append(Reject(file, number, Reason.LINE_TOO_LONG, _shown(line)))
            else:
                good.append((number, line.decode()))
        except UnicodeDecodeError:
            rejects.append(Reject(file, number, Reason.INVALID_UTF8, _shown(line)))
    return LineBlock(
        [number for number, _ in good], [text for _, text in good], rejects, bytes_read, final
    )


def _shown(line: bytes) -> str:
    return line[:SHOWN_CHARACTERS].decode(errors="backslashreplace")
