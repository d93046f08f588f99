"""JSON lines: one object a line."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from domain.errors import InvalidInputError
from loading.chunks import Chunk, Reject
from loading.lines import LineBlock, read_blocks
from loading.reasons import Reason


def read_keys(path: Path) -> tuple[str, ...]:
    """The keys of the objects at the beginning of the file.

    Raises InvalidInputError if there is no JSON object there.
    """
    for block in read_blocks(path):
        chunk = _chunk(path.name, block)
        if chunk.size:
            return tuple(chunk.columns)
        if chunk.rejects:
            break
    raise InvalidInputError(f"{path} does not begin with JSON objects, one a line.")


def json_chunks(path: Path) -> Iterator[Chunk]:
    """The objects of the file. Blank lines are passed over; an absent key is None."""
    for block in read_blocks(path):
        yield _chunk(path.name, block)


def _chunk(file: str, block: LineBlock) -> Chunk:
    objects: list[dict[str, Any]] = []
    numbers: list[int] = []
    raw: list[str] = []
    rejects = list(block.rejects)
    for number, text in zip(block.numbers, block.texts, strict=True):
        if not text or text.isspace():
            continue
        parsed = _parse(text)
        if isinstance(parsed, Reason):
            rejects.append(Reject(file, number, parsed, text))
            continue
        objects.append(parsed)
        numbers.append(number)
        raw.append(text)
    keys = dict.fromkeys(chain.from_iterable(objects))
    return Chunk(
        file=file,
        columns={key: [parsed.get(key) for parsed in objects] for key in keys},
        line_of=numbers.__getitem__,
        row_of=raw.__getitem__,
        size=len(objects),
        rejects=rejects,
        bytes_read=block.bytes_read,
    )


def _parse(text: str) -> dict[str, Any] | Reason:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return Reason.MALFORMED_JSON
    return parsed if isinstance(parsed, dict) else Reason.NOT_AN_OBJECT
