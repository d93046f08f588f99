"""CSV files, with commas or tabs."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from domain.errors import InvalidInputError
from loading.chunks import Chunk, Reject
from loading.lines import LineBlock, read_blocks
from loading.reasons import Reason


@dataclass(frozen=True, slots=True)
class Heading:
    """The first line of a CSV file."""

    columns: tuple[str, ...]
    delimiter: str


@dataclass(slots=True)
class _Records:
    """Records of one block: those with the right number of fields, and the others."""

    fields: list[list[str]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    bad: list[tuple[int, Reason, str]] = field(default_factory=list)
    unread: int = 0
    """Lines at the end that may go on in the next block."""


def read_heading(path: Path) -> Heading:
    """The names of the columns, and a comma or a tab, whichever the first line has more of.

    Raises InvalidInputError if the file is empty or its first line is no heading.
    """
    first = _first_line(path)
    delimiter = "\t" if first.count("\t") > first.count(",") else ","
    try:
        names = next(csv.reader([first], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise InvalidInputError(f"The heading of {path} is malformed: {error}.") from error
    return Heading(tuple(name.strip() for name in names), delimiter)


def _first_line(path: Path) -> str:
    for block in read_blocks(path):
        if 1 in block.numbers:
            return block.texts[0]
        if block.rejects:
            raise InvalidInputError(f"{path} does not begin with a line of UTF-8 text.")
    raise InvalidInputError(f"{path} is empty.")


def delimited_chunks(path: Path) -> Iterator[Chunk]:
    """The rows below the heading. Blank lines are passed over."""
    heading = read_heading(path)
    held: list[tuple[int, str]] = []
    for block in _without_heading(read_blocks(path)):
        numbers: Sequence[int] = block.numbers
        texts = block.texts
        if held:
            numbers = [*(number for number, _ in held), *numbers]
            texts = [*(text for _, text in held), *texts]
        records = _parse(numbers, texts, heading, final=block.final)
        held = list(zip(numbers, texts, strict=True))[len(texts) - records.unread :]
        yield _chunk(path.name, heading, records, block)


def _without_heading(blocks: Iterator[LineBlock]) -> Iterator[LineBlock]:
    for block in blocks:
        if 1 in block.numbers:
            yield replace(block, numbers=block.numbers[1:], texts=block.texts[1:])
        else:
            yield block


def _chunk(file: str, heading: Heading, records: _Records, block: LineBlock) -> Chunk:
    values = zip(*records.fields, strict=True) if records.fields else ([] for _ in heading.columns)
    return Chunk(
        file=file,
        columns=dict(zip(heading.columns, map(list, values), strict=True)),
        line_of=records.numbers.__getitem__,
        row_of=records.raw.__getitem__,
        size=len(records.fields),
        rejects=[
            *block.rejects,
            *(Reject(file, number, reason, raw) for number, reason, raw in records.bad),
        ],
        bytes_read=block.bytes_read,
    )


def _parse(numbers: Sequence[int], texts: list[str], heading: Heading, *, final: bool) -> _Records:
    if not any('"' in text for text in texts):
        try:
            parsed = list(csv.reader(texts, delimiter=heading.delimiter, strict=True))
        except csv.Error:
            pass
        else:
            return _sorted_out(zip(numbers, texts, parsed, strict=True), len(heading.columns))
    return _parse_with_quotes(numbers, texts, heading, final=final)


def _sorted_out(rows: Iterator[tuple[int, str, list[str]]], width: int) -> _Records:
    records = _Records()
    for number, text, fields in rows:
        if len(fields) == width:
            records.fields.append(fields)
            records.numbers.append(number)
            records.raw.append(text)
        elif fields:
            records.bad.append((number, Reason.WRONG_FIELD_COUNT, text))
    return records


def _parse_with_quotes(
    numbers: Sequence[int], texts: list[str], heading: Heading, *, final: bool
) -> _Records:
    """Records may go over several lines here.

    A quote that is never closed, or that swallows lines and then does not fit the heading, costs
    only the line it stands on: reading goes on with the next.
    """
    records = _Records()
    index, end, width = 0, len(texts), len(heading.columns)
    while index < end:
        fields, taken = _next_record(numbers, texts, index, heading.delimiter)
        if fields is None and index + taken == end and not final:
            records.unread = end - index
            break
        if fields is None or (taken > 1 and len(fields) != width):
            records.bad.append((numbers[index], Reason.MALFORMED_CSV, texts[index]))
            taken = 1
        elif len(fields) == width:
            records.fields.append(fields)
            records.numbers.append(numbers[index])
            records.raw.append("\n".join(texts[index : index + taken]))
        elif fields:
            records.bad.append((numbers[index], Reason.WRONG_FIELD_COUNT, texts[index]))
        index += taken
    return records


def _next_record(
    numbers: Sequence[int], texts: list[str], index: int, delimiter: str
) -> tuple[list[str] | None, int]:
    """The fields of the record that begins at `index`, None if it is broken, and its lines."""
    following = (
        f"{texts[other]}\n"
        for other in range(index + 1, len(texts))
        # A line that was no text is gone: what stands behind it is not the same record.
        if numbers[other] - numbers[index] == other - index
    )
    reader = csv.reader(chain([f"{texts[index]}\n"], following), delimiter=delimiter, strict=True)
    try:
        return next(reader), reader.line_num
    except csv.Error:
        return None, reader.line_num
