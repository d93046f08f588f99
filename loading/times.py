"""Times as files write them: which way is seen from the whole column, and read by DuckDB."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

import duckdb

from domain.errors import InvalidInputError
from loading.duck import identifier, literal
from loading.options import AmbiguousInputError, Choice
from loading.tables import NOT_TEXT
from loading.time_patterns import CLOCKS, NAMED

EPOCH, DIGITS, ISO, PATTERNS = "epoch", "digits", "ISO 8601", "patterns"

_NUMBER = r"-?\d+(\.\d*)?([eE][+-]?\d+)?"
_SHORTENED = r"\d(\.\d+)?[eE]\+\d\d"
_DIGITS_OF_SECONDS = 9
"""Behind the point in 1.600000001e9."""
_DAY = r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_DAY_AND_TIME = rf"{_DAY}(([01]\d|2[0-3])([0-5]\d([0-5]\d)?)?)?"
_DIGIT_PATTERNS = "['%Y%m%d', '%Y%m%d%H', '%Y%m%d%H%M', '%Y%m%d%H%M%S']"
_DAY_BEFORE_MONTH = r"^\d{4}[-/](1[3-9]|2\d|3[01])[-/](0?[1-9]|1[0-2])\b"
_SOME = 0.02
_MONTH_BEFORE_DAY = r"^\d{4}[-/](0?[1-9]|1[0-2])[-/](1[3-9]|2\d|3[01])\b"
_OTHER_YEAR = re.compile(
    r"(1[34]\d\d|25\d\d)[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.](1[34]\d\d|25\d\d)"
)
"""A day of the Persian, the Islamic or the Buddhist calendar of our time."""
_FEWEST = 3
"""So many dates with a day for a month are no mistake."""
_SHARED_ZONES = r"(?i)\d ?(IST|BST|CST|AST|ECT|SST|AMT|GST)$"
"""India, Israel and Ireland; Britain and Bangladesh; Chicago and China."""
_NUMERIC_DATE = r"^\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})\b"
_PLAIN_ZONE = r":\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"
"""Where times have it, the whole file need not be read for others."""
_MONTHS, _DAYS = 12, 31
_ENOUGH = 20
"""So many dates show what differs most from one to the next."""
CLOCK = r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?"
"""A time of day without its day."""
HOUR = r"([01]?\d|2[0-3])(\.0)?"
"""An hour without anything else."""

# Epoch seconds reach the first in the year 5138; milliseconds passed it in 1973.
_MILLISECONDS, _MICROSECONDS, _NANOSECONDS, _GREATEST = 1e11, 1e14, 1e17, 1e20
_FIRST_SECOND = 852_076_800
"""In 1997: a log that ends before counts days, years, or from another beginning than 1970."""
_FIRST_EXPLICIT_SECOND = 315_532_800
"""In 1980: years, days and hours lie before, whoever says that they are times since 1970."""


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How a column writes times."""

    name: str
    patterns: tuple[str, ...] = ()
    """Formats of strptime, each tried."""
    description: str = ""
    """As a person says it."""
    day_first: bool | None = None
    """Of dates in numbers: whether the day comes before the month."""
    within: str | None = None
    """The first group of this expression is the time; None: all is."""

    def expression(self, text: str) -> str:
        """The SQL of a time with zone, null where `text` is not one, from the SQL of a text."""
        if self.within is not None:
            text = f"regexp_extract({text}, {literal(self.within)}, 1)"
        trimmed = f"trim({text})"
        match self.name:
            case "digits":
                return f"cast(try_strptime({trimmed}, {_DIGIT_PATTERNS}) as timestamptz)"
            case "ISO 8601" | "epoch":
                iso = (
                    f"case when {trimmed} similar to '\\d{{4}}.*'"
                    f" then try_cast({trimmed} as timestamptz) end"
                )
                return (
                    f"case when regexp_full_match({trimmed}, {literal(_NUMBER)}) then"
                    f" to_timestamp({_epoch_seconds(trimmed)}) else {iso} end"
                )
        formats = ", ".join(literal(pattern) for pattern in self.patterns)
        one_blank = f"regexp_replace({trimmed}, '\\s+', ' ', 'g')"
        time = f"try_strptime({one_blank}, [{formats}])"
        # %Y reads 20 as the year 20.
        return f"cast(case when year({time}) >= 1000 then {time} end as timestamptz)"


