"""Words and titles without the store: what a search still knows when PostgreSQL is away."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache


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
