"""Inputs: which files a path holds, and what is in them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from domain.errors import InvalidInputError
from loading.chunks import Chunk
from loading.columnar import parquet_chunks, read_names, table_chunks
from loading.delimited import delimited_chunks, read_heading
from loading.json_lines import json_chunks, read_keys
from loading.layouts import EXPECTED, FORMATS, Content, Layout, find_layout
from loading.rejects import SUFFIX as REJECTS_SUFFIX


@dataclass(frozen=True, slots=True)
class Input:
    """Rows of one content: a file or a table."""

    name: str
    layout: Layout
    size_bytes: int
    chunks: Callable[[], Iterator[Chunk]]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is to be loaded, in the order of loading: tags, items, events."""

    inputs: tuple[Input, ...]
    skipped: dict[str, str]
    """Files that are not loaded, and why."""


@dataclass(frozen=True, slots=True)
class _Format:
    read_columns: Callable[[Path], Sequence[str]]
    read_chunks: Callable[[Path], Iterator[Chunk]]


_CSV = _Format(lambda path: read_heading(path).columns, delimited_chunks)
_JSON_LINES = _Format(read_keys, json_chunks)
_FORMATS = {
    ".csv": _CSV,
    ".csv.gz": _CSV,
    ".tsv": _CSV,
    ".tsv.gz": _CSV,
    ".jsonl": _JSON_LINES,
    ".jsonl.gz": _JSON_LINES,
    ".ndjson": _JSON_LINES,
    ".ndjson.gz": _JSON_LINES,
    ".parquet": _Format(read_names, parquet_chunks),
}
_KNOWN_FORMATS = f"Known are {FORMATS}."
_ORDER = (Content.TAGS, Content.MOVIES, Content.ITEMS, Content.EVENTS)


def find_inputs(path: Path) -> Inputs:
    """What a file, or the files of a folder, hold.

    Raises InvalidInputError, with what was found and what is expected, if nothing can be loaded.
    """
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        raise InvalidInputError(f"There is nothing at {path}.")
    input_file = _of_file(path)
    if input_file.layout.content is Content.TAGS:
        raise InvalidInputError(
            f"{path} holds tags only, which are loaded with the films: give the folder instead."
        )
    return Inputs((input_file,), {})


def table_inputs(items: pa.Table | None, events: pa.Table | None) -> Inputs:
    """Tables in the place of files; InvalidInputError if their columns are not enough."""
    tables = {"items": items, "events": events}
    given = {name: table for name, table in tables.items() if table is not None}
    return Inputs(tuple(_of_table(name, table) for name, table in given.items()), {})


def _of_table(name: str, table: pa.Table) -> Input:
    layout = _layout(f"The table {name}", table.schema.names)
    return Input(name, layout, table.nbytes, partial(table_chunks, name, table))


def _of_folder(folder: Path) -> Inputs:
    found: list[Input] = []
    skipped: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() or path.name.startswith(".") or path.name.endswith(REJECTS_SUFFIX):
            continue
        try:
            found.append(_of_file(path))
        except InvalidInputError as error:
            skipped[path.name] = (
                str(error).removesuffix(f" {EXPECTED}").removesuffix(f" {_KNOWN_FORMATS}")
            )
    if not any(input_file.layout.content is not Content.TAGS for input_file in found):
        what = " ".join(skipped.values()) or "It has no files."
        raise InvalidInputError(f"{folder} holds neither events nor items. {what} {EXPECTED}")
    found.sort(key=lambda input_file: _ORDER.index(input_file.layout.content))
    return Inputs(tuple(found), skipped)


def _of_file(path: Path) -> Input:
    format_ = _format(path)
    if format_ is None:
        raise InvalidInputError(f"{path} is of no known format. {_KNOWN_FORMATS}")
    layout = _layout(str(path), format_.read_columns(path))
    return Input(path.name, layout, path.stat().st_size, partial(format_.read_chunks, path))


def _format(path: Path) -> _Format | None:
    name = path.name.lower()
    return next(
        (file_format for suffix, file_format in _FORMATS.items() if name.endswith(suffix)), None
    )


def _layout(what: str, names: Sequence[str]) -> Layout:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InvalidInputError(f"{what} has the column {twice[0]} more than once.")
    layout = find_layout(names)
    if layout is None:
        raise InvalidInputError(f"{what} has the columns {', '.join(names)}. {EXPECTED}")
    return layout
