"""What a user's live vector is made of, to make one, or to say why an item was recommended."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from cachetools import LRUCache
from sqlalchemy import Connection

from domain.errors import StoreUnavailableError, UnknownRunError
from domain.identifiers import ItemNo, Position, RunId, UserNo
from domain.live_vector import NO_HISTORY, History, ItemVectors, LiveSpace
from domain.rankings import Ranking
from domain.transitions import Transitions, live_vector_and_following
from serving.postgres.store import ReadStore
from serving.runtime.faults import RunGoneError
from sql.folding import load_histories_with_interests
from sql.interests import Interests, Phrases, load_phrases, with_interests
from sql.live_vectors import (
    RunSpace,
    load_item_vectors,
    load_live_space,
    load_transitions,
    stored_vector,
)
from sql.statements import statements

_SERVING = statements("serving")
_MOST_SPACES = 3

WHOLE_LOG = Position(2**62)
"""Beyond every position: the whole log as it is now."""


@dataclass(frozen=True, slots=True)
class Additions:
    """What a request adds to a user's history, for its own list only."""

    interests: Interests = field(default_factory=Interests)
    """Declared beside those of the user."""
    used: tuple[tuple[ItemNo, float], ...] = ()
    """Items as if they had just been used, with their weights; the last is the newest."""

    def after(self, history: History) -> History:
        """The history with what was used after it."""
        if not self.used:
            return history
        item_nos, weights = zip(*self.used, strict=True)
        return history.followed_by(np.array(item_nos, dtype=np.int32), np.array(weights))


NOTHING_ADDED = Additions()


@dataclass(frozen=True, slots=True)
class LiveVectorInputs:
    """A history, and the vectors of its items and of those to be explained."""

    space: LiveSpace
    items: ItemVectors
    history: History
    phrases: Phrases
    """The declared ones, which are items of the history too."""
    transitions: Transitions
    """What comes next after the items of the history."""


@dataclass(frozen=True, slots=True)
class LiveVector:
    """A live vector that was made for one request."""

    embedding: Any
    """As the store takes it."""
    following: Ranking
    """What comes next after its history."""


@dataclass(frozen=True, slots=True)
class ItemName:
    """How apps and people call an item."""

    item_id: str
    title: str


class ProfileReader:
    """Reads what live vectors and explanations are computed from."""

    def __init__(self, store: ReadStore) -> None:
        self.store = store
        self._spaces: LRUCache[RunId, RunSpace] = LRUCache(_MOST_SPACES)

    async def load_live_vector_inputs(
        self,
        run_id: RunId,
        user_no: UserNo | None,
        known: Position,
        item_nos: Sequence[ItemNo],
        added: Additions = NOTHING_ADDED,
    ) -> LiveVectorInputs:
        """The history behind the live vector that knows the log up to `known`.

        RunGoneError if the run was dropped; StoreUnavailableError, beside the usual, if another
        version of Tandem made the run.
        """
        load = partial(self._load, run_id=run_id, user_no=user_no, known=known, item_nos=item_nos)
        try:
            inputs = await self.store.read(partial(load, added=added))
        except UnknownRunError as error:
            # Nothing is wrong with the request, and the list is good without its causes.
            raise StoreUnavailableError(str(error), reason="run_unusable") from error
        # Those to be explained are items the run knows.
        if not (inputs.items.item_nos > 0).any():
            raise RunGoneError
        return inputs

    async def load_live_vector(
        self, run_id: RunId, user_no: UserNo | None, added: Additions
    ) -> LiveVector | None:
        """The live vector of a user (None: a new one) to whose history this is added.

        As of now. None: all of it says nothing in the run's space.
        """
        load = partial(self._load, run_id=run_id, user_no=user_no, known=WHOLE_LOG, item_nos=())
        try:
            inputs = await self.store.read(partial(load, added=added))
        except UnknownRunError:
            return None
        vector, coming = live_vector_and_following(
            inputs.space, inputs.items, inputs.transitions, inputs.history
        )
        return None if vector is None else LiveVector(stored_vector(vector), coming)

    async def load_names(self, item_nos: Sequence[ItemNo]) -> dict[ItemNo, ItemName]:
        """The names of items by number."""
        rows = await self.store.rows(_SERVING["load_names"], {"item_nos": list(item_nos)})
        return {ItemNo(row.item_no): ItemName(row.item_id, row.title) for row in rows}

    def _load(
        self,
        connection: Connection,
        *,
        run_id: RunId,
        user_no: UserNo | None,
        known: Position,
        item_nos: Sequence[ItemNo],
        added: Additions,
    ) -> LiveVectorInputs:
        run = self._space_of(connection, run_id)
        if user_no is None:
            phrases = load_phrases(connection, run_id, [added.interests])
            numbers = phrases.numbers()
            history = with_interests(run.space.parameters, None, added.interests, numbers)
        else:
            histories, phrases = load_histories_with_interests(
                connection, run, [user_no], horizon=known, extra_interests=added.interests
            )
            history = histories.get(user_no, NO_HISTORY)
        history = added.after(history)
        wanted = [ItemNo(no) for no in history.item_nos.tolist() if no > 0]
        items = phrases.items.followed_by(
            load_item_vectors(connection, run_id, [*wanted, *item_nos])
        )
        transitions = load_transitions(connection, run, items, [history])
        return LiveVectorInputs(run.space, items, history, phrases, transitions)

    def _space_of(self, connection: Connection, run_id: RunId) -> RunSpace:
        """A run's space, which does not change once it is served."""
        space = self._spaces.get(run_id)
        if space is None:
            space = self._spaces[run_id] = load_live_space(connection, run_id)
        return space
