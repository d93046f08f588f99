"""What published runs are made of, read from the store before they are retired."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, NoResultFound

from stack.local.supervision.background import in_thread
from tests.chaos.comparing import SERVABLE
from tests.chaos.contents import RunContents
from tests.chaos.store import load_contents, load_runs

_PAUSE_SECONDS = 0.2


@dataclass(slots=True)
class RunKeeper:
    """Keeps a copy of each published run."""

    engine: Engine
    phrases: Sequence[str]
    """Words that users may declare."""
    contents: dict[int, RunContents] = field(default_factory=dict)

    async def keep_new(self) -> None:
        """Copy what is new; a store that is away is waited for."""
        while True:
            try:
                await in_thread(partial(self._copy_new))
            except (DBAPIError, NoResultFound):
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def live_and_retained(self) -> tuple[int | None, list[int]]:
        """The served run and those to roll back to; none while the store is away."""
        try:
            runs = await in_thread(partial(self._load_runs))
        except DBAPIError:
            return None, []
        live = next((no for no, run in runs.items() if run.live), None)
        retained = [no for no, run in runs.items() if run.state == "published" and run.retained]
        return live, retained

    def _load_runs(self) -> dict[int, Any]:
        with self.engine.connect() as connection:
            return load_runs(connection)

    def _copy_new(self) -> None:
        with self.engine.connect() as connection:
            for run in load_runs(connection).values():
                if run.state in SERVABLE and run.retained and run.run_id not in self.contents:
                    self.contents[run.run_id] = load_contents(connection, run, self.phrases)
