"""Slips of the finger between what was typed and what may have been meant."""

_LONG, _SHORT = 8, 4


def slips(typed: str, meant: str) -> int:
    """How many letters are too many, missing, wrong, or exchanged with their neighbour.

    The optimal string alignment distance: no letter is touched twice.
    """
    before: list[int] = []
    above = list(range(len(meant) + 1))
    for row, letter in enumerate(typed, start=1):
        here = [row]
        for column, other in enumerate(meant, start=1):
            # d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [a_i != b_j])
            least = min(above[column] + 1, here[-1] + 1, above[column - 1] + (letter != other))
            exchanged = row > 1 < column and typed[row - 2] == other and meant[column - 2] == letter
            if exchanged:
                least = min(least, before[column - 2] + 1)
            here.append(least)
        before, above = above, here
    return above[-1]


def forgiven(typed: str, meant: str) -> int:
    """How many are forgiven, by the shorter of the two; the store's `forgiven_slips` is the same.

    None below four letters, one below eight, two from there.
    """
    length = min(len(typed), len(meant))
    return 0 if length < _SHORT else 1 if length < _LONG else 2
