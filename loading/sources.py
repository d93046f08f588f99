"""Sources: what a caller names is made into plain files that can be read more than once."""

import lzma
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import pyarrow as pa

from domain.errors import InvalidInputError
from loading.addresses import is_database
from loading.databases import spool_query
from loading.options import LoadOptions
from loading.partitions import partition_folders, partitions_of
from loading.rejects import REJECTS_SUFFIX
from loading.text import as_plain_text, free_path
from loading.unpacking import Room, TooLargeError, XzFile
from loading.unread_formats import refuse_binary, refuse_unread

STANDARD_INPUT = "-"
"""What names it."""

_BLOCK = 1024 * 1024
_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xfd7zXZ\x00": "xz",
}
_COMPRESSION_NAMES = {
    "gzip": "gzip",
    "bz2": "bzip2",
    "zstd": "Zstandard",
    "lz4": "LZ4",
    "xz": "xz",
}
_PARQUET = b"PAR1"
_TAR = slice(257, 262), b"ustar"
"""Where the mark of a tar archive stands."""
_HEAD_BYTES = 512
_TABLES = {
    "_delta_log": "Delta Lake",
    ".hoodie": "Hudi",
    "metadata/*.metadata.json": "Iceberg",
}
"""What stands in the folders of tables with several versions."""
_HIDDEN = (".", "__")
"""What the names of folders begin with that nobody looks into."""


@dataclass(frozen=True, slots=True)
class Source:
    """A plain file: Parquet, or text in UTF-8."""

    name: str
    """As its owner knows it."""
    path: Path
    is_parquet: bool
    notes: tuple[str, ...] = ()
    """What was understood on the way here."""
    is_named: bool = True
    """Whether its owner named it, rather than the folder it is in: it must be understood."""
    partitions: Mapping[str, str | None] = field(default_factory=dict)
    """What the names of its folders say, as `event_type=purchase` does."""
    folder: str = ""
    """The name of the folder it is in."""


@dataclass(slots=True)
class Sources:
    """All plain files, and what is not read."""

    files: list[Source] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


@contextmanager
def opened_sources(
    arguments: Sequence[str], options: LoadOptions, spool: Path
) -> Iterator[Sources]:
    """The files behind paths, folders, archives, `-` and databases.

    What is compressed, in another encoding, on standard input or in a database is written to the
    folder `spool` first. Raises InvalidInputError for what cannot be read at all.
    """
    sources = Sources()
    for argument in arguments:
        if is_database(argument):
            sources.files.append(_of_query(argument, options, spool))
        elif argument == STANDARD_INPUT:
            written = _written(sys.stdin.buffer, spool / "stdin")
            _add(sources, written, "standard input", options, spool, Room.for_file(written))
        else:
            _add_path(sources, Path(argument), options, spool)
    if not sources.files and not sources.skipped:
        raise InvalidInputError(f"There is no file in {' '.join(arguments)}.")
    yield sources


def _of_query(url: str, options: LoadOptions, spool: Path) -> Source:
    if options.query is None:
        raise InvalidInputError("A database is loaded with --query 'select …'.")
    return Source("the query", spool_query(url, options.query, spool), is_parquet=True)


def _add_path(sources: Sources, path: Path, options: LoadOptions, spool: Path) -> None:
    if not path.exists():
        raise InvalidInputError(f"There is no file or folder {path}.")
    if not path.is_dir():
        _add_file(sources, path, path.name, options, spool, named=path.absolute().parent)
        return
    for mark, name in _TABLES.items():
        if any(path.glob(mark)):
            raise InvalidInputError(
                f"{path} is a table of {name}, and has files of older versions beside those that"
                " count. Write it as Parquet first."
            )
    first = len(sources.files)
    inner = files_in(path)
    for name in inner:
        try:
            _add_file(sources, path / name, name, options, spool, named=path.absolute())
        except TooLargeError:
            raise
        except InvalidInputError as error:
            sources.skipped[name] = str(error)
    if not inner:
        raise InvalidInputError(f"{path} has no files.")
    _mark_found(sources, first)


def files_in(folder: Path) -> list[str]:
    """The files of a folder and its folders that are read, as `2026/events.csv`, in order.

    None that is hidden, in a hidden folder, or has rejects; links to folders are not followed.
    """
    found = []
    for inner, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(_HIDDEN)]
        found += [
            (Path(inner) / name).relative_to(folder)
            for name in names
            if not name.startswith(".") and not name.endswith(REJECTS_SUFFIX)
        ]
    return [path.as_posix() for path in sorted(found) if (folder / path).is_file()]


