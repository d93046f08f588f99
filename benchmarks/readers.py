"""Those who read while the served run is changed, and what they found."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np

from benchmarks.halved_runs import ITEMS, LIMIT, USERS, is_of_one_run
from tests.chaos.client import Api, Reply

EVENTS_A_SECOND = 20
REGULARS, REGULAR_SHARE = 200, 0.9
"""So many users ask for such a share of the lists; most are found in the cache, as in an app."""
AFTER_SECONDS = 1.0
"""A change is held to account for what is read from its beginning until so long after its end."""
TIMEOUT_SECONDS = 10.0


@dataclass(slots=True)
class Figures:
    """What was read, and when what was changed."""

    reads: list[tuple[float, float]] = field(default_factory=list)
    """When a read was due, and seconds from then to its answer."""
    failed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Events that were not taken."""
    mixed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """What went wrong in the benchmark itself."""
    strategies: dict[str, int] = field(default_factory=dict)
    windows: list[tuple[str, float, float]] = field(default_factory=list)

    def p99_ms(self, chosen: Callable[[float], bool]) -> tuple[float, int]:
        """The 99th percentile of the reads that were due at chosen times, and how many."""
        taken = [seconds for due, seconds in self.reads if chosen(due)]
        return (1000 * float(np.percentile(taken, 99)) if taken else float("nan")), len(taken)

    def changing(self, what: str = "") -> Callable[[float], bool]:
        """Whether a time lies in a window of a change."""
        windows = [(a, b) for name, a, b in self.windows if name.startswith(what)]
        return lambda due: any(a <= due <= b + AFTER_SECONDS for a, b in windows)


class Readers:
    """Those who read, and send events, while the served run is changed."""

    def __init__(self, api: Api, figures: Figures, runs: dict[int, tuple[int, str]]) -> None:
        self._api = api
        self._figures = figures
        self._runs = runs
        self._under_way: set[asyncio.Task[None]] = set()

    async def wait_until_ready(self) -> None:
        """Until every API process takes requests."""
        async with asyncio.timeout(60):
            for worker in self._api.workers:
                while not await self._is_ready(worker):  # noqa: ASYNC110 -- that is elsewhere
                    await asyncio.sleep(0.1)

    async def send_load(self, reads_a_second: int) -> None:
        """Send each request when it is due, whatever became of those before it."""
        started = time.perf_counter()
        random = np.random.default_rng(11)
        for n in itertools.count():
            due = started + n / reads_a_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            # A tenth of the others have never been seen.
            regular = random.random() < REGULAR_SHARE
            user = f"user-{random.integers(REGULARS if regular else USERS * 11 // 10)}"
            worker = self._api.workers[n % len(self._api.workers)]
            self._begin(self._read(worker, user, due))
            if n % max(1, reads_a_second // EVENTS_A_SECOND) == 0:
                item = f"item-{random.integers(1, ITEMS + 1)}"
                self._begin(self._send(worker, user, item))

    async def _is_ready(self, worker: str) -> bool:
        return _is(httpx.codes.OK, await self._ask(worker, "GET", "/readyz"))

    def _begin(self, request: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(request)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._figures.broken.append(repr(error))

    async def _read(self, worker: str, user: str, due: float) -> None:
        path = f"/v1/users/{user}/recommendations"
        reply = await self._ask(worker, "GET", path, parameters={"limit": LIMIT})
        self._figures.reads.append((due, time.perf_counter() - due))
        if not _is(httpx.codes.OK, reply):
            self._figures.failed.append(f"{reply.status or reply.failure} {reply.body}")
            return
        answer = reply.body
        strategies = self._figures.strategies
        strategies[answer["strategy"]] = strategies.get(answer["strategy"], 0) + 1
        # Before the first run was seen the fallback is of none.
        if answer["run"] is not None and not is_of_one_run(answer, self._runs):
            self._figures.mixed.append(json.dumps(answer)[:300])

    async def _send(self, worker: str, user: str, item_id: str) -> None:
        event = {"user_id": user, "item_id": item_id, "kind": "view"}
        reply = await self._ask(worker, "POST", "/v1/events", content={"events": [event]})
        if not _is(httpx.codes.ACCEPTED, reply):
            self._figures.refused.append(f"{reply.status or reply.failure} {reply.body}")

    async def _ask(self, worker: str, method: str, path: str, **what: Any) -> Reply:
        return await self._api.ask(worker, method, path, timeout_seconds=TIMEOUT_SECONDS, **what)


def _is(status: httpx.codes, reply: Reply) -> bool:
    return reply.status == status
