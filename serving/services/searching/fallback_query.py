"""A query to the fallback: what can be matched without the store."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from serving.services.searching.query import Typed, TypedQuery
from serving.services.searching.title_matching import folded, spaced_words, title_matches

_MOST_WORDS = 10
"""Words looked for: each is looked for in every title, and other requests wait meanwhile."""
_FEWEST_LETTERS = 3
"""From so many on an unwanted word is taken for any word it begins: there are no stems here."""


@dataclass(frozen=True, slots=True)
class FallbackQuery:
    """What is looked for in the titles of the fallback."""

    words: tuple[str, ...]
    """Folded and distinct, ten at most; maybe none."""
    unwanted: re.Pattern[str] | None
    """Finds, in spaced words, what no item may have; None: anything may be."""

    @classmethod
    def of(cls, typed: TypedQuery) -> "FallbackQuery":
        """What was typed; phrases are taken for their words."""
        words = dict.fromkeys(
            word for typed_word in typed.wanted for word in folded(typed_word.text).split()
        )
        return cls(tuple(words)[:_MOST_WORDS], _unwanted(typed.unwanted))

    def score(self, title: str) -> float:
        """The part of the words that begin a word of the title, in [0, 1]."""
        return title_matches(title, self.words) / len(self.words) if self.words else 0.0

    def allows(self, texts: Iterable[str]) -> bool:
        """Whether none of the texts, a title or categories, has what is unwanted."""
        unwanted = self.unwanted
        return unwanted is None or not any(unwanted.search(spaced_words(text)) for text in texts)


def _unwanted(typed: Iterable[Typed]) -> re.Pattern[str] | None:
    phrases = dict.fromkeys(spaced_words(word.text) for word in typed)
    said = [re.escape(_begun(phrase)) for phrase in phrases if phrase.strip()]
    return re.compile("|".join(said)) if said else None


def _begun(phrase: str) -> str:
    """A phrase that goes on in the midst of a word, unless its last word is short."""
    last = phrase.rsplit(maxsplit=1)[-1]
    return phrase.removesuffix(" ") if len(last) >= _FEWEST_LETTERS else phrase