def _raise(error: OSError) -> None:
    raise error


def _add_file(
    sources: Sources, path: Path, name: str, options: LoadOptions, spool: Path, *, named: Path
) -> None:
    first, room = len(sources.files), Room.for_file(path)
    if zipfile.is_zipfile(path):
        _add_archive(sources, path, options, spool, room)
    else:
        _add(sources, path, name, options, spool, room)
    folder = path.absolute().parent
    _place(sources, first, folder, partition_folders(folder, named))


def _add_archive(
    sources: Sources, path: Path, options: LoadOptions, spool: Path, room: Room
) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any(name.startswith("xl/") for name in names):
            raise InvalidInputError(f"{path} is an Excel workbook. Save the sheet as CSV first.")
        if {"mimetype", "content.xml"} <= set(names):
            raise InvalidInputError(f"{path} is an OpenDocument file. Save the sheet as CSV first.")
        members = [
            name
            for name in names
            if not name.endswith("/")
            and not Path(name).name.startswith((".", "__"))
            and not name.startswith("__MACOSX")
        ]
        first = len(sources.files)
        for name in members:
            try:
                plain = free_path(spool, Path(name).name)
                with archive.open(name) as stream:
                    room.write(stream, plain)
                before = len(sources.files)
                _add(sources, plain, Path(name).name, options, spool, room)
                _place(sources, before, Path(name).parent, Path(name).parent)
            except TooLargeError:
                raise
            except (RuntimeError, zipfile.BadZipFile) as error:
                raise InvalidInputError(f"{name} in {path} cannot be read: {error}.") from error
            except InvalidInputError as error:
                sources.skipped[name] = str(error)
    if len(members) > 1:
        _mark_found(sources, first)


def _place(sources: Sources, first: int, folder: Path, partitioned: Path) -> None:
    """The files from number `first` on are in a folder, or in one within it that they know.

    `partitioned`: the last of its folders, whose names may say something of their rows.
    """
    found = partitions_of(partitioned)
    sources.files[first:] = [
        replace(each, partitions={**found, **each.partitions}, folder=each.folder or folder.name)
        for each in sources.files[first:]
    ]


def _mark_found(sources: Sources, first: int) -> None:
    """The files from number `first` on were found, not named."""
    sources.files[first:] = [replace(each, is_named=False) for each in sources.files[first:]]


def _add(  # noqa: PLR0917
    sources: Sources, path: Path, name: str, options: LoadOptions, spool: Path, room: Room
) -> None:
    notes = []
    head = _head(path)
    if not head:
        raise InvalidInputError(f"{name} is empty.")
    refuse_unread(head, name)
    compression = next(
        (name for magic, name in _COMPRESSIONS.items() if head.startswith(magic)), None
    )
    if compression is not None:
        path = _decompressed(path, name, compression, spool, room)
        notes.append(f"compressed with {_COMPRESSION_NAMES[compression]}")
        head = _head(path)
        refuse_unread(head, name)
    place, mark = _TAR
    if head[place] == mark:
        raise InvalidInputError(f"{name} is a tar archive. Unpack it first.")
    if head.startswith(_PARQUET):
        sources.files.append(Source(name, path, is_parquet=True, notes=tuple(notes)))
        return
    if options.encoding is None:
        refuse_binary(head, name)
    text = as_plain_text(path, name, options.encoding, spool)
    sources.files.append(Source(name, text.path, is_parquet=False, notes=(*notes, *text.notes)))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _decompressed(path: Path, name: str, compression: str, spool: Path, room: Room) -> Path:
    target = free_path(spool, f"{path.name}.plain")
    try:
        with _unpacked(path, compression) as stream:
            room.write(stream, target)
    except (OSError, EOFError, lzma.LZMAError, pa.ArrowException) as error:
        raise InvalidInputError(f"{name} is damaged: {error}.") from error
    return target


def _unpacked(path: Path, compression: str) -> XzFile | pa.NativeFile:
    if compression == "xz":
        return XzFile(path)
    return pa.input_stream(str(path), compression=compression)


def _written(stream: IO[bytes], target: Path) -> Path:
    with target.open("wb") as out:
        shutil.copyfileobj(stream, out, _BLOCK)
    return target
