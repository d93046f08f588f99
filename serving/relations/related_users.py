"""Users by their taste: those like one another, and those who would like an item."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from domain.errors import UnknownItemError, UnknownUserError
from domain.identifiers import ItemId, UserId
from serving.postgres.store import ReadStore
from serving.runs.live_runs import LiveRun, LiveRuns, check_run
from sql.statements import statements

_RELATIONS = statements("relations")

MOST_PASSED_OVER = 2_000
"""So many who have seen an item are passed over for those who would like it."""

Lacking = Literal["run", "user_vector", "item_vector"]


@dataclass(frozen=True, slots=True)
class RelatedUser:
    """A user, and how near."""

    user_id: str
    score: float
    """The cosine of both vectors, in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class RelatedUsers:
    """The nearest users, the nearest first."""

    run: LiveRun | None
    users: Sequence[RelatedUser]
    lacking: Lacking | None = None
    """What there is none of, so that nobody could be compared."""


class UserRelations:
    """Finds users by the vectors of the served run."""

    def __init__(self, store: ReadStore, live_runs: LiveRuns) -> None:
        self._store = store
        self._live_runs = live_runs

    async def similar(self, user_id: UserId, *, limit: int) -> RelatedUsers:
        """The users whose taste is nearest to a user's; UnknownUserError."""
        return await self._live_runs.reading(lambda run: self._similar(run, user_id, limit))

    async def of_item(self, item_id: ItemId, *, limit: int, exclude_seen: bool) -> RelatedUsers:
        """The users whose taste is nearest to an item; UnknownItemError."""
        return await self._live_runs.reading(
            lambda run: self._of_item(run, item_id, limit, exclude_seen=exclude_seen)
        )

    async def _similar(self, run: LiveRun | None, user_id: UserId, limit: int) -> RelatedUsers:
        parameters = {"run_id": run.run_id if run else None, "user_id": user_id}
        rows = await self._store.rows(_RELATIONS["find_user_vector"], parameters)
        if not rows:
            raise UnknownUserError(f"There is no user {user_id!r}.")
        if run is None:
            return RelatedUsers(None, (), "run")
        if rows[0].embedding is None:
            await check_run(self._store, run.run_id)
            return RelatedUsers(run, (), "user_vector")
        nearest = {
            "run_id": run.run_id,
            "user_no": rows[0].user_no,
            "embedding": rows[0].embedding,
            "most": limit,
        }
        return await self._nearest(run, "load_similar_users", nearest)

    async def _of_item(
        self, run: LiveRun | None, item_id: ItemId, limit: int, *, exclude_seen: bool
    ) -> RelatedUsers:
        parameters = {"run_id": run.run_id if run else None, "item_id": item_id}
        rows = await self._store.rows(_RELATIONS["find_item_vector"], parameters)
        if not rows:
            raise UnknownItemError(f"There is no item {item_id!r}.")
        if run is None:
            return RelatedUsers(None, (), "run")
        if rows[0].embedding is None:
            await check_run(self._store, run.run_id)
            return RelatedUsers(run, (), "item_vector")
        nearest = {
            "run_id": run.run_id,
            "item_no": rows[0].item_no,
            "embedding": rows[0].embedding,
            "most": limit,
            "compared": limit + (MOST_PASSED_OVER if exclude_seen else 0),
            "exclude_seen": exclude_seen,
        }
        return await self._nearest(run, "load_users_of_item", nearest)

    async def _nearest(
        self, run: LiveRun, statement: str, parameters: dict[str, object]
    ) -> RelatedUsers:
        rows = await self._store.rows(_RELATIONS[statement], parameters)
        if not rows:
            await check_run(self._store, run.run_id)
        return RelatedUsers(run, [RelatedUser(row.user_id, row.score) for row in rows])
