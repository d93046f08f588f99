"""The edit distance between what was typed and what may have been meant."""

from rapidfuzz.distance import OSA

_LONG, _SHORT = 8, 4


def edit_distance(typed: str, meant: str) -> int:
    """How many letters are too many, missing, wrong, or exchanged with their neighbour.

    The optimal string alignment distance: no letter is touched twice.
    """
    return OSA.distance(typed, meant)


def max_edits(typed: str, meant: str) -> int:
    """How many edits are tolerated, by the shorter of the two; the store's `max_edits` is the same.

    None below four letters, one below eight, two from there.
    """
    length = min(len(typed), len(meant))
    return 0 if length < _SHORT else 1 if length < _LONG else 2
