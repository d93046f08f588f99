"""Words of the catalogue in the place of words that were typed wrong."""

from collections.abc import Sequence

from serving.repositories.search import Search
from serving.services.searching.slips import forgiven, slips

_MOST_COUNTED = 20
_FEWEST_LETTERS = 4
_MOST_CORRECTED = 4
"""Slips are counted in this process, while other requests wait."""


class Spelling:
    """Finds for words no item has the ones that were probably meant."""

    def __init__(self, search: Search) -> None:
        self._search = search

    async def corrected(self, typed: Sequence[str]) -> dict[str, str]:
        """For those of the words that can be corrected, the catalogue's words, folded.

        Of words as near, the one that begins alike, then the one most items have.
        """
        correctable = [word for word in typed if len(word) >= _FEWEST_LETTERS and word.isalpha()]
        correctable = correctable[:_MOST_CORRECTED]
        if not correctable:
            return {}
        alike = await self._search.find_words_alike(correctable)
        near = [_nearest(word, words) for word, words in alike]
        wanted = {word for counted in near for word, _ in counted}
        items = await self._search.count_items_with(wanted) if wanted else {}
        found = {}
        for original, (word, _), counted in zip(correctable, alike, near, strict=True):
            had = [(other, distance) for other, distance in counted if items.get(other)]
            if had:
                found[original] = min(
                    (_order(word, other, distance, items), other) for other, distance in had
                )[1]
        return found


def _nearest(typed: str, words: Sequence[str]) -> list[tuple[str, int]]:
    """Words with as few slips as are forgiven, and how many; the nearest first."""
    counted = (
        (word, slips(typed, word))
        for word in words
        if 0 < abs(len(word) - len(typed)) <= forgiven(typed, word) or len(word) == len(typed)
    )
    forgivable = [(word, count) for word, count in counted if 0 < count <= forgiven(typed, word)]
    return sorted(forgivable, key=lambda one: (one[1], one[0][0] != typed[0]))[:_MOST_COUNTED]


def _order(typed: str, word: str, distance: int, items: dict[str, int]) -> tuple[int, bool, int]:
    return distance, word[0] != typed[0], -items[word]
