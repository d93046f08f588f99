"""From words as the store analyzes them, and their variants, to what a search asks of items."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from serving.search.query import Typed, TypedQuery
from serving.search.words import MOST_COUNTED, AnalyzedWord, WordMatch

_BETWEEN = re.compile("[-\u2010-\u2015_./\u00b7'\u2019&+]+")
"""What may stand between the parts of a word; nothing that joins the letters of other scripts."""
_CONTRACTED = re.compile("['\u2019](?:ll|re|ve|d|m)$", re.IGNORECASE)
"""Two words however they are written: `he'll` is not `hell`."""
_MOST_PARTS = 4
_MOST_VARIANTS = 12
"""Each is looked up, with what was typed."""
_FEWEST_LETTERS = 3
"""A word with fewer may be the beginning of another one yet: it is not joined to the one before."""

_FUNCTION_WORD = 0.2
"""How much a word counts that says nothing by itself, beside others."""
_WHOLE_WORD = 0.3
"""Of a word that may be a beginning, how much it counts that the item has it as a whole."""


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
    terms = list(words)
    for variant, other in zip(variants, others, strict=True):
        pair = [words[index] for index in variant.indexes]
        if len(pair) > 1 and any(word.is_function_word for word in pair):
            continue
        if " " in variant.text or (other.is_written and not other.is_function_word):
            for index in variant.indexes:
                terms[index] = either(terms[index], other)
    return terms


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


_FEWEST_TO_RELAX, _MOST_TO_RELAX = 3, 8
"""Words of which one may be missing before any one is enough; of many, any one is at once."""


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """What a search asks of items."""

    match: WordMatch
    weights: tuple[float, ...]
    """How much each of the match's terms counts."""
    times: tuple[int, ...]
    """How often each was typed; 0 for one that is counted with another."""
    binding: str | None
    """Phrases, which no item may lack as long as any has them; None: there is none."""
    unwanted: str | None
    """What no item may have; None: anything may be."""
    unwanted_is_common: bool
    """Whether a thousand items or more have a word of it."""


def query_plan(typed: TypedQuery, analyzed: Sequence[AnalyzedWord]) -> QueryPlan | None:
    """What is asked; `analyzed` has the wanted words in order, then the unwanted.

    None: there is nothing to look for.
    """
    given = iter(analyzed)
    alternatives = [
        [(typed_word, word) for typed_word in alternative if (word := next(given)).asks is not None]
        for alternative in typed.alternatives
    ]
    content = [_content(words) for words in alternatives if words]
    if not content:
        return None
    asks = [[_anywhere(word) for _, word in words] for words in content]
    unwanted = [word for word in given if word.asks is not None]
    terms, weights, times = _terms(content, [words for words in alternatives if words])
    return QueryPlan(
        WordMatch(
            all_of=_any(map(_all, asks)),
            all_in_title=_any(_all(_asks(word) for _, word in words) for words in content),
            most_of=_most(asks[0]) if len(asks) == 1 else None,
            any_of=_any(ask for alternative in asks for ask in alternative),
            terms=terms,
        ),
        weights=weights,
        times=times,
        binding=_any(map(_all, bound)) if all(bound := list(map(_phrases, content))) else None,
        unwanted=_any(f"({word.asks})" for word in unwanted) or None,
        unwanted_is_common=any(word.items >= MOST_COUNTED for word in unwanted),
    )


def _content(words: Sequence[tuple[Typed, AnalyzedWord]]) -> list[tuple[Typed, AnalyzedWord]]:
    """Those that say something by themselves; all if none does."""
    content_words = [pair for pair in words if pair[0].phrase or not pair[1].is_function_word]
    return content_words or list(words)


def _asks(word: AnalyzedWord) -> str:
    return f"({word.begins or word.asks})"


def _anywhere(word: AnalyzedWord) -> str:
    return f"({word.asks})" if word.in_title else _asks(word)


def _phrases(words: Iterable[tuple[Typed, AnalyzedWord]]) -> list[str]:
    return [f"({word.asks})" for typed, word in words if typed.phrase and word.items]


def _all(asks: Iterable[str]) -> str:
    return f"({' & '.join(asks)})"


def _any(asks: Iterable[str]) -> str:
    return " | ".join(asks)


def _most(asks: Sequence[str]) -> str | None:
    """All but any one; None: there are too few, or so many that the query would be long."""
    if not _FEWEST_TO_RELAX <= len(asks) <= _MOST_TO_RELAX:
        return None
    return _any(_all((*asks[:index], *asks[index + 1 :])) for index in range(len(asks)))


def _terms(
    content: Sequence[Sequence[tuple[Typed, AnalyzedWord]]],
    alternatives: Sequence[Sequence[tuple[Typed, AnalyzedWord]]],
) -> tuple[tuple[str, ...], tuple[float, ...], tuple[int, ...]]:
    """What is looked at in each item, how much it counts, and how often it was typed."""
    content_ids = {id(word) for words in content for _, word in words}
    terms: list[str] = []
    weights: list[float] = []
    times: list[int] = []
    for typed, word in (pair for words in alternatives for pair in words):
        # rarity = 1 / (1 + log10(1 + items))
        weight = 1.0 / (1.0 + math.log10(1.0 + word.items))
        if id(word) not in content_ids:
            weight *= _FUNCTION_WORD
        if word.begins is None or word.asks is None:
            terms.append(_asks(word))
            weights.append(weight)
            times.append(typed.times)
        else:
            terms += [word.begins, word.asks]
            weights += [weight * (1.0 - _WHOLE_WORD), weight * _WHOLE_WORD]
            times += [typed.times, 0]
    return tuple(terms), tuple(weights), tuple(times)
