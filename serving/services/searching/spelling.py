"""Words of the catalogue in the place of words that were typed wrong."""

from collections.abc import Mapping, Sequence

from serving.repositories.search import PartedWord, Search
from serving.services.searching.slips import forgiven, slips

_MOST_COUNTED = 20
_FEWEST_LETTERS = 4
_MOST_CORRECTED = 4
"""PostgreSQL counts the items of `_MOST_COUNTED` words for each, 1 ms a word that many have."""
_PARTED = 1
"""Of words that were written as one: as if one letter, the space, were missing."""


class Spelling:
    """Finds for words no item has the ones that were probably meant."""

    def __init__(self, search: Search) -> None:
        self._search = search

    async def parted(self, typed: Sequence[str]) -> Mapping[str, PartedWord]:
        """For those of the words that items have as several words, these words.

        Of several ways to part a word, the one most items have.
        """
        partable = [word for word in typed if len(word) >= _FEWEST_LETTERS and word.isalnum()]
        if not partable:
            return {}
        return await self._search.find_parted_words(partable[:_MOST_CORRECTED])

    async def corrected(
        self, typed: Sequence[str], parted: Mapping[str, PartedWord]
    ) -> dict[str, str]:
        """For those of the words that can be corrected, the catalogue's words, folded.

        Of words as near, the one that begins alike, then the one most items have. `parted` words
        are as near as those with one slip.
        """
        found = {word: parted[word].text for word in typed if word in parted}
        correctable = [word for word in typed if len(word) >= _FEWEST_LETTERS and word.isalpha()]
        correctable = correctable[:_MOST_CORRECTED]
        if not correctable:
            return found
        alike = await self._search.find_words_alike(correctable)
        near = [_nearest(word, words) for word, words in alike]
        wanted = {word for counted in near for word, _ in counted}
        items = await self._search.count_items_with(wanted) if wanted else {}
        for original, (word, _), counted in zip(correctable, alike, near, strict=True):
            had = [
                (_order(word, other, distance, items[other]), other)
                for other, distance in counted
                if items.get(other)
            ]
            if original in parted:
                several = parted[original]
                had.append((_order(word, several.text, _PARTED, several.items), several.text))
            if had:
                found[original] = min(had)[1]
        return found


def _nearest(typed: str, words: Sequence[str]) -> list[tuple[str, int]]:
    """Words with as few slips as are forgiven, and how many; the nearest first."""
    counted = ((word, slips(typed, word)) for word in words)
    forgivable = [(word, count) for word, count in counted if 0 < count <= forgiven(typed, word)]
    return sorted(forgivable, key=lambda one: (one[1], one[0][0] != typed[0]))[:_MOST_COUNTED]


def _order(typed: str, word: str, distance: int, items: int) -> tuple[int, bool, int]:
    return distance, word[0] != typed[0], -items
