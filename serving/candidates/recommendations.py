"""What a run, the log and the catalogue hold of one user's recommendations."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Integer, Row, bindparam

from domain.blend import CANDIDATES
from domain.identifiers import ItemNo, RunId, UserId, UserNo
from domain.rankings import Ranking
from serving.candidates.catalogue_items import (
    NO_COLUMNS,
    Columns,
    ListedItems,
    Nearest,
    NewItems,
    numbers_in,
)
from serving.candidates.filters import EVERYTHING, Filters
from serving.candidates.item_memory import ItemMemory
from serving.candidates.kept_items import BesideMemory, KeptItems
from serving.candidates.user_state import UserState, user_state_of
from serving.postgres.store import ReadStore
from serving.runs.live_runs import ItemIndex, check_run
from serving.runs.vector_indexes import VectorIndexes, without_index
from serving.runtime.faults import RunGoneError
from sql.driver_rows import ASKED_OFTEN, IN_BINARY
from sql.live_vectors import vector_read
from sql.statements import as_array, as_real_array, statements

_SERVING = statements("serving")

_OFTEN = {IN_BINARY: True, ASKED_OFTEN: True}
_USER_STATE = _SERVING["load_user_state"].execution_options(**_OFTEN)
_STATE_AND_CANDIDATES = _SERVING["load_user_state_and_candidates"].execution_options(**_OFTEN)
_STATE_BESIDE_MEMORY = _SERVING["load_user_state_beside_memory"].execution_options(**_OFTEN)
_BESIDE_MEMORY = _SERVING["load_beside_memory"].execution_options(**_OFTEN)

# The planner finds a partition's index over an expression only where both numbers are constants.
_CANDIDATES_BY_INDEX = _SERVING["load_candidates_by_index"].bindparams(
    bindparam("run_id", type_=Integer, literal_execute=True),
    bindparam("dimensions", type_=Integer, literal_execute=True),
)

NEW_ITEMS_LOOKED_AT = 300
"""So many new items are looked at for the nearest of them."""

MOST_IMPRESSIONS = 200
"""So many of a user's newest impressions are looked at for what was not used."""

_NO_NEW_ITEMS = NewItems()