_OTHERS = (
    TimeFormat(PATTERNS, NAMED, "dates with names of months"),
    TimeFormat(PATTERNS, NAMED, "dates of JavaScript", within=r"^(.* GMT[+-]\d{4})( \(.*\))?$"),
    TimeFormat(EPOCH, description="dates of .NET", within=r"^\\?/Date\((-?\d+)([+-]\d{4})?\)\\?/$"),
)


def _epoch_seconds(text: str) -> str:
    number = f"try_cast({text} as double)"
    return (
        f"case when abs({number}) < {_MILLISECONDS} then {number}"
        f" when abs({number}) < {_MICROSECONDS} then {number} / 1e3"
        f" when abs({number}) < {_NANOSECONDS} then {number} / 1e6"
        f" when abs({number}) < {_GREATEST} then {number} / 1e9 end"
    )


def find_time_format(
    duck: duckdb.DuckDBPyConnection,
    view: str,
    column: str,
    expression: str,
    *,
    day_first: bool | None,
    is_explicit: bool,
) -> TimeFormat:
    """How a column's times are written, by all its values; `is_explicit`: that it is one of times.

    Raises InvalidInputError if they are no times, and AmbiguousInputError if day and month cannot
    be told apart.
    """
    text = f"trim({expression})"
    rows = duck.execute(
        f"select {text} from {view} where fault is null and {expression} is not null"
        f" and {text} not in ('', '0') limit 1000"
    ).fetchall()
    sample = [str(row[0]) for row in rows]
    if not sample:
        return TimeFormat(ISO, description="times")
    # Of all rows only where the first are so: this reads the whole file. Below may be a total.
    are_days = _matching(duck, sample, f"^{_DAY_AND_TIME}$") > 0.5  # noqa: PLR2004
    if are_days and _most(duck, view, expression, _DAY_AND_TIME):
        return TimeFormat(DIGITS, description=_digits_shown(sample))
    if _matching(duck, sample, f"^{_NUMBER}$") > 0.5:  # noqa: PLR2004
        if _seconds(_greatest(sample)) < _FIRST_SECOND:
            _refuse_other_counts(duck, view, column, expression, is_explicit=is_explicit)
        _refuse_shortened(duck, view, column, expression)
        return TimeFormat(EPOCH, description=_epoch_unit(sample))
    _refuse_other_calendars(column, sample)
    if _share(duck, sample, TimeFormat(ISO)) > 0.5:  # noqa: PLR2004
        _refuse_days_before_months(duck, column, sample)
        if _matching(duck, sample, _PLAIN_ZONE) < 1:
            _refuse_shared_zones(duck, view, column, expression)
        return TimeFormat(ISO, description="dates and times of ISO 8601")
    if _matching(duck, sample, _NUMERIC_DATE) > 0.5:  # noqa: PLR2004
        return _numeric_dates(duck, view, column, text, sample, day_first=day_first)
    for other in _OTHERS:
        if _share(duck, sample, other) > 0.5:  # noqa: PLR2004
            return other
    raise InvalidInputError(_not_understood(column, sample[0]))


def _not_understood(column: str, example: str) -> str:
    return (
        f"The column {column} holds {example.removeprefix(NOT_TEXT)!r}, which is not understood"
        " as a time. Say --column time=NAME for another column, or --no-times."
    )


def _refuse_other_calendars(column: str, sample: Sequence[str]) -> None:
    """InvalidInputError for years of which most are of the Persian, Islamic or Buddhist count."""
    years = [found for text in sample if (found := _OTHER_YEAR.match(text.strip()))]
    if len(years) * 2 > len(sample):
        raise InvalidInputError(
            f"The column {column} has dates such as {years[0][0]}, of another calendar: the"
            " Persian, the Islamic or the Buddhist one. Write the dates of the usual one."
        )


