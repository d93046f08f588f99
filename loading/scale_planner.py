"""Which column has the values of events, and of which scale its ratings are."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import InvalidInputError
from domain.interactions import Scale, parse_scale
from loading.duck import literal
from loading.findings import RATING_KIND, Findings
from loading.kinds_plan import kind_text
from loading.mistaken_columns import ask_about_rating, is_of_item
from loading.plans import number_in
from loading.scales import (
    LONELY,
    MANY,
    SeenRatings,
    ask_about_lonely,
    ask_about_unrated,
    find_scale,
    read_on,
    usual_scale,
)
from loading.values import Values, no_numbers, refuse_amounts, values_of
from loading.written_ratings import WrittenRatings, find_written_ratings


@dataclass(slots=True)
class ScalePlanner:
    """Finds the scale of ratings."""

    seen: Findings
    unrated: float | None
    """A rating that says no more than that the item was used."""
    written: WrittenRatings | None = None
    seen_ratings: SeenRatings | None = None
    """What the scale was seen from; None: something else says it."""

    def plan(self, kind: str | None, kinds: Mapping[str, str | None]) -> Scale | None:
        """The scale of the ratings; None: there are none, or each has its own.

        Raises InvalidInputError for values that are none, and AmbiguousInputError for ratings on
        no usual scale.
        """
        if "value" not in self.seen.fields:
            return None
        used = {kind} if kind is not None else set(kinds.values())
        valued = [
            each.kind
            for each in self.seen.known
            if each.kind in used and each.greatest_value is not None
        ]
        if not valued:
            column = self.seen.fields.pop("value")
            self.seen.notes.append(f"{column} is not read: no kind of the file has a value")
            self.seen.fields.pop("scale", None)
            return None
        column = self.seen.fields["value"]
        self.written = find_written_ratings(self.seen.duck, self.seen.table, column)
        if self.written is not None:
            self.seen.table = self.written.numbers_in(self.seen.table)
        values = self._values(kinds)
        if values.given and values.numbers * 2 < values.given:
            raise InvalidInputError(no_numbers(self.seen.table, column))
        if RATING_KIND not in used or not values.numbers:
            self.seen.read_as["value"] = "the value, as it is"
            return None
        if "scale" in self.seen.fields and self.seen.options.scale is None:
            self.seen.read_as["value"], self.seen.read_as["scale"] = "ratings", "the scale of each"
            return None
        if self.seen.layout is None and self.seen.options.kind is None and not kinds:
            refuse_amounts(column, values)
        self._refuse_those_of_items(column)
        scale = self._found_scale(column, values)
        self.seen.read_as["value"] = read_on(scale)
        return scale

    def _refuse_those_of_items(self, column: str) -> None:
        """AmbiguousInputError if the ratings are known of items, and not given by users."""
        options = self.seen.options
        is_explicit = (
            self.seen.layout or options.kind or options.scale or "value" in options.columns
        )
        fields = self.seen.fields
        if not is_explicit and is_of_item(self.seen.duck, self.seen.table, column, fields):
            raise ask_about_rating(column)

    def _found_scale(self, column: str, values: Values) -> Scale:
        unrated = values.perhaps_unrated
        if self.seen.options.scale is not None:
            scale = parse_scale(self.seen.options.scale)
            if unrated is not None and unrated < scale.least and self.unrated is None:
                self.unrated = unrated
                self.seen.notes.append(f"a {column} of {unrated:g} is a use without rating")
            return scale
        layout_scale = self.seen.layout.scale if self.seen.layout is not None else None
        # Of many ratings not all are 1: then it says no more than that somebody used the item.
        are_uses = values.numbers >= MANY and values.least == values.greatest == 1
        if (
            layout_scale is not None
            and values.least in layout_scale
            and values.greatest in layout_scale
            and not are_uses
        ):
            return layout_scale
        self._refuse_lonely(column, values)
        if unrated is not None:
            raise ask_about_unrated(column, unrated, values.least_positive, values.greatest)
        if self.written is not None:
            return self.written.scale(values.least)
        self.seen_ratings = SeenRatings(values.least, values.greatest, values.numbers)
        return find_scale(column, values.least, values.greatest)

    def _refuse_lonely(self, column: str, values: Values) -> None:
        """AmbiguousInputError if one number far from the others may stand for no rating."""
        for lonely in {values.least, values.greatest} & set(LONELY):
            number = number_in(f"trim({self.seen.table.expressions[column]})")
            least, greatest = self.seen.duck.execute(
                f"select min(number), max(number) from (select {number} as number"
                f" from {self.seen.table.view} where fault is null)"
                f" where isfinite(number) and number <> {lonely}"
            ).fetchall()[0]
            scale = usual_scale(least, greatest) if least is not None else None
            if scale is not None and (lonely < 0 or lonely > 2 * greatest):
                raise ask_about_lonely(column, lonely, scale)

    def _values(self, kinds: Mapping[str, str | None]) -> Values:
        rated = "true"
        if kinds:
            words = ", ".join(literal(word) for word, kind in kinds.items() if kind == RATING_KIND)
            text = kind_text(self.seen.table, self.seen.fields["kind"])
            rated = f"{text} in ({words})" if words else rated
        return values_of(
            self.seen.duck, self.seen.table, self.seen.fields["value"], rated, self.unrated
        )
