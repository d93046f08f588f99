"""Declared interests: the oldest part of a history.

Items count as they are, phrases as items made of their words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from domain.identifiers import ItemNo, RunId, UserNo
from domain.live_vector import History, ItemVectors, LiveVectorParameters
from sql.live_vectors import item_vectors
from sql.pipelining import Question
from sql.statements import as_array, statements

_INTERESTS = statements("interests")
_NO_HISTORY = History(np.empty(0, dtype=np.int32), np.empty(0))


@dataclass(frozen=True, slots=True)
class Interests:
    """What a user declares to like."""

    words: tuple[str, ...] = ()
    """Words or phrases, as declared."""
    item_nos: tuple[ItemNo, ...] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.words or self.item_nos)

    def __or__(self, other: "Interests") -> "Interests":
        return Interests(
            tuple(dict.fromkeys((*self.words, *other.words))),
            tuple(dict.fromkeys((*self.item_nos, *other.item_nos))),
        )


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases as items of a run, under numbers below 0 that mean nothing elsewhere."""

    texts: tuple[str, ...]
    """The first has the number -n, the last -1."""
    items: ItemVectors

    def numbers(self) -> dict[str, ItemNo]:
        """The number of each phrase that the run knows a term of."""
        numbers = self.items.item_nos.tolist()
        return {text: ItemNo(no) for text, no in zip(self.texts, numbers, strict=True)}

    def text_of(self, number: int) -> str | None:
        """The phrase of a number; None if that is an item."""
        return self.texts[number] if number < 0 else None


def interests_question(user_nos: Sequence[UserNo]) -> Question:
    """Asks for the rows of `interests_of`."""
    return Question(_INTERESTS["load_interests"], {"user_nos": as_array(user_nos)})


def interests_of(rows: Iterable[Any]) -> dict[UserNo, Interests]:
    """Interests by user, from the rows of `load_interests`; who declares none is absent."""
    return {
        UserNo(row.user_no): Interests(tuple(row.words), tuple(map(ItemNo, row.item_nos)))
        for row in rows
    }


def load_phrases(connection: Connection, run_id: RunId, declared: Iterable[Interests]) -> Phrases:
    """The phrases of all these interests in a run's space; those it knows no term of are absent."""
    texts = sorted({word for interests in declared for word in interests.words})
    parameters = {"run_id": run_id, "phrases": texts}
    # Most users declare none, and then nothing is asked.
    rows = connection.execute(_INTERESTS["load_phrase_vectors"], parameters).all() if texts else []
    numbers = range(-len(rows), 0)
    return Phrases(tuple(row.phrase for row in rows), item_vectors(numbers, rows))


def with_interests(
    parameters: LiveVectorParameters,
    history: History | None,
    interests: Interests,
    numbers: Mapping[str, ItemNo],
) -> History:
    """A history (None: nothing has been used yet) with interests at its beginning."""
    words = [numbers[word] for word in interests.words if word in numbers]
    item_nos = np.array([*words, *interests.item_nos], dtype=np.int32)
    return (history or _NO_HISTORY).after(item_nos, parameters.interest_weight)
