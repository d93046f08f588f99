"""Columns that say in a word what somebody thinks of an item, or how far they came with it."""

from collections.abc import Mapping, Sequence

import duckdb

from domain.event_words import kind_of_word, normalized
from loading.kinds_plan import words_of
from loading.tables import Table
from loading.words import last_part

_OPINIONS = {
    *("vote", "thumb", "thumbs", "feedback", "reaction", "sentiment", "preference", "opinion"),
    *("swipe", "verdict", "ratinglabel", "likedislike", "userfeedback"),
}
_STATES = {
    *("status", "readstatus", "watchstatus", "watchingstatus", "liststatus", "mystatus"),
    *("shelf", "exclusiveshelf", "readingstatus", "userstatus"),
}
"""Columns of lists of what people watch or read."""
_KIND_OF_OPINION = {
    "like": "positive pos up right love heart yes good great wow haha helpful superlike",
    "dislike": "negative neg down left angry sad hate no bad terrible nothelpful",
    "view": "neutral neu mixed none",
}
_KIND_OF_STATE = {
    "view": (
        "completed finished read watched watching reading currentlyreading currentlywatching"
        " rereading rewatching onhold paused inprogress played playing"
    ),
    "cart": (
        "toread wanttoread plantowatch plantoread planned planning wanttowatch towatch ptw tbr"
        " wishlist watchlist backlog"
    ),
    "dislike": "dropped didnotfinish dnf abandoned",
}
_OF_ORDERS_TOO = {"completed", "finished", "paused", "onhold", "inprogress", "abandoned"}
"""Words that say as much of orders, lessons and subscriptions."""
_MOST_WORDS = 20
_LONGEST_WORD = 20


def kinds_of_words(kinds: Mapping[str, str]) -> dict[str, str]:
    """The kind of each word."""
    return {word: kind for kind, words in kinds.items() for word in words.split()}


_BY_OPINION, _BY_STATE = kinds_of_words(_KIND_OF_OPINION), kinds_of_words(_KIND_OF_STATE)


def column_of_opinions(table: Table) -> str | None:
    """A column of opinions, by its name."""
    return next((each for each in table.columns if last_part(each) in _OPINIONS), None)


def opinions_of(
    duck: duckdb.DuckDBPyConnection, table: Table, column: str, item: str
) -> list[str] | None:
    """The words of such a column; None if it holds texts."""
    words = words_of(duck, table, column, item)
    if not words or len(words) > _MOST_WORDS or any(len(word) > _LONGEST_WORD for word in words):
        return None
    return list(words)


def kind_of_opinion(word: str, names: Sequence[str]) -> str | None:
    """The kind of an opinion; None if nobody knows it."""
    kind = _BY_OPINION.get(normalized(word))
    try:
        return kind if kind in names else kind_of_word(word, tuple(names))
    except KeyError:
        return None


def find_states(
    duck: duckdb.DuckDBPyConnection, table: Table, item: str, names: Sequence[str]
) -> tuple[str, dict[str, str]] | None:
    """The column that says how far people came with an item, and the kind of each of its words.

    None: there is none, or it has a word that says something else.
    """
    for column in table.columns:
        if last_part(column) not in _STATES:
            continue
        words = words_of(duck, table, column, item) or {}
        kinds = {word: _BY_STATE.get(normalized(word), "") for word in words}
        is_list = any(normalized(word) not in _OF_ORDERS_TOO for word in words)
        if is_list and all(kind in names for kind in kinds.values()):
            return column, kinds
    return None
