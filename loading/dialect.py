"""What a delimited text file is written with: separator, quotes, heading."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from domain.errors import InvalidInputError
from domain.event_words import normalized
from loading.options import LoadOptions
from loading.words import is_known_name

SEPARATORS = (",", "\t", ";", "|", "::", "^", "~", "\x01", " ")
_NAMES = {"\t": "tab", " ": "blank", "\x01": "U+0001"}
_GIVEN = {"tab": "\t", "\\t": "\t", "space": " ", "blank": " ", "comma": ",", "pipe": "|"}

_SAMPLE_LINES = 200
_SAMPLE_CHARACTERS = 2 * 1024 * 1024
_AGREEING = 0.9
"""This share of lines must have as many fields as most have."""
_TITLE_ROWS = 10
"""A title above the heading has fewer lines."""
_VALUE = re.compile(
    r"\s*(-?\d+([.,]\d+)?([eE][+-]?\d+)?|\d{4}-\d\d.*|\d{1,4}[/.]\d{1,2}[/.]\d{1,4}.*|true|false)\s*"
)

_IDS = ("id", "sku", "asin")
"""End the names of ids that no row has for a value."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is read, and what its columns are called."""

    separator: str
    has_heading: bool
    columns: tuple[str, ...]
    quoted: bool
    """Whether `"` encloses fields."""
    sample: tuple[tuple[str, ...], ...]
    """The first rows, without the heading."""
    sequences: frozenset[str] = frozenset()
    """Columns whose values are lists of words separated by blanks, as RecBole says."""
    heading: tuple[str, ...] = ()
    """The cells of the heading, as they stand there."""
    skipped: int = 0
    """Lines above the heading or the first row: blank ones, comments, a title."""

    @property
    def separator_name(self) -> str:
        """As a person calls it."""
        return _NAMES.get(self.separator, self.separator)


csv.field_size_limit(_SAMPLE_CHARACTERS)


def find_dialect(path: Path, name: str, options: LoadOptions) -> Dialect:
    """How a text file is written.

    Raises InvalidInputError if the file has no lines, or the names of its columns are not enough.
    """
    lines, given = _without_preamble(_first_lines(path))
    if not lines:
        raise InvalidInputError(f"{name} is empty.")
    texts = [text for _, text in lines]
    if any(re.fullmatch(r"[|+][-+|: ]*-{3}[-+|: ]*[|+]\s*", text) for text in texts[:2]):
        raise InvalidInputError(f"{name} is a table drawn with lines. Write it as CSV.")
    separator = _separator(texts, options.separator or given)
    quoted = any(re.search(rf'(^|{re.escape(separator)})\s*"', line) for line in texts)
    rows = _split(texts, separator, quoted=quoted)
    width = Counter(map(len, rows)).most_common(1)[0][0]
    above = _rows_above(rows, width) if options.header is None else 0
    skipped, rows = lines[above][0], rows[above:]
    heading = options.header if options.header is not None else _has_heading(rows)
    if not heading:
        columns = tuple(str(number) for number in range(1, width + 1))
        return Dialect(separator, False, columns, quoted, _sample(rows, width), skipped=skipped)
    if len(rows) > 1 and not any(_fits(row, len(rows[0])) for row in rows[1:]):
        _refuse_heading(name, rows)
    if all(re.fullmatch("'.*'", cell.strip()) for cell in rows[0]):
        raise InvalidInputError(
            f"The fields of {name} are in single quotes, which are not read: write double ones."
        )
    columns = _without_table(tuple(_column_name(cell) for cell in rows[0]))
    twice = [column for column, times in Counter(columns).items() if times > 1 and column]
    read = [column for column in twice if is_known_name(column)]
    if read:
        raise InvalidInputError(
            f"{name} has the column {read[0]} more than once. Give one of them another name."
        )
    columns = _numbered(columns, twice)
    named = tuple(column or f"column {number}" for number, column in enumerate(columns, 1))
    sequences = frozenset(
        column for column, cell in zip(named, rows[0], strict=True) if cell.endswith("_seq")
    )
    return Dialect(
        separator,
        True,
        named,
        quoted,
        _sample(rows[1:], len(columns)),
        sequences,
        tuple(cell.strip() for cell in rows[0]),
        skipped,
    )


def _first_lines(path: Path) -> list[tuple[int, str]]:
    """The first lines that are not blank, each with how many lines stand above it."""
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(_SAMPLE_CHARACTERS)
    numbered = enumerate(text.split("\n"))
    return list(islice((each for each in numbered if each[1].strip()), _SAMPLE_LINES))


def _without_preamble(lines: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], str | None]:
    """The lines below comments, and the separator that Excel's first line names."""
    first = 0
    given = re.fullmatch(r'"?sep=(.|\\t)"?', lines[0][1].strip(" \r\ufeff")) if lines else None
    if given is not None:
        first = 1
    while len(lines) > first + 1 and _is_comment(lines[first][1]):
        first += 1
    return lines[first:], given[1] if given is not None else None


def _is_comment(line: str) -> bool:
    # Ids begin with # too.
    if not re.match(r"(#|%|//)(\s|$)", line):
        return False
    words = re.split(r"[\s,;|]+", line.lstrip("#%/ "))
    return sum(map(is_known_name, words)) < 2  # noqa: PLR2004