def _refuse_shortened(
    duck: duckdb.DuckDBPyConnection, view: str, column: str, expression: str
) -> None:
    """InvalidInputError if most times lack digits, as a spreadsheet shows large numbers."""
    text = f"trim({expression})"
    times, shortened, digits, example = duck.execute(
        f"select count(*), count(*) filter (is_short), max(length(regexp_extract({text},"
        f" '\\.(\\d+)', 1))) filter (is_short), min({text}) filter (is_short) from (select *,"
        f" regexp_full_match({text}, {literal(_SHORTENED)}) as is_short from {view}"
        f" where fault is null and {text} not in ('', '0'))"
    ).fetchall()[0]
    if shortened * 2 <= times or digits >= _DIGITS_OF_SECONDS:
        return
    raise InvalidInputError(
        f"Times in {column} are written as {example}, without their last digits: a spreadsheet"
        " cut them off. Write the numbers in full, say --column time=NAME for another column, or"
        " --no-times."
    )


def _refuse_other_counts(
    duck: duckdb.DuckDBPyConnection, view: str, column: str, expression: str, *, is_explicit: bool
) -> None:
    """InvalidInputError if all times would lie before anybody kept logs as we read them."""
    number = f"abs(try_cast(trim({expression}) as double))"
    (greatest,) = duck.execute(
        f"select max({number}) filter ({number} < {_GREATEST}) from {view} where fault is null"
    ).fetchall()[0]
    if greatest is None or _seconds(greatest) >= _FIRST_SECOND:
        return
    # Windows and .NET count parts of a second that are as nanoseconds.
    may_be_old = greatest < _NANOSECONDS and _seconds(greatest) >= _FIRST_EXPLICIT_SECOND
    if is_explicit and may_be_old:
        return
    old = f" Say --column {quote(f'time={column}')} if they are such times." if may_be_old else ""
    raise InvalidInputError(
        f"The column {column} has numbers up to {greatest:,.15g}. As times since 1970 they would"
        " all lie before 1997: they count something else, such as years, days or hours, or from"
        " another beginning, as Windows does from 1601 and Apple from 2001. Write dates, say"
        f" --column time=NAME for another column, or --no-times.{old}"
    )


def _refuse_days_before_months(
    duck: duckdb.DuckDBPyConnection, column: str, sample: Sequence[str]
) -> None:
    share = _matching(duck, sample, _DAY_BEFORE_MONTH)
    if share <= _SOME or round(share * len(sample)) < _FEWEST:
        return
    if _matching(duck, sample, _MONTH_BEFORE_DAY) > 0:
        return
    raise InvalidInputError(
        f"The column {column} has the day before the month, as in 2026-28-11, of which days up"
        " to 12 would be read as months. Write 2026-11-28."
    )


def _refuse_shared_zones(
    duck: duckdb.DuckDBPyConnection, view: str, column: str, expression: str
) -> None:
    """InvalidInputError for zones whose letters several places have, if --time-zone is another."""
    text = f"trim({expression})"
    bare = f"regexp_replace({text}, ' ?[A-Za-z]+$', '')"
    is_shared = f"regexp_matches({text}, {literal(_SHARED_ZONES)})"
    # All of these letters end in T, which is seen at once.
    (example,) = duck.execute(
        f"select first({text}) from {view} where fault is null and"
        f" upper(right({text}, 1)) = 'T' and {is_shared}"
        f" and try_cast({text} as timestamptz) is distinct from try_cast({bare} as timestamptz)"
    ).fetchall()[0]
    if example is None:
        return
    zone = example[-3:].upper()
    raise InvalidInputError(
        f"Times in {column} are of the zone {zone}, which is that of several places. Write"
        " offsets such as +05:30, or no zone and say --time-zone."
    )


def _numeric_dates(
    duck: duckdb.DuckDBPyConnection,
    view: str,
    column: str,
    text: str,
    sample: Sequence[str],
    *,
    day_first: bool | None,
) -> TimeFormat:
    parts = [
        f"try_cast(regexp_extract({text}, {literal(_NUMERIC_DATE)}, {part}) as integer)"
        for part in (1, 2)
    ]
    year = f"nullif(regexp_extract({text}, {literal(_NUMERIC_DATE)}, 3), '')"
    first, second, third, shortest, longest, firsts, thirds, rows = duck.execute(
        f"select max({parts[0]}), max({parts[1]}), max(try_cast({year} as integer)),"
        f" min(length({year})), max(length({year})), count(distinct {parts[0]}),"
        f" count(distinct {year}), count({year}) from {view} where fault is null"
    ).fetchall()[0]
    # What differs most from day to day is the day: 23/05/10 and 23/05/11 begin with the year.
    differs = firsts < thirds and (firsts == 1 or rows >= _ENOUGH)
    ends_in_days = differs and second <= _MONTHS and third <= _DAYS
    may_be_year = shortest == 2 and (  # noqa: PLR2004
        ends_in_days or ("-" in sample[0] and first > _MONTHS)
    )
    if day_first is None:
        day_first = _asked_or_seen(column, sample[0], first, second, may_be_year=may_be_year)
    order = "%d/%m/" if day_first else "%m/%d/"
    patterns = tuple(
        (order + year + clock).replace("/", mark)
        for mark in "/.-"
        for year in (*(["%y"] if shortest == 2 else []), *(["%Y"] if longest == 4 else []))  # noqa: PLR2004
        for clock in CLOCKS
    )
    description = "dates, the day first" if day_first else "dates, the month first"
    found = TimeFormat(PATTERNS, patterns, description, day_first)
    if _share(duck, sample, found) <= 0.5:  # noqa: PLR2004
        raise InvalidInputError(_not_understood(column, sample[0]))
    return found


