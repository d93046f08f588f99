"""Words that some write as one and some as two: `spider-man`, `spiderman`, `spider man`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from serving.search.query import Typed, TypedQuery
from serving.search.words import MOST_COUNTED, AnalyzedWord

_BETWEEN = re.compile("[-\u2010-\u2015_./\u00b7'\u2019&+]+")
"""What may stand between the parts of a word; nothing that joins the letters of other scripts."""
_CONTRACTED = re.compile("['\u2019](?:ll|re|ve|d|m)$", re.IGNORECASE)
"""Two words however they are written: `he'll` is not `hell`."""
_MOST_PARTS = 4
_MOST_VARIANTS = 12
"""Each is looked up, with what was typed."""
_FEWEST_LETTERS = 3
"""A word with fewer may be the beginning of another one yet: it is not joined to the one before."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Another way to write one of the words of a query, or two that follow each other."""

    text: str
    indexes: tuple[int, ...]
    """Of these words, among the wanted and then the unwanted ones."""


def spelling_variants(typed: TypedQuery) -> list[Variant]:
    """Other ways to write what was typed, twelve at most; phrases are taken as they are."""
    found = [*_of_joined_words(typed), *_of_separate_words(typed)]
    return found[:_MOST_VARIANTS]


def with_variants(
    words: Sequence[AnalyzedWord],
    variants: Sequence[Variant],
    others: Sequence[AnalyzedWord],
) -> list[AnalyzedWord]:
    """The words, each satisfied by its variants too; `others` are the variants analyzed.

    A word that says nothing by itself is not joined to another: `a way` is not `away`. Nor are
    words joined to one that says nothing: `I.T.` is not `it`. Nor is what nobody writes looked for:
    `wall-e` is not `walls`, though `walle` has the same stem.
    """
    said = list(words)
    for variant, other in zip(variants, others, strict=True):
        pair = [words[index] for index in variant.indexes]
        if len(pair) > 1 and any(word.is_function_word for word in pair):
            continue
        if " " in variant.text or (other.is_written and not other.is_function_word):
            for index in variant.indexes:
                said[index] = either(said[index], other)
    return said


def either(word: AnalyzedWord, other: AnalyzedWord) -> AnalyzedWord:
    """What asks for one or the other, as far as items have the other."""
    if word.asks is None or other.asks is None or not other.items or word.asks == other.asks:
        return word
    return replace(
        word,
        asks=f"{word.asks} | {other.asks}",
        begins=word.begins and f"{word.begins} | {other.asks}",
        items=min(word.items + other.items, MOST_COUNTED),
    )


def _of_joined_words(typed: TypedQuery) -> Iterator[Variant]:
    """`spider-man` as two words and as one."""
    for index, word in enumerate((*typed.wanted, *typed.unwanted)):
        parts = [part for part in _BETWEEN.split(word.text) if part]
        if not word.phrase and 1 < len(parts) <= _MOST_PARTS:
            yield Variant(" ".join(parts), (index,))
            if not all(part.isdecimal() for part in parts) and not _CONTRACTED.search(word.text):
                yield Variant("".join(parts), (index,))


def _of_separate_words(typed: TypedQuery) -> Iterator[Variant]:
    """`spider man` as one word."""
    index = 0
    for alternative in typed.alternatives:
        for number, word in enumerate(alternative[1:], start=1):
            before = alternative[number - 1]
            if _may_be_joined(before) and _may_be_joined(word):
                yield Variant(before.text + word.text, (index + number - 1, index + number))
        index += len(alternative)


def _may_be_joined(word: Typed) -> bool:
    if word.phrase or _BETWEEN.search(word.text) or word.text.isdecimal():
        return False
    return not word.unfinished or len(word.text) >= _FEWEST_LETTERS
