"""Plans: what a file is understood to hold, before anything of it is stored."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import duckdb

from domain.errors import InvalidInputError
from domain.interactions import Scale
from loading.duck import literal, literals
from loading.layouts import Content
from loading.scales import SeenRatings
from loading.tables import NOT_TEXT, Table
from loading.times import TimeFormat

NO_ID = (
    *("", "nan", "null", "none", "<na>", "n/a", "na", "\\n", "undefined", "(null)", "(not set)"),
    *("nat", "[null]", "-", "--", "?", "missing", "#n/a", "#ref!", "#value!", "#name?", "#num!"),
)
"""What programs write, in any case, where there is no id."""
THOUSANDS = r"\d{1,3}(,\d{3})+"
FORMULA = '="', '"'
"""Around a text that a spreadsheet keeps from being a number."""
_WRITTEN_FLOAT, _ROUND = r"-?\d+\.0+", r"[1-9]e\+\d\d"
"""Whole numbers as columns of floats have them, and as R writes 100,000."""
_NAME = r'[A-Za-z_]\w*|"\w+"'
"""A column, which may be named several times for nothing."""
_SPACES = "E' \\t\\r\\n' || chr(160) || chr(12288)"


def trimmed(text: str) -> str:
    """The SQL of a text without blanks around, null where nothing is left, from the SQL of it."""
    stripped = f"nullif(trim({text}, {_SPACES}), '')"
    if not re.fullmatch(_NAME, text):
        return stripped
    # Most texts of a file begin and end with a letter or digit: to see that takes a quarter of it.
    return (
        f"case when {text} between '!' and '~' and right({text}, 1) between '!' and '~'"
        f" then {text} else {stripped} end"
    )


def is_given(text: str) -> str:
    """The SQL of whether a text says anything, from the SQL of the text without blanks around."""
    return f"lower({text}) not in ({literals(NO_ID)})"


class IdForm(StrEnum):
    """How ids of a column are written."""

    PLAIN = "as they are"
    FLOAT = "whole numbers written as 123.0"
    FORMULA = 'texts that a spreadsheet keeps from being numbers, as ="0012"'
    EXACT = "as the API took them: `null` is one too"


def id_text(text: str, form: IdForm) -> str:
    """The SQL of an id without what is around it, from the SQL of a column's text."""
    if form is IdForm.EXACT:
        return text
    text = trimmed(text)
    if form is IdForm.FLOAT:
        return (
            f"case when regexp_full_match({text}, {literal(_ROUND)})"
            f" then cast(try_cast({text} as hugeint) as varchar)"
            f" else regexp_replace({text}, '\\.0+$', '') end"
        )
    if form is IdForm.FORMULA:
        # Beside formulas stands what says that there is no id.
        inner = trimmed(f"substr({text}, 3, length({text}) - 3)")
        return f"case when {_is_formula(text)} then {inner} else {text} end"
    return text


def whole_number(text: str) -> str:
    """An id of `IdForm.FLOAT` as it is stored."""
    if re.fullmatch(_ROUND, text):
        return str(int(Decimal(text)))
    return re.sub(r"\.0+$", "", text)


def cleaned_id(text: str, form: IdForm) -> str:
    """The SQL of an id as it is stored, null where there is none, from the SQL of an `id_text`.

    It names the text twice: where rows are many, a column of a query below computes that once.
    """
    return (
        f"nullif({text}, '')"
        if form is IdForm.EXACT
        else f"case when {is_given(text)} then {text} end"
    )


def _is_formula(text: str) -> str:
    return f"(starts_with({text}, '{FORMULA[0]}') and ends_with({text}, '{FORMULA[1]}'))"


