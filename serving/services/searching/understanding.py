"""What a query asks for, with typing mistakes corrected."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.identifiers import RunId
from serving.repositories.search import Search, TypedWord
from serving.services.searching.asking import Asking, asking
from serving.services.searching.query import TypedQuery
from serving.services.searching.spelling import Spelling


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
        understood = await self._search.understand(run_id, _words(typed))
        missed = [
            one.text
            for one, word in zip(typed.wanted, understood.words, strict=False)
            if not one.phrase and word.asks is not None and not word.items
        ]
        corrected = await self._spelling.corrected(missed)
        if corrected:
            typed = typed.replaced([corrected.get(one.text, one.text) for one in typed.wanted])
            understood = await self._search.understand(run_id, _words(typed))
        return Understood(asking(typed, understood.words), understood.meaning, corrected)


def _words(typed: TypedQuery) -> list[TypedWord]:
    wanted = [TypedWord(one.text, one.unfinished, wanted=True) for one in typed.wanted]
    return wanted + [TypedWord(one.text, unfinished=False, wanted=False) for one in typed.unwanted]
