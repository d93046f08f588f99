"""Ratings that say what they are out of: `4/5`, `4.0 out of 5 stars`, `80 %`, `★★★★☆`."""

from dataclasses import dataclass, replace

import duckdb

from domain.errors import InvalidInputError
from domain.interactions import Scale
from loading.duck import literal
from loading.plans import is_given
from loading.scales import scale_up_to
from loading.tables import Table

_OUT_OF = r"(-?\d+(?:[.,]\d+)?) *(?:/|(?:out )?of) *(\d+)(?: (?:stars?|bubbles?|points?))?"
_PERCENT = r"(\d+(?:[.,]\d+)?) *%"
_COUNTED = r"(\d+(?:[.,]\d+)?) *(?:stars?|★|⭐)"
_STARS = r"[★⭐*]+\x{FE0F}?½?☆*"
_MOST_STARS = 5


@dataclass(frozen=True, slots=True)
class WrittenRatings:
    """How a column writes its ratings."""

    column: str
    number: str
    """The SQL of the number of a row."""
    greatest: float

    def numbers_in(self, table: Table) -> Table:
        """The table, with the numbers alone in the column."""
        return replace(table, expressions={**table.expressions, self.column: self.number})

    def scale(self, least: float) -> Scale:
        """The scale of ratings from `least` on."""
        return scale_up_to(self.greatest, least)


def find_written_ratings(
    duck: duckdb.DuckDBPyConnection, table: Table, column: str
) -> WrittenRatings | None:
    """How ratings are written if all of them say what they are out of; None: they do not.

    InvalidInputError if they are out of different numbers.
    """
    text = f"trim({table.expressions[column]})"
    given, percents, stars, longest, counted, fractions, smallest, greatest = duck.execute(
        "select count(*), count(*) filter (is_percent), count(*) filter (is_stars),"
        " max(stars) filter (is_stars), count(*) filter (is_counted),"
        " count(*) filter (is_fraction), min(total) filter (is_fraction),"
        " max(total) filter (is_fraction) from ("
        f"select regexp_full_match({text}, {literal(_PERCENT)}) as is_percent,"
        f" regexp_full_match({text}, {literal(_STARS)}) as is_stars,"
        f" length(regexp_replace({text}, '[^★⭐*☆]', '', 'g')) as stars,"
        f" regexp_full_match(lower({text}), {literal(_COUNTED)}) as is_counted,"
        f" regexp_full_match({text}, {literal(_OUT_OF)}) as is_fraction,"
        f" try_cast(regexp_extract({text}, {literal(_OUT_OF)}, 2) as double) as total"
        f" from {table.view} where fault is null and {is_given(text)})"
    ).fetchall()[0]
    if given and percents == given:
        return WrittenRatings(column, _number_of(text, _PERCENT), 100.0)
    if given and stars == given:
        half = f"if(contains({text}, '½'), 0.5, 0)"
        number = f"length(regexp_replace({text}, '[^★⭐*]', '', 'g')) + {half}"
        return WrittenRatings(column, f"cast({number} as varchar)", max(longest, _MOST_STARS))
    if given and counted == given:
        return WrittenRatings(column, _number_of(text, _COUNTED), _MOST_STARS)
    if not given or fractions < given:
        return None
    if smallest != greatest or not greatest:
        raise InvalidInputError(
            f"Some ratings in {column} are out of {smallest:g} and others out of {greatest:g}."
            " Write them as numbers on one scale, or say --kind view to read none."
        )
    return WrittenRatings(column, _number_of(text, _OUT_OF), greatest)


def _number_of(text: str, pattern: str) -> str:
    return f"regexp_extract(lower({text}), {literal(pattern)}, 1)"
