"""Items that came, or came to be used, since the night: they get their embeddings at once."""

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from domain.identifiers import Position, RunId
from speed.pacing import Pace
from speed.settings import SpeedSettings
from speed.spaces import Spaces
from sql.item_embedding import (
    EmbeddedItems,
    begin_item_embedding,
    embed_next,
    skip_unchanged,
)
from sql.locks import ITEM_EMBEDDINGS, try_lock
from sql.log import event_horizon
from sql.statements import statements

_COLD_ITEMS = statements("cold_items")

_FIRST_ITEMS, _FEWEST_ITEMS = 20, 10
_PASS_SECONDS = 0.2
"""About so long a pass takes: nobody is folded in meanwhile.

What an item takes depends on its words and, where the run has vector indexes, above all on these.
"""


class ColdItemEmbedder:
    """Embeds items in the served run first, then in retained ones."""

    def __init__(self, settings: SpeedSettings, spaces: Spaces | None = None) -> None:
        self._settings = settings
        self._spaces = spaces or Spaces()
        self._items = Pace(_FIRST_ITEMS, _FEWEST_ITEMS, settings.items_per_pass, _PASS_SECONDS)

    def embed_new(self, connection: Connection) -> EmbeddedItems | None:
        """One pass for the served run; None if no item has changed, or others are at it.

        The caller commits. The transaction must be READ COMMITTED.
        """
        found = connection.execute(_COLD_ITEMS["find_run_to_embed_in"]).one_or_none()
        if found is None:
            return None
        run_id, horizon = RunId(found.run_id), Position(found.horizon)
        # Most events bring no item, and need not make those wait who fold.
        if found.position is not None and found.position == found.until:
            known = Position(found.position)
            until = skip_unchanged(connection, run_id, known=known, horizon=horizon)
            if until is not None:
                return EmbeddedItems(run_id, (), (), until, until < horizon)
        return self._embed(connection, run_id, horizon)

    def embed_retained(
        self, connection: Connection, unusable: Sequence[RunId] = ()
    ) -> EmbeddedItems | None:
        """The same for a retained run that is not being served, the newest that lags behind.

        `unusable` runs are left alone, so that they do not keep older ones from their turn.
        """
        horizon = event_horizon(connection)
        asked = {"horizon": horizon, "unusable": list(unusable)}
        found = connection.execute(_COLD_ITEMS["find_retained_to_embed_in"], asked)
        run_id = found.scalar_one_or_none()
        return None if run_id is None else self._embed(connection, RunId(run_id), horizon)

    def _embed(
        self, connection: Connection, run_id: RunId, horizon: Position
    ) -> EmbeddedItems | None:
        # Nobody queues: while one embeds a run's items the others fold between its passes. A
        # promotion does not ask for this lock.
        if not try_lock(connection, ITEM_EMBEDDINGS, run_id):
            return None
        run = self._spaces.of(connection, run_id)
        if begin_item_embedding(connection, run_id):
            # A pass of its own: whoever removes changes must see that this run will ask for them.
            return EmbeddedItems(run_id, (), (), run.cut_off, run.cut_off < horizon)
        began = time.perf_counter()
        items = min(self._items.size, self._settings.items_per_pass)
        with self._items.halved_by_failures():
            done = embed_next(connection, run, horizon=horizon, items=items)
        # One that found fewer says nothing of how long so many take.
        if done is not None and len(done.item_nos) == items:
            self._items.note(time.perf_counter() - began)
        return done
