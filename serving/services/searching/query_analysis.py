"""What a query asks for, with typing mistakes corrected and compounds found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.identifiers import RunId
from serving.repositories.search import AnalyzedWord, Search, TypedWord
from serving.services.searching.query import TypedQuery
from serving.services.searching.query_plan import QueryPlan, query_plan
from serving.services.searching.spelling import Spelling
from serving.services.searching.variants import either, spelling_variants, with_variants

_FEW = 5
"""Of a word that so many items have at most it is asked whether others have it as two words."""


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
        said, written = analyzed.words[: len(given)], analyzed.words[len(given) :]
        return with_variants(said, variants, written), analyzed.meaning


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
