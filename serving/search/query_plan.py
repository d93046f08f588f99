"""From words as the store analyzes them to what a search asks of items."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from serving.search.query import Typed, TypedQuery
from serving.search.words import MOST_COUNTED, AnalyzedWord, WordMatch

_FUNCTION_WORD = 0.2
"""How much a word counts that says nothing by itself, beside others."""
_WHOLE_WORD = 0.3
"""Of a word that may be a beginning, how much it counts that the item has it as a whole."""
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
