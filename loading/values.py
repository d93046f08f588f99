"""Values of events: what a column of numbers holds."""

from dataclasses import dataclass
from shlex import quote

import duckdb

from loading.options import AmbiguousInputError, Choice
from loading.plans import is_given, number_in, sample_of
from loading.tables import Table
from loading.words import last_part

_MOST_POINTS = 10
"""Of scales on which 0 or -1 often stands for no rating."""
_AMOUNTS = {"value", "eventvalue"}
"""Columns that are ratings, prices, seconds or anything else."""


@dataclass(frozen=True, slots=True)
class Values:
    """What a column holds."""

    least: float
    greatest: float
    least_positive: float
    numbers: int
    given: int
    whole: bool
    """Whether all numbers are whole."""
    halves: bool
    """Whether all are whole or end in .5."""

    @property
    def perhaps_unrated(self) -> float | None:
        """A number that may stand for no rating, as 0 does beside 1 to 5."""
        is_apart = (self.whole and self.least_positive >= 1) or (
            self.halves and self.least_positive >= 0.5  # noqa: PLR2004
        )
        rated = is_apart and 2 <= self.greatest <= _MOST_POINTS  # noqa: PLR2004
        return self.least if rated and self.least in (0.0, -1.0) else None


def values_of(
    duck: duckdb.DuckDBPyConnection, table: Table, column: str, rated: str, unrated: float | None
) -> Values:
    """What a column holds in the rows of which `rated`, SQL, is true."""
    text = f"trim({table.expressions[column]})"
    least, greatest, least_positive, whole, halves, numbers, given = duck.execute(
        "select min(number) filter (counts), max(number) filter (counts),"
        " min(number) filter (counts and number > 0),"
        " bool_and(number = round(number)) filter (counts),"
        " bool_and(number * 2 = round(number * 2)) filter (counts),"
        " count(*) filter (finite), count(*) filter (is_given)"
        f" from (select number, finite, is_given, finite and ({rated})"
        f" and {'true' if unrated is None else f'number <> {unrated}'} as counts"
        f" from (select *, {number_in(text)} as number,"
        f" coalesce(isfinite({number_in(text)}), false) as finite,"
        f" {is_given(text)} as is_given from {table.view} where fault is null))"
    ).fetchall()[0]
    return Values(
        least or 0.0,
        greatest or 0.0,
        least_positive or 0.0,
        numbers,
        given,
        bool(whole),
        bool(halves),
    )


def no_numbers(table: Table, column: str) -> str:
    """What to say of ratings that are not written as numbers."""
    word = next(iter(sample_of(table, column)), "")
    return (
        f"{column} holds {word!r}, which is no number. Say --column value=NAME for another column,"
        f" --column {quote(f'kind={column}')} --map-kind {quote(f'{word}=like')} and so on if its"
        " words are kinds, or --kind view to read none."
    )


def refuse_amounts(column: str, values: Values) -> None:
    """AmbiguousInputError for numbers of which nothing says that they are ratings."""
    # Ratings have few steps, and mostly ten at the most.
    are_amounts = not values.halves or values.greatest > _MOST_POINTS
    if last_part(column) in _AMOUNTS and are_amounts:
        raise AmbiguousInputError(
            f"Are the numbers in {column}, from {values.least:g} to {values.greatest:g}, ratings?",
            [
                Choice("ratings", "--kind rate", {"kind": "rate"}),
                Choice("each line is a use", "--kind view", {"kind": "view"}),
            ],
        )
