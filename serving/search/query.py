"""What somebody typed into a search box, taken apart: words, "phrases", -without, or.

Also without the store: what a search still knows when PostgreSQL is away.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

_PIECE = re.compile(r'(?P<minus>-?)"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+)')
_JOINERS = "\u200c\u200d"
_LAST_LATIN = "\u024f"
_MOST_WORDS = 10
"""Words looked for: each is looked for in every title, and other requests wait meanwhile."""
_FEWEST_LETTERS = 3
"""From so many on an unwanted word is taken for any word it begins: there are no stems here."""


def title_matches(title: str, words: Sequence[str]) -> int:
    """How many of the words, folded, begin a word of a title."""
    there = spaced_words(title)
    return sum(f" {begun}" in there for begun in words)


@lru_cache(maxsize=16_384)
def spaced_words(text: str) -> str:
    """The words of a text, folded, each with a space before and behind it."""
    return f" {' '.join(folded(text).split())} "


def folded(text: str) -> str:
    """Lower case letters and digits without accents, and spaces; nearly as SQL has it."""
    plain = unicodedata.normalize("NFKD", text.lower())
    return "".join(
        character if character.isalnum() else " "
        for character in plain
        if not unicodedata.combining(character)
    )


@dataclass(frozen=True, slots=True)
class Typed:
    """A word, or a phrase whose words must follow each other."""

    text: str
    phrase: bool = False
    without: bool = False
    """Items that have it are not wanted."""
    unfinished: bool = False
    """It may be the beginning of a word: the last one, with nothing behind it."""
    times: int = 1
    """How often it was typed."""


@dataclass(frozen=True, slots=True)
class TypedQuery:
    """Alternatives, each a list of what an item should have; and what none may have."""

    alternatives: tuple[tuple[Typed, ...], ...]
    unwanted: tuple[Typed, ...]

    @property
    def wanted(self) -> tuple[Typed, ...]:
        """What any of the alternatives asks for, in the order it was typed."""
        return tuple(typed for alternative in self.alternatives for typed in alternative)

    def replaced(self, texts: Sequence[str]) -> "TypedQuery":
        """With other texts for `wanted`, in its order; a text that is another one is finished."""
        given = iter(texts)
        patterns = [
            _distinct(_with_text(typed, next(given)) for typed in alternative)
            for alternative in self.alternatives
        ]
        return replace(self, alternatives=tuple(dict.fromkeys(patterns)))


def typed_query(text: str) -> TypedQuery:
    """Take apart what was typed, as web search engines do; nothing is ever an error.

    `or` between words separates alternatives. Pieces without a letter or digit are left out, and so
    is what was said before.
    """
    alternatives: list[list[Typed]] = [[]]
    unwanted = []
    for typed in _pieces(_visible(text)):
        if typed.without:
            unwanted.append(typed)
        elif typed.text.lower() == "or" and not typed.phrase and not typed.unfinished:
            alternatives.append([])
        else:
            alternatives[-1].append(typed)
    wanted = dict.fromkeys(_distinct(alternative) for alternative in alternatives if alternative)
    return TypedQuery(tuple(wanted), _distinct(unwanted))


def _visible(text: str) -> str:
    """Without format characters, as come with a copied text.

    Only joiners behind letters other than Latin stay, which are written with them.
    """
    return "".join(
        character
        for before, character in zip(f" {text}", text, strict=False)
        if unicodedata.category(character) != "Cf"
        or (character in _JOINERS and before > _LAST_LATIN)
    )


def _distinct(typed: Iterable[Typed]) -> tuple[Typed, ...]:
    """The first of those that are written alike, with how often they are."""
    first: dict[tuple[str, bool], Typed] = {}
    for word in typed:
        written = (word.text.lower(), word.phrase)
        before = first.get(written)
        first[written] = replace(before, times=before.times + word.times) if before else word
    return tuple(first.values())


def _pieces(text: str) -> Iterator[Typed]:
    for found in _PIECE.finditer(text):
        word = found["word"]
        if word is None:
            piece = Typed(found["phrase"].strip(), phrase=True, without=bool(found["minus"]))
        else:
            without = word.startswith("-")
            at_end = found.end() == len(text)
            piece = Typed(word.lstrip("-"), without=without, unfinished=at_end and not without)
        if any(character.isalnum() for character in folded(piece.text)):
            yield piece


def _with_text(typed: Typed, text: str) -> Typed:
    return typed if text == typed.text else replace(typed, text=text, unfinished=False)


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
    patterns = [re.escape(_begun(phrase)) for phrase in phrases if phrase.strip()]
    return re.compile("|".join(patterns)) if patterns else None


def _begun(phrase: str) -> str:
    """A phrase that goes on in the midst of a word, unless its last word is short."""
    last = phrase.rsplit(maxsplit=1)[-1]
    return phrase.removesuffix(" ") if len(last) >= _FEWEST_LETTERS else phrase