def _rows_above(rows: Sequence[Sequence[str]], width: int) -> int:
    """How many rows stand above a heading that is not the first: the title of a report."""
    for number, row in enumerate(rows[:_TITLE_ROWS]):
        is_padded = sum(bool(cell.strip()) for cell in row) < 2  # noqa: PLR2004
        if len(row) == width and not is_padded:
            known = sum(is_known_name(_column_name(cell)) for cell in row)
            return number if known > 1 else 0
    return 0


def _fits(row: Sequence[str], width: int) -> bool:
    """Whether a row has so many fields; an empty one at the end is none."""
    return len(row) == width or (len(row) == width + 1 and not row[-1].strip())


def _refuse_heading(name: str, rows: Sequence[Sequence[str]]) -> None:
    raise InvalidInputError(
        f"The heading of {name} has {len(rows[0])} fields, and none of its first lines has as many:"
        f" {' '.join(rows[1])[:100]}. Write a name for each column, or one separator between two."
    )


def _separator(lines: Sequence[str], given: str | None) -> str:
    if given is not None:
        return given_separator(given, "--separator")
    found = [(score, separator) for separator in SEPARATORS if (score := _score(lines, separator))]
    return max(found, key=lambda each: each[0])[1] if found else ","


def given_separator(given: str, option: str) -> str:
    """What an option says between two fields: a character, its name, or a few."""
    separator = _GIVEN.get(given.lower(), given)
    if len(separator.encode()) > 4 or not separator:  # noqa: PLR2004  what DuckDB reads
        raise InvalidInputError(f"{option} {given}: a separator has one to four characters.")
    return separator


def _score(lines: Sequence[str], separator: str) -> tuple[bool, bool, int, float] | None:
    """How well a separator fits: all lines alike, the heading known, many fields."""
    quoted = any('"' in line for line in lines)
    rows = _split(lines, separator, quoted=quoted)
    width, alike = Counter(map(len, rows)).most_common(1)[0]
    if width < 2:  # noqa: PLR2004
        return None
    known = any(is_known_name(_column_name(cell)) for cell in rows[0])
    above = _rows_above(rows, width)
    known = known or above > 0
    share = alike / len(rows)
    if share < _AGREEING and not known:
        return None
    return known and len(rows[above]) > 1, separator != " ", width, share


def _split(lines: Iterable[str], separator: str, *, quoted: bool) -> list[list[str]]:
    if len(separator) > 1:
        return [line.split(separator) for line in lines]
    reader = (
        csv.reader(lines, delimiter=separator)
        if quoted
        else csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    )
    return [row for row in reader if row]


def _has_heading(rows: Sequence[Sequence[str]]) -> bool:
    """A first row of names: known ones, or none that looks like a value where others do."""
    first = [_column_name(cell) for cell in rows[0]]
    known = sum(map(is_known_name, first))
    values = {at for at, cell in enumerate(first) if _VALUE.fullmatch(cell)}
    alike = [row for row in rows[1:] if len(row) == len(first)]
    # `movie` and `track` stand in rows too, beside what stands below them as well.
    is_row = any(alike) and any(all(_VALUE.fullmatch(row[at]) for row in alike) for at in values)
    if known and not (known == 1 and is_row and not _has_years(first) and not _has_numbers(first)):
        return True
    if any(_VALUE.fullmatch(cell) or not cell for cell in first) or len(set(first)) < len(first):
        return False
    below = [row for row in rows[1:] if len(row) == len(first)]
    return any(
        sum(bool(_VALUE.fullmatch(row[at])) for row in below) > len(below) / 2
        for at in range(len(first))
    )


def _has_years(heading: Sequence[str]) -> bool:
    """Whether names are years, one after the other: `2022`, `2023`."""
    years = [int(cell) for cell in heading if re.fullmatch(r"(19|20)\d\d", cell)]
    steps = {after - before for before, after in pairwise(years)}
    return steps in ({1}, {-1})


def _has_numbers(heading: Sequence[str]) -> bool:
    """Whether all names but that of an id are different whole numbers: `item_id`, `0`, `1`."""
    others = [cell for cell in heading if not is_known_name(cell)]
    names = [normalized(cell) for cell in heading if is_known_name(cell)]
    are_numbers = all(re.fullmatch(r"\d+", cell) for cell in others)
    return are_numbers and len(set(others)) == len(others) and names[0].endswith(_IDS)


def _numbered(columns: tuple[str, ...], twice: Sequence[str]) -> tuple[str, ...]:
    """Columns that stand there twice have their number, from 1, behind their name."""
    return tuple(
        f"{column}.{number}" if column in twice else column
        for number, column in enumerate(columns, 1)
    )


def _without_table(columns: tuple[str, ...]) -> tuple[str, ...]:
    """`user_id` of `events.user_id`, if all columns are of one table."""
    tables = {column.rpartition(".")[0] for column in columns}
    if len(columns) < 2 or len(tables) > 1 or "" in tables:  # noqa: PLR2004
        return columns
    return tuple(column.rpartition(".")[2] for column in columns)


def _column_name(cell: str) -> str:
    """A name without RecBole's `:token` and without blanks around it."""
    name = cell.strip().strip("\ufeff")
    return re.sub(r":(token|token_seq|float|float_seq)$", "", name)


def _sample(rows: Sequence[Sequence[str]], width: int) -> tuple[tuple[str, ...], ...]:
    fitting = (row[:width] for row in rows if _fits(row, width))
    return tuple(map(tuple, islice(fitting, 20)))
