"""What the store should hold, said as simply as possible."""

import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from batch.space.composing import ItemSpace
from domain.identifiers import RunId
from domain.live_vector import History
from domain.rankings import Ranking
from domain.transitions import live_vector_and_following
from sql.log import NewEvent
from tests.events import CLICK, DISLIKE, HIDE, LIKE, VIEW
from tests.promises.small_space import random_phrases

WEIGHTS = {VIEW: 1.0, CLICK: 0.5, LIKE: 3.0, DISLIKE: -2.0, HIDE: -1.0}
WORDS = {"robots": "robot", "noir": "noir"}
"""Words that runs know, with their terms."""


@dataclass(slots=True)
class Reference:
    """What the store should hold, said as simply as possible."""

    received: set[uuid.UUID] = field(default_factory=set)
    log: dict[uuid.UUID, NewEvent] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    interests: dict[str, tuple[list[str], list[int]]] = field(default_factory=dict)
    forgotten: set[int] = field(default_factory=set)
    spaces: dict[RunId, ItemSpace] = field(default_factory=dict)
    retained: list[RunId] = field(default_factory=list)
    """Published runs, the oldest first."""
    served: RunId | None = None

    def vectors(self, run_id: RunId) -> dict[int, tuple[Any, Ranking]]:
        """Every user's live vector in a run, as it follows from the log, and what comes next.

        None: the history says nothing.
        """
        histories = defaultdict(list)
        for event in self.log.values():
            histories[self.numbers[event.user_id]].append(event)
        space = self.spaces[run_id]
        items = random_phrases(list(WORDS.values()), run_id).followed_by(space.items)
        saying = {
            self.numbers[user]: interests
            for user, interests in self.interests.items()
            if any(interests)
        }
        return {
            user_no: live_vector_and_following(
                space.space,
                items,
                space.transitions,
                _history(histories[user_no], *saying.get(user_no, ([], []))),
            )
            for user_no in {*histories, *saying}
        }


def _history(events: list[NewEvent], words: list[str], item_nos: list[int]) -> History:
    ordered = sorted(
        events,
        key=lambda interaction: (
            interaction.occurred_at,
            interaction.item_no,
            interaction.kind_no,
            interaction.event_id,
        ),
    )
    history = History(
        np.array([event.item_no for event in ordered], dtype=np.int32),
        np.array([WEIGHTS[event.kind_no] for event in ordered], dtype=np.float64),
    )
    phrases = [list(WORDS).index(word) - len(WORDS) for word in words if word in WORDS]
    return history.after(np.array([*phrases, *item_nos], dtype=np.int32), WEIGHTS[LIKE])
