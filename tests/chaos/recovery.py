"""How long it takes until everything is as before: the definition, and its measurement.

Recovered means that each API process that runs has, one step after the other, answered a read of a
known user with the strategy `blend`, acknowledged an event of that user, shown a list made with
that event, and then answered from the cache. Time counts from the moment the restart of what was
killed is begun; if something else was away meanwhile, from when that was back, too.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.chaos.answers import Answer
from tests.chaos.fleet import Fleet
from tests.chaos.questions import list_for
from tests.chaos.reading import Reader
from tests.chaos.writing import Writer

GIVE_UP_SECONDS = 60.0
NORMAL = "blend"
CACHED = "cache"
_READ_SECONDS = 1.0
_WRITE_SECONDS = 2.0
_FRESH_SECONDS = 2.0
_PAUSE = 0.03


@dataclass(frozen=True, slots=True)
class Recovered:
    """One recovery."""

    what: str
    """As in `kill api`."""
    seconds: float
    """From the restart, or from when the last of what else was away meanwhile was back."""
    gross_seconds: float
    """From the restart, whatever else happened."""
    in_time: bool
    """False: given up."""
    stages: dict[str, float]
    """Seconds from the restart until each worker was as before."""


@dataclass(slots=True)
class Prober:
    """Acts as users whom nobody else acts for."""

    fleet: Fleet
    reader: Reader
    writer: Writer
    users: tuple[str, ...]
    fresh_seconds: list[float] = field(default_factory=list)
    """From the 202 to a list made with the event."""
    _turns: Iterator[str] = field(init=False)
    _probes: dict[str, asyncio.Task[float | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._turns = itertools.cycle(self.users)

    async def measure(
        self, what: str, restarted_at: float, others_ended_at: Callable[[], float]
    ) -> Recovered:
        """Probe until everything is as before.

        `others_ended_at` tells when the last of what else was away was back.
        """
        stages: dict[str, float] = {}
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            workers = self.fleet.running("api")
            missing = [worker for worker in workers if worker not in stages]
            for worker in missing:
                began_at = await self._seen_normal(worker)
                if began_at is not None and began_at >= restarted_at:
                    stages[worker] = round(time.monotonic() - restarted_at, 3)
            if workers and all(worker in stages for worker in workers):
                now = time.monotonic()
                seconds = now - max(restarted_at, others_ended_at())
                return Recovered(what, seconds, now - restarted_at, True, stages)
            await asyncio.sleep(_PAUSE)
        return Recovered(what, GIVE_UP_SECONDS, GIVE_UP_SECONDS, False, stages)

    async def _seen_normal(self, worker: str) -> float | None:
        """When a probe that went well was begun; None if it did not.

        All who wait for one process share its probes: they should not be a load of their own.
        """
        if worker not in self._probes or self._probes[worker].done():
            self._probes[worker] = asyncio.create_task(self._probe(worker))
        return await asyncio.shield(self._probes[worker])

    async def _probe(self, worker: str) -> float | None:
        began_at = time.monotonic()
        return began_at if await self.is_normal(worker) else None

    async def is_normal(self, worker: str) -> bool:
        """Whether one process does all that it does on a good day."""
        user = next(self._turns)
        before = await self._read(worker, user)
        if before is None or before.strategy != NORMAL:
            return False
        event = self.writer.event(user, before.items[0], "view")
        if not await self.writer.post_to(worker, [event], timeout_seconds=_WRITE_SECONDS):
            return False
        acknowledged = time.monotonic()
        while time.monotonic() < acknowledged + _FRESH_SECONDS:
            answer = await self._read(worker, user)
            if answer is None or answer.run_id != before.run_id:
                return False
            if answer.strategy == NORMAL and knows_more(answer, before):
                self.fresh_seconds.append(time.monotonic() - acknowledged)
                return await self._is_cached(worker, user)
            await asyncio.sleep(_PAUSE / 3)
        return False

    async def _is_cached(self, worker: str, user: str) -> bool:
        await self._read(worker, user)
        answer = await self._read(worker, user)
        return answer is not None and answer.source == CACHED

    async def _read(self, worker: str, user: str) -> Answer | None:
        return await self.reader.read_from(worker, list_for(user, 20), _READ_SECONDS)


def knows_more(answer: Answer, before: Answer) -> bool:
    """Whether a list was made with an event that another was made without."""
    return answer.events_since_cut_off > before.events_since_cut_off