class Recommendations:
    """Reads lists and vectors; every call names the run it reads."""

    def __init__(
        self,
        store: ReadStore,
        indexes: VectorIndexes | None = None,
        memory: ItemMemory | None = None,
    ) -> None:
        self.store = store
        self._indexes = indexes or VectorIndexes(store)
        self._memory = memory
        """None: PostgreSQL searches each time."""

    def lacks(self, index: ItemIndex | None) -> bool:
        """Whether an index that should be there cannot be used just now."""
        return self._indexes.unusable(index)

    async def find_user_no(self, user_id: UserId) -> UserNo | None:
        """A user's number; None if the log has never seen the user."""
        rows = await self.store.rows(_SERVING["find_user_no"], {"user_id": user_id})
        return UserNo(rows[0].user_no) if rows else None

    async def knows_user(self, run_id: RunId, user_no: UserNo) -> bool:
        """Whether a run's live vector of a user knows all that the log has of the user."""
        parameters = {"run_id": run_id, "user_no": user_no}
        rows = await self.store.rows(_SERVING["knows_user"], parameters)
        return bool(rows[0][0])

    async def load_user_state(
        self, run_id: RunId | None, user_no: UserNo, *, exclude_seen: bool
    ) -> UserState:
        """A user's list, vector and excluded items.

        RunGoneError if the run was dropped, UserGoneError if the user was forgotten.
        """
        parameters = {"run_id": run_id, "user_no": user_no}
        (row,) = await self.store.rows(_USER_STATE, parameters)
        return user_state_of(row, run_id, user_no, exclude_seen=exclude_seen)

    async def load_user_state_and_nearest(
        self,
        run_id: RunId,
        user_no: UserNo,
        *,
        exclude_seen: bool,
        new: NewItems,
        with_categories: bool,
    ) -> UserState:
        """The same with what `load_nearest` finds for this user by comparing with every item.

        For lists that nothing is asked of: with filters, or with more or less than the user has
        in the log, another search is needed.
        """
        parameters = {
            **EVERYTHING.parameters(),
            **_new_items(new),
            "run_id": run_id,
            "user_no": user_no,
            "exclude_seen": exclude_seen,
            "with_categories": with_categories,
        }
        kept = self._kept(run_id)
        if kept is not None:
            (row,) = await self.store.rows(_STATE_BESIDE_MEMORY, parameters | kept.parameters())
            state = user_state_of(row, run_id, user_no, exclude_seen=exclude_seen)
            listed = state.batch.item_nos.tolist()
            ranked = self._in_memory(kept, row, state, listed, with_categories=with_categories)
            if ranked is not None:
                return replace(state, nearest=ranked)
        parameters["candidates"] = CANDIDATES
        (row,) = await self.store.rows(_STATE_AND_CANDIDATES, parameters)
        state = user_state_of(row, run_id, user_no, exclude_seen=exclude_seen)
        found = Columns.of(row, row.found_item_nos)
        nearest = Nearest(
            NO_COLUMNS,
            NO_COLUMNS,
            found,
            found.only(numbers_in(row.new_item_nos)),
            _ranking(numbers_in(row.near_item_nos), numbers_in(row.near_scores)),
        )
        return replace(state, nearest=nearest)

    async def with_batch_list(self, user: UserState, run_id: RunId | None) -> UserState:
        """The user with the nightly list of another retained run, empty if it has none.

        `run_id` None: as the user is.
        """
        if run_id is None or user.user_no is None:
            return user
        parameters = {"run_id": run_id, "user_no": user.user_no}
        rows = await self.store.rows(_SERVING["load_batch_list"], parameters)
        batch = _ranking(rows[0].item_nos, rows[0].scores) if rows else Ranking.empty()
        return user.changed(batch=batch)

    async def load_nearest(
        self,
        run_id: RunId,
        user: UserState,
        *,
        listed: Sequence[int] = (),
        index: ItemIndex | None = None,
        filters: Filters = EVERYTHING,
        new: NewItems = _NO_NEW_ITEMS,
        with_categories: bool = False,
    ) -> Nearest:
        """The eligible items nearest to a user's live vector, and those of what comes next.

        RunGoneError if the run was dropped. `listed`: other items that are to be looked up as well.
        `index`: the index to look for the nearest items with; None: compare with every item.
        """
        parameters = {
            **_listed(user, listed, filters, with_categories=with_categories),
            **_new_items(new),
            "run_id": run_id,
            "embedding": user.embedding,
        }
        kept = self._kept(run_id) if index is None and filters == EVERYTHING else None
        if kept is not None:
            (row,) = await self.store.rows(_BESIDE_MEMORY, parameters | kept.parameters())
            if not row.has_partitions:
                raise RunGoneError
            found = self._in_memory(kept, row, user, listed, with_categories=with_categories)
            if found is not None:
                return found
        following = user.following.without(np.array(user.excluded, dtype=np.int32))
        parameters |= {
            "next_item_nos": as_array(following.item_nos.tolist()),
            "next_scores": as_real_array(following.scores.tolist()),
            "candidates": CANDIDATES,
        }
        rows = await self._nearest(parameters, index)
        by_origin = {row.origin: Columns.of(row, row.item_nos, row.scores) for row in rows}
        near = by_origin.get("near", NO_COLUMNS)
        if not near.item_nos:
            await check_run(self.store, run_id)
        beside = by_origin.get("following", NO_COLUMNS)
        scores = dict(zip(near.item_nos, near.scores, strict=True))
        scores.update(zip(beside.item_nos, beside.scores, strict=True))
        return Nearest(
            near,
            beside,
            by_origin.get("listed", NO_COLUMNS),
            by_origin.get("new", NO_COLUMNS).best_first(),
            # What gains nothing by coming next is among the best only if it is among the nearest.
            _ranking(list(scores), list(scores.values())).top(CANDIDATES),
        )

    def at_hand(self, run_id: RunId) -> KeptItems | None:
        """The items of a run if this process has them."""
        return None if self._memory is None else self._memory.at_hand(run_id)

    def _kept(self, run_id: RunId) -> KeptItems | None:
        return None if self._memory is None else self._memory.of(run_id)

    def _in_memory(
        self,
        kept: KeptItems,
        row: Row[Any],
        user: UserState,
        listed: Sequence[int],
        *,
        with_categories: bool,
    ) -> Nearest | None:
        """What is found of the items kept; None: PostgreSQL has to look."""
        beside = BesideMemory.of(row)
        if self._memory is not None:
            self._memory.note(kept, beside)
        if not kept.covers(beside) or not kept.knows(listed, beside):
            return None
        vector = None if user.embedding is None else vector_read(user.embedding)
        left_out = np.array(user.excluded, dtype=np.int32)
        ranking = Ranking.empty()
        if vector is not None:
            ranking = kept.nearest(vector, user.following, left_out, beside, CANDIDATES)
        eligible = kept.eligible(left_out, beside, with_categories=with_categories)
        return Nearest(NO_COLUMNS, NO_COLUMNS, NO_COLUMNS, beside.new, ranking, eligible)

    async def load_listed_candidates(
        self,
        user: UserState,
        listed: Sequence[int],
        *,
        filters: Filters = EVERYTHING,
        with_categories: bool = False,
    ) -> Columns:
        """Those of some items that are eligible."""
        parameters = _listed(user, listed, filters, with_categories=with_categories)
        rows = await self.store.rows(_SERVING["load_listed_candidates"], parameters)
        return Columns.of(rows[0], rows[0].item_nos) if rows else NO_COLUMNS

    async def _nearest(
        self, parameters: dict[str, Any], index: ItemIndex | None
    ) -> Sequence[Row[Any]]:
        """A row an origin."""
        # Where a category is asked for, few items are left to be compared, and an index that knows
        # nothing of categories would go through many others first.
        if index is not None and not parameters["is_filtered"]:
            rows = await self._indexes.rows(index, _CANDIDATES_BY_INDEX, parameters)
            if rows is None:
                with without_index():
                    return await self.store.rows(_SERVING["load_candidates"], parameters)
            # A user who has seen nearly everything: the index gave up before it had enough.
            near = (numbers_in(row.item_nos) for row in rows if row.origin == "near")
            if sum(map(len, near)) >= CANDIDATES:
                return rows
        name = "load_candidates_within" if parameters["is_filtered"] else "load_candidates"
        return await self.store.rows(_SERVING[name], parameters)

    async def load_taste_and_sequence(
        self, run_id: RunId, item_nos: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """What each item is like: rows (n, d) of taste and sequence, zero for what has no vector.

        RunGoneError if the run was dropped.
        """
        parameters = {"run_id": run_id, "item_nos": as_array(item_nos.tolist())}
        (row,) = await self.store.rows(_SERVING["load_taste_and_sequence"], parameters)
        if row.item_nos is None:
            await check_run(self.store, run_id)
            return np.zeros((len(item_nos), 0), dtype=np.float32)
        length = len(row.vectors) // len(row.item_nos)
        sent = np.frombuffer(row.vectors, dtype=np.uint8).reshape(-1, length)[:, 4:]
        vectors = np.ascontiguousarray(sent).view(">f4").astype(np.float32)
        embeddings = np.zeros((len(item_nos), max(vectors.shape[1] - 2, 0)), dtype=np.float32)
        rows = np.searchsorted(row.item_nos, item_nos).clip(max=len(row.item_nos) - 1)
        known = np.array(row.item_nos)[rows] == item_nos
        # The last two numbers are the trend and the filler.
        embeddings[known] = vectors[rows[known], :-2]
        return embeddings

    async def load_popular_of_log(
        self, excluded: Sequence[ItemNo], *, filters: Filters = EVERYTHING, events: int
    ) -> ListedItems:
        """What the newest `events` interactions were about most often."""
        parameters = {
            "excluded": list(excluded),
            "events": events,
            "items": CANDIDATES,
            **filters.parameters(),
        }
        return ListedItems.of(await self.store.rows(_SERVING["load_popular_of_log"], parameters))

    async def load_unused(self, user_no: UserNo, *, seconds: float) -> list[ItemNo]:
        """What was shown to a user within so long and not used since, the oldest first."""
        parameters = {"user_no": user_no, "seconds": seconds, "impressions": MOST_IMPRESSIONS}
        rows = await self.store.rows(_SERVING["load_unused"], parameters)
        return [ItemNo(row.item_no) for row in rows]

    async def load_any_items(
        self, excluded: Sequence[ItemNo], *, filters: Filters = EVERYTHING, items: int
    ) -> ListedItems:
        """Up to `items` eligible items, the newest first, all with score 0."""
        parameters = {"excluded": list(excluded), "items": items, **filters.parameters()}
        name = "load_any_items_within" if parameters["item_bounds"] else "load_any_items"
        return ListedItems.of(await self.store.rows(_SERVING[name], parameters))


def _new_items(new: NewItems) -> dict[str, Any]:
    return {
        "new_items": new.count,
        "new_items_looked_at": NEW_ITEMS_LOOKED_AT if new.count else 0,
        "new_item_users": new.fewer_users_than,
        "from_users": new.from_users,
        "start": new.start,
    }


def _listed(
    user: UserState, listed: Sequence[int], filters: Filters, *, with_categories: bool
) -> dict[str, Any]:
    """The parameters of a statement that looks up candidates."""
    return {
        "excluded": as_array(user.excluded),
        "listed_item_nos": as_array(listed),
        "with_categories": with_categories,
        **filters.parameters(),
    }


def _ranking(item_nos: Sequence[int], scores: Sequence[float]) -> Ranking:
    return Ranking.of(np.array(item_nos, dtype=np.int32), np.array(scores, dtype=np.float64))
