"""Model runs over HTTP: looked at, and served again."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Literal

import structlog
from sqlalchemy.pool import NullPool

from domain.errors import RollbackRefusedError, StoreUnavailableError, UnknownRunError
from domain.identifiers import RunId
from serving.access.acting import Actor
from serving.postgres.store import ReadStore
from serving.runs.live_runs import LiveRuns
from sql.engine import API, AWAY_ERRORS, make_engine
from sql.rollback import roll_back
from sql.runs import ModelRun, find_run, find_run_before, load_runs

log = structlog.get_logger()

PATIENCE_SECONDS = 20.0
"""After so long whoever asked is answered that it is under way."""

Outcome = Literal["served", "under_way"]


class RunKeeping:
    """Lists runs, and serves a retained one again.

    What users did since is folded into the run before, which takes the longer the older it is: in
    a thread, on a connection of its own, and to its end though whoever asked is gone. Of two at
    once, in whatever processes, one waits for the other and is refused or goes on from there.
    """

    def __init__(self, store: ReadStore, database_url: str, live_runs: LiveRuns) -> None:
        self._store = store
        self._database_url = database_url
        self._live_runs = live_runs
        self._under_way: asyncio.Task[None] | None = None

    async def list(self, *, limit: int, before: int | None) -> Sequence[ModelRun]:
        """The newest runs before the one of a number (None: of all), newest first."""
        return await self._store.read(partial(load_runs, limit=limit, before=before))

    async def load(self, run_id: int) -> ModelRun:
        """One run with all that is known of it; UnknownRunError."""
        found = await self._store.read(partial(find_run, run_id=run_id))
        if found is None:
            raise UnknownRunError(f"There is no run {run_id}. GET /v1/admin/runs lists all.")
        return found

    async def publish(self, run_id: int, actor: Actor) -> Outcome:
        """Serve a retained run; UnknownRunError, RollbackRefusedError or StoreUnavailableError."""
        await self.load(run_id)
        return await self._serve(RunId(run_id), actor)

    async def roll_back(self, actor: Actor) -> tuple[RunId, Outcome]:
        """Serve the newest retained run that is older than the served one; errors as above."""
        run_id = await self._store.read(find_run_before)
        if run_id is None:
            raise RollbackRefusedError(
                "There is no retained run older than the one being served. To serve a newer one"
                " name it: POST /v1/admin/runs/{run_id}/publish."
            )
        return run_id, await self._serve(run_id, actor)

    async def _serve(self, run_id: RunId, actor: Actor) -> Outcome:
        if self._under_way is not None and not self._under_way.done():
            raise RollbackRefusedError(
                "Another run is being brought up to date to be served. Look at GET /v1/admin/runs"
                " until it is live, then ask again."
            )
        task = asyncio.create_task(self._roll_back(run_id, actor), name="rollback")
        self._under_way = task
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        if not done:
            task.add_done_callback(_log_failure)
            return "under_way"
        await task
        with suppress(StoreUnavailableError):
            await self._live_runs.refresh()
        return "served"

    async def _roll_back(self, run_id: RunId, actor: Actor) -> None:
        engine = make_engine(self._database_url, application_name=API, poolclass=NullPool)
        try:
            await asyncio.to_thread(
                roll_back, engine.begin, run_id, by=actor.name, request_id=actor.request_id
            )
        except AWAY_ERRORS as error:
            raise StoreUnavailableError(
                "PostgreSQL could not be reached, and the served run stays. Try again shortly."
            ) from error
        finally:
            engine.dispose()


def _log_failure(task: "asyncio.Task[None]") -> None:
    """Nobody waits for its end any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("rollback_failed", error=str(error))
