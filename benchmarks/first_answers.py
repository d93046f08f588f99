"""From the PUT of an item to the first answers that have it.

A system of its own is made as for chaos, with a catalogue and a published night, and left in peace.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from domain.errors import StackError
from tests.chaos.client import Api, Reply
from tests.chaos.fleet import Fleet
from tests.chaos.nights import Nights
from tests.chaos.options import ChaosOptions
from tests.chaos.system import System, start_system, start_workers
from tests.chaos.violations import Diary

GROUPS = 200
LONGEST_LIST = 100
"""As many candidates as an answer can show; a group of a catalogue of 10,000 has 50 items."""
_TIMEOUT_SECONDS = 10.0
_GIVE_UP_SECONDS = 30.0
_WARMING = 3
"""Items before the first that counts."""

Report = Callable[[str], None]
Answer = Callable[[int], Awaitable[Reply]]
"""Asks for an answer; the number changes with each call, so that none comes from a cache."""
Found = Callable[[Reply], bool]


@dataclass(slots=True)
class Seconds:
    """Seconds from the PUT to each first answer, one entry an item."""

    candidates: list[float] = field(default_factory=list)
    """In the list of a user the item is for."""
    search: list[float] = field(default_factory=list)
    """Found by its words."""
    similar: list[float] = field(default_factory=list)
    """Told what it is like, most of it of its own group."""

    def described(self) -> dict[str, float | int]:
        """Medians and the worst, for programs."""
        figures: dict[str, float | int] = {"trials": len(self.candidates)}
        for name in ("candidates", "search", "similar"):
            times = getattr(self, name)
            figures[f"{name}_seconds"] = round(statistics.median(times), 4)
            figures[f"{name}_worst_seconds"] = round(max(times), 4)
        return figures


@dataclass(slots=True)
class NewItemsRun:
    """Makes the system, measures, and leaves no process behind."""

    items: int
    trials: int
    seed: int
    folder: Path
    """Holds the data and the logs; it must be empty."""
    report: Report
    _fleet: Fleet = field(default_factory=Fleet)
    _nights: Nights | None = None

    async def seconds(self) -> Seconds:
        """Everything measured; no process is left when this returns, raises or is cancelled."""
        try:
            system = await self._prepared()
            self.report(f"{self.trials} new items, one after the other")
            measured = Seconds()
            for trial in range(-_WARMING, self.trials):
                times = await _first_answers(system.api, trial)
                if trial >= 0:
                    measured.candidates.append(times[0])
                    measured.search.append(times[1])
                    measured.similar.append(times[2])
            return measured
        finally:
            if self._nights is not None:
                self._nights.end()
            self._fleet.end()

    async def _prepared(self) -> System:
        """The running system after its first night; StackError if that came to nothing."""
        options = ChaosOptions(seed=self.seed, items=self.items, groups=GROUPS)
        self.report(f"making a dataset of {self.items:,} items")
        system = await start_system(self.folder, self._fleet, options)
        nights = Nights(
            environment=system.nightly_environment,
            log=system.home.log("nights"),
            diary=Diary(time.monotonic()),
            after_each=_nothing,
            pause_seconds=0.0,
            seed=self.seed,
        )
        self._nights = nights
        nights.start()
        self.report("the night")
        await self._fleet.ready("prefect-server")
        if await nights.once() != "published":
            raise StackError(f"The night was not published; its log is {nights.log}")
        self.report("starting the API and the speed workers")
        return await start_workers(system)


async def _nothing() -> None:
    """Nobody waits for the end of the night."""


async def _first_answers(api: Api, trial: int) -> list[float]:
    """Add an item, and ask all three questions until each has the answer."""
    group = trial % GROUPS
    item_id, word = f"new-{trial}", f"newcomer{trial + _WARMING}"
    body = {"title": f"Item {word}", "categories": [f"group-{group}"]}
    first, second = api.workers[0], api.workers[-1]
    put = await api.ask(
        first, "PUT", f"/v1/items/{item_id}", content=body, timeout_seconds=_TIMEOUT_SECONDS
    )
    if put.status != HTTPStatus.CREATED:
        raise StackError(f"The item was not taken: {put.status} {put.body}")

    def asking(path: str, **options: str | int) -> Answer:
        async def ask(turn: int) -> Reply:
            parameters = {"limit": LONGEST_LIST - turn % 20, **options}
            return await api.ask(
                second, "GET", path, parameters=parameters, timeout_seconds=_TIMEOUT_SECONDS
            )

        return ask

    def has(reply: Reply) -> bool:
        return any(item["item_id"] == item_id for item in reply.body.get("items", ()))

    def is_shown(reply: Reply) -> bool:
        in_group = [
            _group_of(item["item_id"]) == group for item in reply.body.get("items", ())[:10]
        ]
        return bool(in_group) and 2 * sum(in_group) > len(in_group)

    # The user is at home in the group.
    lists = asking(f"/v1/users/user-{group}/recommendations")
    return list(
        await asyncio.gather(
            _until(lists, has, put.ended),
            _until(asking("/v1/search", q=word), has, put.ended),
            _until(asking(f"/v1/items/{item_id}/similar"), is_shown, put.ended),
        )
    )


async def _until(answer: Answer, found: Found, began: float) -> float:
    """Seconds from `began` to the end of the first answer that was looked for."""
    for turn in itertools.count():
        reply = await answer(turn)
        if found(reply):
            return reply.ended - began
        if reply.ended - began > _GIVE_UP_SECONDS:
            raise StackError(f"Not there after {_GIVE_UP_SECONDS:g} seconds: {reply}"[:1000])
        await asyncio.sleep(0.005)
    raise AssertionError


def _group_of(item_id: str) -> int | None:
    """The group of an item; None if it is one of the new ones, of which little is known."""
    kind, _, number = item_id.rpartition("-")
    return int(number) % GROUPS if kind == "item" else None