@dataclass(frozen=True, slots=True)
class Column:
    """What one column means."""

    name: str
    meaning: str
    read_as: str
    """How its values are read."""
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventsPlan:
    """How the rows of a table become events."""

    table: Table
    fields: Mapping[str, str]
    """The column of each meaning."""
    columns: tuple[Column, ...]
    kind: str | None
    """The kind of all events; None: a column says it."""
    kinds: Mapping[str, str | None]
    """Our kind for each word of that column; None: left out."""
    time: TimeFormat | None
    scale: Scale | None
    unrated: float | None
    id_forms: Mapping[str, IdForm]
    guests: tuple[str, ...]
    """Ids of users that stand for nobody."""
    order_ids: bool
    """An event id is that of an order: the event's is made of it and of the item."""
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    layout: str | None = None
    content: Content = Content.EVENTS
    left_out: str = "false"
    """The SQL of whether a row does not count, as it says itself."""
    kept_context: tuple[str, ...] = ()
    """Names of contexts that are kept; empty: no column says a context."""
    guessed_context: tuple[str, ...] = ()
    """Those of them that nobody said are read: where they are faulty, an event has no context."""
    seen_ratings: SeenRatings | None = None
    """What the scale was seen from, in this file; None: something else says it."""

    def text(self, meaning: str) -> str | None:
        """The SQL of a meaning's text; None: no column has it."""
        column = self.fields.get(meaning)
        return None if column is None else self.table.expressions[column]


@dataclass(frozen=True, slots=True)
class ItemsPlan:
    """How the rows of a table become items, or tags of items."""

    table: Table
    content: Content
    fields: Mapping[str, str]
    attributes: Mapping[str, str]
    """The columns that become attributes, by the attributes' names."""
    columns: tuple[Column, ...]
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    layout: str | None = None
    id_form: IdForm = IdForm.PLAIN
    flags: tuple[str, ...] = ()
    """Categories that have a column each, the last of the table."""
    years: bool = False
    """Whether a year at the end of a title is an attribute."""
    between_categories: str = "|"

    @property
    def flags_from(self) -> int:
        """The index of the first such column."""
        return len(self.table.columns) - len(self.flags)


Plan = EventsPlan | ItemsPlan


class NothingToLoadError(InvalidInputError):
    """The file is understood, and holds nothing that Tandem keeps."""


def sample_of(table: Table, column: str) -> tuple[str, ...]:
    """The first two values of a column that differ."""
    values = [row.get(column) for row in table.sample]
    return tuple(dict.fromkeys(value.removeprefix(NOT_TEXT) for value in values if value))[:2]


def id_form(duck: duckdb.DuckDBPyConnection, table: Table, expression: str) -> IdForm:
    """How a column of ids is written, by all of them.

    Raises InvalidInputError for ids that a spreadsheet changed.
    """
    text = f"trim({expression})"
    floats, others, shortened, separated, formulas, marked, given = duck.execute(
        f"select count(*) filter (regexp_full_match({text}, '{_WRITTEN_FLOAT}|{_ROUND}')),"
        f" count(*) filter (not regexp_full_match({text}, '-?\\d+|{_WRITTEN_FLOAT}|{_ROUND}')"
        f" and {is_given(text)}),"
        f" count(*) filter (substr({text}, 2, 1) = '.'"
        f" and regexp_full_match({text}, '\\d\\.\\d+[eE]\\+?\\d+')),"
        f" count(*) filter (regexp_full_match({text}, {literal(THOUSANDS)})),"
        f" count(*) filter ({_is_formula(text)}),"
        f" count(*) filter (starts_with({text}, '''')), count(*) filter ({is_given(text)})"
        f" from {table.view} where fault is null"
    ).fetchall()[0]
    if shortened * 10 > others:
        raise InvalidInputError(
            f"{table.source.name} has ids such as 1.23E+11: a spreadsheet or a column of floats cut"
            " digits off, and different ids became one. Write the ids as text."
        )
    if separated and separated == others:
        raise InvalidInputError(
            f"{table.source.name} has ids such as 1,234: a spreadsheet put commas into numbers."
            " Write the ids without them."
        )
    if marked and marked == given:
        raise InvalidInputError(
            f"All ids of a column of {table.source.name} begin with a single quote, which is not"
            " read: write them without, or in double quotes."
        )
    if formulas and formulas == given:
        return IdForm.FORMULA
    return IdForm.FLOAT if floats and not others else IdForm.PLAIN


def number_in(text: str) -> str:
    """The SQL of the number in a text, which may have a comma before one or two decimals."""
    return (
        f"try_cast(case when regexp_full_match({text}, '-?\\d+,\\d{{1,2}}')"
        f" then replace({text}, ',', '.') else {text} end as double)"
    )
