"""What a query asks for, with typing mistakes corrected and compounds found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import OSA

from domain.identifiers import RunId
from serving.search.query import TypedQuery
from serving.search.query_plan import (
    QueryPlan,
    either,
    query_plan,
    spelling_variants,
    with_variants,
)
from serving.search.words import AnalyzedWord, CompoundWord, Search, TypedWord

_LONG, _SHORT = 8, 4

_MOST_COUNTED = 20
_FEWEST_LETTERS = 4
_MOST_CORRECTED = 4
"""PostgreSQL counts the items of `_MOST_COUNTED` words for each, 1 ms a word that many have."""
_COMPOUND_DISTANCE = 1
"""Of compounds: as if one letter, the space, were missing."""
_FEW = 5
"""Of a word that so many items have at most it is asked whether others have it as two words."""


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


@dataclass(frozen=True, slots=True)
class AnalyzedQuery:
    """What a query asks for, with its words corrected."""

    plan: QueryPlan | None
    """None: no word of it can be looked for."""
    meaning: Any
    """A similarity embedding as the driver gives it, or None."""
    corrected: Mapping[str, str]
    """Words as they were typed, and those that are looked for instead."""


class QueryAnalyzer:
    """Asks the store what words mean."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._spelling = Spelling(search)

    async def analyze(self, run_id: RunId | None, typed: TypedQuery) -> AnalyzedQuery:
        """What is asked for; words that no item has are corrected first."""
        words, meaning = await self._words(run_id, typed)
        missed, rare = _missed_and_rare(typed, words)
        compounds = await self._spelling.compounds([*missed, *rare])
        corrected = await self._spelling.corrected(missed, compounds)
        if corrected:
            typed = typed.replaced([corrected.get(word.text, word.text) for word in typed.wanted])
            words, meaning = await self._words(run_id, typed)
        for index, word in enumerate(typed.wanted):
            several = compounds.get(word.text) if word.text in rare else None
            # Some item is written as typed: `atone` is not `at one`.
            if several is not None and not several.has_function_word:
                words[index] = either(words[index], several.analyzed)
        return AnalyzedQuery(query_plan(typed, words), meaning, corrected)

    async def _words(
        self, run_id: RunId | None, typed: TypedQuery
    ) -> tuple[list[AnalyzedWord], Any]:
        """The words as the store analyzes them, and what those that are wanted mean."""
        given = _typed_words(typed)
        variants = spelling_variants(typed)
        others = [TypedWord(variant.text, unfinished=False, wanted=False) for variant in variants]
        analyzed = await self._search.analyze(run_id, given + others)
        words, variant_words = analyzed.words[: len(given)], analyzed.words[len(given) :]
        return with_variants(words, variants, variant_words), analyzed.meaning


def _missed_and_rare(
    typed: TypedQuery, words: Sequence[AnalyzedWord]
) -> tuple[list[str], list[str]]:
    """Words that no item has, and words that hardly any item has."""
    asked = [
        (typed_word.text, word.items)
        for typed_word, word in zip(typed.wanted, words, strict=False)
        if not typed_word.phrase and word.asks is not None
    ]
    missed = [text for text, items in asked if not items]
    return missed, [text for text, items in asked if 0 < items <= _FEW]


def _typed_words(typed: TypedQuery) -> list[TypedWord]:
    wanted = [TypedWord(word.text, word.unfinished, wanted=True) for word in typed.wanted]
    return wanted + [
        TypedWord(word.text, unfinished=False, wanted=False) for word in typed.unwanted
    ]