def _asked_or_seen(
    column: str, example: str, first: int, second: int, *, may_be_year: bool
) -> bool:
    """Whether dates begin with the day, by the greatest numbers that stand first and second.

    Raises AmbiguousInputError if they may as well begin with the month, or with the year.
    """
    if not may_be_year and (first > _MONTHS >= second or second > _MONTHS >= first):
        return first > _MONTHS
    day = Choice("the day", "--day-first", {"day_first": True})
    month = Choice("the month", "--month-first", {"day_first": False})
    choices = [
        *([day] if second <= _MONTHS or first > _MONTHS else []),
        *([month] if first <= _MONTHS or second > _MONTHS else []),
    ]
    begins = [f"with {choice.label}" for choice in choices]
    begins += ["with the year"] if may_be_year else []
    year = " If with the year, write years of four digits." if may_be_year else ""
    raise AmbiguousInputError(
        f"In the column {column}, {example!r} may begin {' or '.join(begins)}.{year}", choices
    )


def _digits_shown(sample: Sequence[str]) -> str:
    longest = max(map(len, sample))
    if longest == len("20191001"):
        return "days written as 20191001"
    return f"times written as {'20191001093059'[:longest]}"


def _epoch_unit(sample: Sequence[str]) -> str:
    return f"{_unit_of(_greatest(sample))[0]} since 1970"


def _unit_of(number: float) -> tuple[str, float]:
    """What a number since 1970 counts, by its size, and how many of these a second has."""
    units = (
        (_MILLISECONDS, "seconds", 1.0),
        (_MICROSECONDS, "milliseconds", 1e3),
        (_NANOSECONDS, "microseconds", 1e6),
        (_GREATEST, "nanoseconds", 1e9),
    )
    return next((unit, parts) for limit, unit, parts in units if number < limit)


def _seconds(number: float) -> float:
    return number / _unit_of(number)[1]


def _greatest(sample: Sequence[str]) -> float:
    return max((abs(float(text)) for text in sample if _is_number(text)), default=0.0)


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < _GREATEST
    except ValueError:
        return False


def _most(duck: duckdb.DuckDBPyConnection, view: str, expression: str, pattern: str) -> bool:
    """Whether most texts match a pattern, and the others are no times since 1970."""
    text = f"trim({expression})"
    matching, other_times, given = duck.execute(
        f"select count(*) filter (is_match), count(*) filter (not is_match and try_cast({text} as"
        f" double) > {_FIRST_SECOND}), count(*) from (select *, regexp_full_match({text},"
        f" {literal(pattern)}) as is_match from {view}"
        f" where fault is null and {text} not in ('', '0'))"
    ).fetchall()[0]
    return bool(matching * 2 > given and not other_times)


def _share(duck: duckdb.DuckDBPyConnection, sample: Sequence[str], form: TimeFormat) -> float:
    found = duck.execute(
        f"select count({form.expression(identifier('text'))}) from (select unnest(?) as text)",
        [list(sample)],
    ).fetchall()
    return float(found[0][0]) / len(sample)


def _matching(duck: duckdb.DuckDBPyConnection, sample: Sequence[str], pattern: str) -> float:
    found = duck.execute(
        "select count(*) filter (regexp_matches(text, ?)) from (select unnest(?) as text)",
        [pattern, list(sample)],
    ).fetchall()
    return float(found[0][0]) / len(sample)
