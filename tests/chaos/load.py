"""The load: reads and events at a steady rate, whatever becomes of those under way."""

import asyncio
import bisect
import itertools
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.bulk_loading import BulkLoader
from tests.chaos.dataset import Dataset, taste_of
from tests.chaos.ledger import Sent
from tests.chaos.options import ChaosOptions
from tests.chaos.preference_generator import PreferenceGenerator
from tests.chaos.questions import list_for
from tests.chaos.reading import Reader
from tests.chaos.request_generator import RequestGenerator
from tests.chaos.writing import Writer

_MOST_UNDER_WAY = 60
"""More would only measure how long a queue gets on a busy machine."""
_CLICKS_SHOWN = 0.7
"""Share of events about an item of the user's newest list."""
_LOOKS_AGAIN = 0.6
"""Share of batches whose users look at their list again at once."""
_LOOK_AGAIN_SECONDS = (0.0, 0.03, 0.3)
_STRANGER = 0.03
_SECONDS_A_DELETE = 0.7
_SECONDS_A_FORGET = 6.0
_SECONDS_A_STATEMENT = 1.0
_SECONDS_A_BULK_LOAD = 1.5
_ASKED_BEFORE = 0.5
"""Share of bulk loads whose users are asked for before the load, when nobody knows them."""
_LOADED_LATELY = 0.15
"""Share of reads and events of users who were loaded in bulk a short time ago."""
_THEN_USES = 0.3
"""Share of statements after which the user also does something."""
_LEAVERS = 60
"""The first users in the order of activity are never removed; these, after them, may be."""
_KINDS = ("view", "view", "view", "click", "like", "rate", "cart", "purchase", "dislike", "hide")


@dataclass(slots=True)
class Load:
    """Keeps the system busy until it is stopped."""

    options: ChaosOptions
    dataset: Dataset
    reader: Reader
    writer: Writer
    request_generator: RequestGenerator
    preference_generator: PreferenceGenerator
    loader: BulkLoader
    drawn: random.Random
    deletes: bool
    """Whether the API offers to delete events and users."""
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)
    _tickers: list[asyncio.Task[None]] = field(default_factory=list)
    _activity: list[float] = field(default_factory=list)
    _indexes: dict[str, int] = field(default_factory=dict)

    def start(self) -> None:
        """Begin."""
        weights = [1.0 / (index + 3) for index in range(len(self.dataset.users))]
        self._activity = list(itertools.accumulate(weights))
        self._indexes = {user: index for index, user in enumerate(self.dataset.users)}
        options = self.options
        plans: list[tuple[float, Callable[[], Coroutine[Any, Any, Any]]]] = [
            (options.reads_per_second, self._one_read),
            (options.events_per_second / 1.5, self._one_batch),
            (1 / _SECONDS_A_STATEMENT, self._one_statement),
            (1 / _SECONDS_A_BULK_LOAD, self._one_bulk_load),
        ]
        if self.deletes:
            plans += [(1 / _SECONDS_A_DELETE, self._one_delete)]
            plans += [(1 / _SECONDS_A_FORGET, self._one_forget)]
        self._tickers = [
            asyncio.create_task(self._ticking(rate, begin)) for rate, begin in plans if rate > 0
        ]
        for ticker in self._tickers:
            ticker.add_done_callback(self.reader.violations.note_failure)

    def stop(self) -> None:
        """Begin nothing any more."""
        for ticker in self._tickers:
            ticker.cancel()

    async def finish(self, seconds: float) -> None:
        """Wait for what is under way, so long at the most."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._under_way and asyncio.get_running_loop().time() < deadline:
            await asyncio.wait(set(self._under_way), timeout=0.5)
        self.writer.stopped.set()
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=10.0)
        for task in self._under_way:
            task.cancel()

    async def _ticking(self, rate: float, begin: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += self.drawn.expovariate(rate)
            await asyncio.sleep(max(0.0, due - loop.time()))
            if len(self._under_way) >= _MOST_UNDER_WAY:
                self.reader.counters.skipped += 1
                continue
            self._begin(begin())

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        task.add_done_callback(self.reader.violations.note_failure)

    async def _one_read(self) -> None:
        stranger = self.drawn.random() < _STRANGER
        user = f"stranger-{self.drawn.randrange(10**9)}" if stranger else self._user()
        await self.reader.read(self.request_generator.anything(user))

    async def _one_batch(self) -> None:
        events = [self._event() for _ in range(self.drawn.choice((1, 1, 1, 3)))]
        if await self.writer.post(events) and self.drawn.random() < _LOOKS_AGAIN:
            for seconds in _LOOK_AGAIN_SECONDS:
                await asyncio.sleep(seconds)
                await self.reader.read(self.request_generator.anything(events[0].user))

    async def _one_statement(self) -> None:
        user = await self.preference_generator.state()
        if user is None:
            return
        for seconds in _LOOK_AGAIN_SECONDS:
            await asyncio.sleep(seconds)
            await self.reader.read(self.request_generator.anything(user))
        if self.drawn.random() < _THEN_USES:
            await self.writer.post([self._event(user)])

    async def _one_bulk_load(self) -> None:
        users = self.loader.next_users()
        asked_for = users[0] if self.drawn.random() < _ASKED_BEFORE else None
        if asked_for is not None:
            await self.reader.read(self.request_generator.anything(asked_for))
        if await self.loader.load(users, asked_for=asked_for):
            for user, seconds in zip(users, _LOOK_AGAIN_SECONDS, strict=True):
                await asyncio.sleep(seconds)
                await self.reader.read(self.request_generator.anything(user))

    async def _one_delete(self) -> None:
        await_deletion = [
            event
            for event in itertools.islice(reversed(self.writer.ledger.events.values()), 300)
            if event.acknowledged_at is not None
            and event.deleting_at is None
            and event.user not in self.dataset.probed
        ]
        if await_deletion:
            event = self.drawn.choice(await_deletion)
            await self.writer.delete(event)
            await self.reader.read(list_for(event.user, 20))

    async def _one_forget(self) -> None:
        user = self.dataset.users[_LEAVERS + self.drawn.randrange(_LEAVERS)]
        await self.writer.forget(user)
        await self.reader.read(list_for(user, 20))

    def _event(self, user: str | None = None) -> Sent:
        """Of a user; None: of any in the dataset."""
        user = user or self._user()
        newest = self.reader.latest.get(user)
        if newest is not None and newest.items and self.drawn.random() < _CLICKS_SHOWN:
            item = self.drawn.choice(newest.items[:20])
        else:
            # Newcomers have no index among the users, and may be of any taste.
            index = self._indexes.get(user)
            if index is None:
                index = self.drawn.randrange(len(self._indexes))
            item = taste_of(index, len(self.dataset.item_nos), self.options.groups, self.drawn)
        return self.writer.event(user, item, self.drawn.choice(_KINDS))

    def _user(self) -> str:
        if self.loader.lately and self.drawn.random() < _LOADED_LATELY:
            return self.drawn.choice(self.loader.lately)
        index = bisect.bisect(self._activity, self.drawn.random() * self._activity[-1])
        return self.dataset.users[min(index, len(self.dataset.users) - 1)]
