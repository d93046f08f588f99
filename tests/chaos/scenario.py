"""Everything that acts in a run of chaos: first it plays, then what came of it is checked."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from stack.local.supervision.background import in_thread
from tests.chaos.answers import FALLBACK, Answer
from tests.chaos.counters import Counters
from tests.chaos.fault_injection import FaultInjector
from tests.chaos.keeping import RunKeeper
from tests.chaos.ledger import Ledger
from tests.chaos.load import Load
from tests.chaos.nights import Nights
from tests.chaos.options import ChaosOptions
from tests.chaos.questions import Question, list_for
from tests.chaos.reading import Reader
from tests.chaos.recovery import Prober
from tests.chaos.report import Figures, figures
from tests.chaos.rolling_back import RollingBack
from tests.chaos.schedule import schedule
from tests.chaos.store import is_folded
from tests.chaos.system import System
from tests.chaos.verdict import Verdict, load_stored, users_of
from tests.chaos.violations import Diary, Violations
from tests.chaos.writing import Writer

Report = Callable[[str], None]

TIMELINE = "timeline.txt"
_REPORT_SECONDS = 5.0
_LAG_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 60.0
_MOST_USERS_READ = 200
_FINAL_LENGTHS = (20, 100)
"""Of the lists read at the end: one that the load asks for, and may be cached, and a new one."""
_MOST_ATTEMPTS, _RETRY_SECONDS = 20, 0.2
_SHOWN_SECONDS = 3.0
"""After the end of the log has been folded in and everything runs, lists show it by then.

An API process looks once a second which run is served, and a speed worker drops with its next pass,
a quarter of a second later, what it could not drop from the cache at once.
"""


@dataclass(slots=True)
class Scenario:
    """Everything that acts, and what it writes down."""

    options: ChaosOptions
    system: System
    nights: Nights
    keeper: RunKeeper
    violations: Violations
    diary: Diary
    ledger: Ledger
    counters: Counters
    reader: Reader
    writer: Writer
    load: Load
    prober: Prober
    rolling_back: RollingBack
    fault_injector: FaultInjector
    background: list[asyncio.Task[None]] = field(default_factory=list)

    async def play(self, report: Report) -> None:
        """Load and faults, then quiet until everything has settled."""
        self.nights.outcomes = Counter()
        self.diary.began = time.monotonic()
        self.load.start()
        watching = asyncio.create_task(self.fault_injector.watch())
        night_after_night = asyncio.create_task(self.nights.forever())
        reporting = asyncio.create_task(self._report_now_and_then(report))
        lagging = asyncio.create_task(self._measure_lag())
        self.background = [watching, night_after_night, reporting, lagging]
        for task in self.background:
            task.add_done_callback(self.violations.note_failure)
        began = time.monotonic()
        try:
            options = self.options
            faults = schedule(options.seconds, options.seed, hosts=options.hosts)
            await self.fault_injector.carry_out(faults)
            await asyncio.sleep(max(0.0, began + self.options.seconds - time.monotonic()))
            report("waiting until everything has settled")
            self.load.stop()
            await self.load.finish(_LONGEST_WAIT_SECONDS)
            night_after_night.cancel()
            with suppress(asyncio.CancelledError):
                await night_after_night
            await self.keeper.keep_new()
            await self._wait_until_shown()
        finally:
            for task in self.background:
                task.cancel()
        await asyncio.gather(*self.background, return_exceptions=True)

    async def check(self) -> Figures:
        """The comparison of the ledger with the store, and all figures."""
        self.diary.write(self.system.home.directory / TIMELINE)
        self.violations.counts["read unanswered"] = self.counters.unanswered
        final = await self._final_answers(users_of(self.ledger))
        stored = await in_thread(partial(self._load, load_stored))
        verdict = Verdict(self.system.dataset, self.ledger, self.keeper.contents, self.violations)
        checked = {
            **verdict.figures(stored, self.reader.answers, final),
            "deletes_offered": self.system.deletes,
            "rollbacks": self.rolling_back.done,
            "rollbacks_refused": self.rolling_back.refused,
            "rollbacks_offered": self.system.rollbacks,
        }
        return figures(
            self.options,
            counters=self.counters,
            fault_injector=self.fault_injector,
            nights=self.nights,
            prober=self.prober,
            violations=self.violations,
            checked=checked,
        )

    async def _final_answers(self, users: list[str]) -> list[Answer]:
        drawn = random.Random(self.options.seed)
        chosen = drawn.sample(users, min(_MOST_USERS_READ, len(users)))
        questions = [list_for(user, length) for user in chosen for length in _FINAL_LENGTHS]
        drawn.shuffle(questions)
        answers = [
            await self._final_answer(question, index) for index, question in enumerate(questions)
        ]
        return [answer for answer in answers if answer is not None]

    async def _final_answer(self, question: Question, index: int) -> Answer | None:
        """A list that lacks nothing, of one worker after the other; None: there is none."""
        workers = self.system.api.workers
        for attempt in range(_MOST_ATTEMPTS):
            worker = workers[(index + attempt) % len(workers)]
            answer = await self.reader.read_from(worker, question)
            if answer is not None and answer.strategy != FALLBACK and answer.degraded is None:
                return answer
            await asyncio.sleep(_RETRY_SECONDS)
        self.violations.add("no settled list", time.monotonic(), question=question)
        return None

    async def _wait_until_shown(self) -> None:
        """Until lists must show all that was acknowledged."""
        await self.fault_injector.all_started(_LONGEST_WAIT_SECONDS)
        await self._wait_until_folded()
        await asyncio.sleep(_SHOWN_SECONDS)

    async def _wait_until_folded(self) -> None:
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        while time.monotonic() < deadline:
            with suppress(DBAPIError):
                if await in_thread(partial(self._load, is_folded)):
                    return
            await asyncio.sleep(0.1)
        self.violations.add("not folded in", time.monotonic(), waited_seconds=_LONGEST_WAIT_SECONDS)

    def _load(self, read: Callable[[Connection], Any]) -> Any:
        with self.system.engine.connect() as connection:
            return read(connection)

    async def _measure_lag(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(_LAG_SECONDS)
            lag = time.monotonic() - began - _LAG_SECONDS
            self.counters.longest_lag_seconds = max(self.counters.longest_lag_seconds, lag)

    async def _report_now_and_then(self, report: Report) -> None:
        before = 0
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            reads, before = self.counters.reads - before, self.counters.reads
            report(
                f"{time.monotonic() - self.diary.began:5.0f} s"
                f"  kills {self.fault_injector.kills.total()}"
                f"  reads/s {reads / _REPORT_SECONDS:.0f}"
                f"  levels {dict(self.counters.strategies)}"
                f"  acknowledged {self.counters.acknowledged}"
                f"  nights {dict(self.nights.outcomes)}"
                f"  violations {dict(self.violations.counts)}"
            )
