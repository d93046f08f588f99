"""Chaos: load on the real processes while a seeded schedule kills, freezes and switches them.

Starts a system of its own in a temporary folder, keeps a ledger of what was acknowledged, and
compares it with what is stored and served. The checker decides by reading the store with statements
of its own; it shares the arithmetic of `domain` with the layers, and no code that serves or learns.
"""

import random
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import StackError
from tests.chaos.bulk_loading import BulkLoader
from tests.chaos.counters import Counters
from tests.chaos.fault_injection import FaultInjector
from tests.chaos.fleet import Fleet
from tests.chaos.keeping import RunKeeper
from tests.chaos.ledger import Ledger
from tests.chaos.load import Load
from tests.chaos.machines import Machines, machines
from tests.chaos.nights import Nights
from tests.chaos.options import ChaosOptions
from tests.chaos.preference_generator import PreferenceGenerator
from tests.chaos.reading import Reader
from tests.chaos.recovery import Prober
from tests.chaos.report import Figures
from tests.chaos.request_generator import RequestGenerator
from tests.chaos.rolling_back import RollingBack
from tests.chaos.scenario import Report, Scenario
from tests.chaos.system import WORKERS, System, start_system, start_workers
from tests.chaos.violations import Diary, Violations
from tests.chaos.writing import Writer


@dataclass(slots=True)
class ChaosRun:
    """Makes the system, injects faults, checks it, and leaves no process behind."""

    options: ChaosOptions
    folder: Path
    """Holds the data and the logs; it must be empty."""
    violations_file: Path
    report: Report
    _fleet: Fleet = field(default_factory=Fleet)
    _nights: Nights | None = None
    _machines: Machines | None = None

    async def figures(self) -> Figures:
        """Everything measured; no process is left when this returns, raises or is cancelled."""
        with machines(WORKERS) if self.options.hosts else nullcontext() as found:
            self._machines = found
            try:
                scenario = await self._prepared()
                await scenario.play(self.report)
                self.report("checking")
                return await scenario.check()
            finally:
                if self._nights is not None:
                    self._nights.end()
                self._fleet.end()

    async def _prepared(self) -> Scenario:
        """The running system after its first night; StackError if that came to nothing."""
        diary = Diary(time.monotonic())
        self.report("making a dataset, with a PostgreSQL, a Redis and a Prefect of its own")
        system = await start_system(self.folder, self._fleet, self.options, self._machines)
        keeper = RunKeeper(system.engine, system.dataset.vocabulary)
        nights = Nights(
            environment=system.nightly_environment,
            log=system.home.log("nights"),
            diary=diary,
            after_each=keeper.keep_new,
            pause_seconds=self.options.night_pause_seconds,
            seed=self.options.seed,
        )
        self._nights = nights
        nights.start()
        self.report("the first night")
        await self._fleet.ready("prefect-server")
        if await nights.once() != "published":
            raise StackError(f"The first night was not published; its log is {nights.log}")
        await keeper.keep_new()
        self.report("starting the API and the speed workers")
        return self._scenario(await start_workers(system), nights, keeper, diary)

    def _scenario(
        self, system: System, nights: Nights, keeper: RunKeeper, diary: Diary
    ) -> Scenario:
        drawn = random.Random(self.options.seed + 1)
        dataset, fleet, counters, ledger = (
            system.dataset,
            self._fleet,
            Counters(),
            Ledger(system.dataset.seen),
        )
        violations = Violations(self.violations_file, diary)
        reader = Reader(system.api, fleet, dataset, ledger, counters, violations, drawn)
        writer = Writer(system.api, dataset, ledger, counters, violations, drawn)
        prober = Prober(fleet, reader, writer, dataset.probed)
        rolling_back = RollingBack(system, keeper, diary)
        request_generator, preference_generator = (
            RequestGenerator(dataset, drawn),
            PreferenceGenerator(dataset, writer, drawn),
        )
        loader = BulkLoader(system.engine, dataset, writer, self.options.groups, drawn)
        load = Load(
            self.options,
            dataset,
            reader,
            writer,
            request_generator,
            preference_generator,
            loader,
            drawn,
            deletes=system.deletes,
        )
        fault_injector = FaultInjector(
            fleet, nights, prober, violations, diary, rolling_back.once, self._machines
        )
        return Scenario(
            options=self.options,
            system=system,
            nights=nights,
            keeper=keeper,
            diary=diary,
            violations=violations,
            ledger=ledger,
            counters=counters,
            reader=reader,
            writer=writer,
            load=load,
            prober=prober,
            rolling_back=rolling_back,
            fault_injector=fault_injector,
        )
