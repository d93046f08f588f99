"""The scale of ratings, seen from all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.interactions import Scale
from loading.options import AmbiguousInputError, Choice

_KNOWN = (
    Scale(1.0, 5.0),
    Scale(0.5, 5.0),
    Scale(0.0, 5.0),
    Scale(1.0, 10.0),
    Scale(0.5, 10.0),
    Scale(0.0, 10.0),
    Scale(1.0, 100.0),
    Scale(0.0, 100.0),
    Scale(-1.0, 1.0),
    Scale(-10.0, 10.0),
)
"""The first that has room for all ratings is meant, with one exception: 0 and 1 alone."""

_POINTS = 5
"""Few ratings need not reach five points, of which most scales are."""
_REACHED = 0.8
"""Of the top of a scale somebody gave this share, or it is another scale."""
MANY = 20
"""Of so many ratings somebody gives nearly the most."""


@dataclass(frozen=True, slots=True)
class SeenRatings:
    """The ratings of a file whose scale was seen from them alone."""

    least: float
    greatest: float
    ratings: int


def find_scale(column: str, least: float, greatest: float) -> Scale:
    """The scale of ratings between `least` and `greatest`.

    Raises AmbiguousInputError for ratings of 0 and 1 and for those on no usual scale.
    """
    if least == greatest and greatest in (0.0, 1.0):
        raise AmbiguousInputError(
            f"All of {column} is {greatest:g}: a rating, or one use a line?",
            [
                Choice("ratings from 1 to 5", "--scale 1:5", {"scale": "1:5"}),
                Choice("each line is a use", "--kind view", {"kind": "view"}),
            ],
        )
    if (least, greatest) == (0.0, 1.0):
        return Scale(0.0, 1.0)
    if least >= 0.0 and greatest <= 1.0:
        raise AmbiguousInputError(
            f"The numbers in {column} lie between {least:g} and {greatest:g}.",
            [
                Choice("ratings from 0 to 1", "--scale 0:1", {"scale": "0:1"}),
                Choice("ratings from 0 to 5", "--scale 0:5", {"scale": "0:5"}),
                Choice("they are no ratings", "--kind view", {"kind": "view"}),
            ],
        )
    for scale in _KNOWN:
        if least in scale and greatest in scale:
            if scale.greatest > _POINTS and greatest < _REACHED * scale.greatest:
                raise _ask_about_top(column, least, greatest, scale)
            return scale
    raise AmbiguousInputError(
        f"The ratings in {column} go from {least:g} to {greatest:g}, which is no usual scale.",
        [
            Choice(
                f"the scale is {least:g} to {greatest:g}",
                f"--scale={least:g}:{greatest:g}",
                {"scale": f"{least:g}:{greatest:g}"},
            ),
            Choice("they are no ratings", "--kind view", {"kind": "view"}),
        ],
    )


def refuse_few_points(column: str, seen: Sequence[SeenRatings]) -> None:
    """AmbiguousInputError if many ratings, of all parts of a log, do not reach five points."""
    if sum(each.ratings for each in seen) < MANY:
        return
    least, greatest = min(each.least for each in seen), max(each.greatest for each in seen)
    if (least, greatest) == (0.0, 1.0):
        return
    scale = usual_scale(least, greatest)
    if scale is not None and scale.greatest == _POINTS and greatest < _REACHED * _POINTS:
        raise _ask_about_top(column, least, greatest, scale)


def read_on(scale: Scale) -> str:
    """How ratings are read on a scale, for a person."""
    low, high = scale.least, scale.greatest
    return (
        f"ratings from {low:g} to {high:g}: above {(low + high) / 2:g} a liking,"
        f" up to {low + (high - low) / 5:g} a dislike, between them seen"
    )


def scale_up_to(greatest: float, least: float) -> Scale:
    """The scale of ratings from `least` on of which the greatest possible is known.

    Nobody begins to count at 1 who counts beyond 10.
    """
    known = (scale for scale in _KNOWN if scale.greatest == greatest and greatest <= 10)  # noqa: PLR2004
    usual = (scale for scale in known if least in scale)
    return next(usual, Scale(min(least, 0.0), greatest))


def _ask_about_top(column: str, least: float, greatest: float, usual: Scale) -> AmbiguousInputError:
    seen = [Scale(least, greatest)] if least < greatest else []
    return AmbiguousInputError(
        f"The ratings in {column} go from {least:g} to {greatest:g}: of which scale?",
        [
            Choice(f"from {each}", f"--scale={each}", {"scale": str(each)})
            for each in (*seen, usual)
        ],
    )


def ask_about_unrated(
    column: str, unrated: float, least: float, greatest: float
) -> AmbiguousInputError:
    """Many logs write 0 or -1 where somebody gave no rating; the others begin at `least`."""
    low = min(least, 1)
    high = 5 if greatest <= 5 else 10  # noqa: PLR2004
    worst = f"{unrated:g}:{high}"
    return AmbiguousInputError(
        f"In {column}, {unrated:g} may be no rating, or the worst one.",
        [
            Choice(
                f"{unrated:g} is no rating",
                f"--scale {low:g}:{high}",
                {"scale": f"{low:g}:{high}"},
            ),
            Choice(f"{unrated:g} is the worst", f"--scale={worst}", {"scale": worst}),
        ],
    )


LONELY = (-999.0, -99.0, 99.0, 255.0, 999.0, 9999.0)
"""Numbers that stand for no rating in some logs."""


def usual_scale(least: float, greatest: float) -> Scale | None:
    """The first usual scale with room for all ratings."""
    return next((scale for scale in _KNOWN if least in scale and greatest in scale), None)


def ask_about_lonely(column: str, lonely: float, scale: Scale) -> AmbiguousInputError:
    """Some logs write 99 or 255 where somebody gave no rating."""
    low, high = min(scale.least, lonely), max(scale.greatest, lonely)
    return AmbiguousInputError(
        f"In {column}, {lonely:g} stands far from all other ratings, which are from {scale}:"
        " perhaps it is none.",
        [
            Choice("it is none: its rows are rejected", f"--scale={scale}", {"scale": str(scale)}),
            Choice(
                "it is a rating",
                f"--scale={low:g}:{high:g}",
                {"scale": f"{low:g}:{high:g}"},
            ),
        ],
    )
