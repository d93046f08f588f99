"""What a query asks for, with typing mistakes corrected and words found however they are parted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.identifiers import RunId
from serving.repositories.search import Search, TypedWord, UnderstoodWord
from serving.services.searching.asking import Asking, asking
from serving.services.searching.query import TypedQuery
from serving.services.searching.spelling import Spelling
from serving.services.searching.writings import either, other_writings, with_others

_FEW = 5
"""Of a word that so many items have at most it is asked whether others have it as two words."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A query as the store understands it."""

    asking: Asking | None
    """None: no word of it can be looked for."""
    meaning: Any
    """A likeness as the driver gives it, or None."""
    corrected: Mapping[str, str]
    """Words as they were typed, and those that are looked for instead."""


class Understanding:
    """Asks the store what words mean."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._spelling = Spelling(search)

    async def understand(self, run_id: RunId | None, typed: TypedQuery) -> Understood:
        """What is asked for; words that no item has are corrected first."""
        words, meaning = await self._words(run_id, typed)
        missed, rare = _missed_and_rare(typed, words)
        parted = await self._spelling.parted([*missed, *rare])
        corrected = await self._spelling.corrected(missed, parted)
        if corrected:
            typed = typed.replaced([corrected.get(one.text, one.text) for one in typed.wanted])
            words, meaning = await self._words(run_id, typed)
        for place, one in enumerate(typed.wanted):
            several = parted.get(one.text) if one.text in rare else None
            # Some item is written as typed: `atone` is not `at one`.
            if several is not None and not several.has_function_word:
                words[place] = either(words[place], several.understood)
        return Understood(asking(typed, words), meaning, corrected)

    async def _words(
        self, run_id: RunId | None, typed: TypedQuery
    ) -> tuple[list[UnderstoodWord], Any]:
        """The words as the store understands them, and what those that are wanted mean."""
        given = _typed_words(typed)
        writings = other_writings(typed)
        others = [TypedWord(one.text, unfinished=False, wanted=False) for one in writings]
        understood = await self._search.understand(run_id, given + others)
        said, written = understood.words[: len(given)], understood.words[len(given) :]
        return with_others(said, writings, written), understood.meaning


def _missed_and_rare(
    typed: TypedQuery, words: Sequence[UnderstoodWord]
) -> tuple[list[str], list[str]]:
    """Words that no item has, and words that hardly any item has."""
    asked = [
        (one.text, word.items)
        for one, word in zip(typed.wanted, words, strict=False)
        if not one.phrase and word.asks is not None
    ]
    missed = [text for text, items in asked if not items]
    return missed, [text for text, items in asked if 0 < items <= _FEW]


def _typed_words(typed: TypedQuery) -> list[TypedWord]:
    wanted = [TypedWord(one.text, one.unfinished, wanted=True) for one in typed.wanted]
    return wanted + [TypedWord(one.text, unfinished=False, wanted=False) for one in typed.unwanted]
