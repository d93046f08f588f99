"""Words of the catalogue in the place of words that were typed wrong."""

from collections.abc import Mapping, Sequence

from serving.repositories.search import CompoundWord, Search
from serving.services.searching.edit_distance import edit_distance, max_edits

_MOST_COUNTED = 20
_FEWEST_LETTERS = 4
_MOST_CORRECTED = 4
"""PostgreSQL counts the items of `_MOST_COUNTED` words for each, 1 ms a word that many have."""
_COMPOUND_DISTANCE = 1
"""Of compounds: as if one letter, the space, were missing."""


class Spelling:
    """Finds for words no item has the ones that were probably meant."""

    def __init__(self, search: Search) -> None:
        self._search = search

    async def compounds(self, typed: Sequence[str]) -> Mapping[str, CompoundWord]:
        """For those of the words that items have as several words, these words.

        Of several ways to split a word, the one most items have.
        """
        splittable = [word for word in typed if len(word) >= _FEWEST_LETTERS and word.isalnum()]
        if not splittable:
            return {}
        return await self._search.find_compounds(splittable[:_MOST_CORRECTED])

    async def corrected(
        self, typed: Sequence[str], compounds: Mapping[str, CompoundWord]
    ) -> dict[str, str]:
        """For those of the words that can be corrected, the catalogue's words, folded.

        Of words as near, the one that begins alike, then the one most items have. `compounds`
        are as near as words at distance one.
        """
        found = {word: compounds[word].text for word in typed if word in compounds}
        correctable = [word for word in typed if len(word) >= _FEWEST_LETTERS and word.isalpha()]
        correctable = correctable[:_MOST_CORRECTED]
        if not correctable:
            return found
        similar = await self._search.find_similar_words(correctable)
        near = [_nearest(word, words) for word, words in similar]
        wanted = {word for counted in near for word, _ in counted}
        items = await self._search.count_items_with(wanted) if wanted else {}
        for original, (word, _), counted in zip(correctable, similar, near, strict=True):
            had = [
                (_order(word, other, distance, items[other]), other)
                for other, distance in counted
                if items.get(other)
            ]
            if original in compounds:
                several = compounds[original]
                had.append(
                    (_order(word, several.text, _COMPOUND_DISTANCE, several.items), several.text)
                )
            if had:
                found[original] = min(had)[1]
        return found


def _nearest(typed: str, words: Sequence[str]) -> list[tuple[str, int]]:
    """Words within the tolerated distance, and the distance; the nearest first."""
    counted = ((word, edit_distance(typed, word)) for word in words)
    near = [(word, count) for word, count in counted if 0 < count <= max_edits(typed, word)]
    return sorted(near, key=lambda candidate: (candidate[1], candidate[0][0] != typed[0]))[
        :_MOST_COUNTED
    ]


def _order(typed: str, word: str, distance: int, items: int) -> tuple[int, bool, int]:
    return distance, word[0] != typed[0], -items
