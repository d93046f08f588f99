"""Carrying out the schedule: kill, freeze, restart, roll back; then measure the recovery."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from domain.errors import StackError
from stack.local.servers.child_process import ServerNotReadyError
from stack.local.supervision.background import in_thread
from tests.chaos.fleet import Fleet
from tests.chaos.machines import Machines
from tests.chaos.nights import Nights
from tests.chaos.recovery import Prober, Recovered
from tests.chaos.schedule import PlannedFault
from tests.chaos.violations import Diary, Violations
from tests.hosts.network import partition

_BOTH_SPEED_WORKERS = 0.7
"""With a share above this all workers of the speed layer are killed at once."""
_WATCH_SECONDS = 0.2
_SLOW_SECONDS = 0.15
_PATIENCE_SECONDS = 90.0


@dataclass(slots=True)
class FaultInjector:
    """Does the harm, and undoes it."""

    fleet: Fleet
    nights: Nights
    prober: Prober
    violations: Violations
    diary: Diary
    roll_back: Callable[[], Awaitable[None]]
    machines: Machines | None = None
    kills: Counter[str] = field(default_factory=Counter)
    pauses: Counter[str] = field(default_factory=Counter)
    recovered: list[Recovered] = field(default_factory=list)
    start_seconds: list[tuple[str, float]] = field(default_factory=list)
    """Process, and seconds from its restart until it answered by itself."""
    _ended_at: dict[int, float] = field(default_factory=dict)
    """When what a fault took away was back."""
    _starting: set[asyncio.Task[None]] = field(default_factory=set)
    _cutting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One machine at a time."""

    async def carry_out(self, faults: Sequence[PlannedFault]) -> None:
        """Everything at its time; returns when the last recovery is over."""
        began = time.monotonic()
        tasks = []
        for number, fault in enumerate(faults):
            await asyncio.sleep(max(0.0, began + fault.at_seconds - time.monotonic()))
            tasks.append(asyncio.create_task(self._inject(number, fault)))
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_PATIENCE_SECONDS)
            for task in late:
                task.cancel()
        for task in tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def watch(self) -> None:
        """Notice processes that end without being killed, and start them again."""
        while True:
            for name in self.fleet.ended():
                process = self.fleet.members[name].process
                code = None if process is None else process.returncode
                self.violations.add("ended by itself", time.monotonic(), process=name, code=code)
                await self._start(name)
            await asyncio.sleep(_WATCH_SECONDS)

    async def all_started(self, seconds: float) -> None:
        """Wait until all that was started again answers by itself, so long at the most."""
        if self._starting:
            await asyncio.wait(set(self._starting), timeout=seconds)

    async def _inject(self, number: int, fault: PlannedFault) -> None:
        if fault.act == "rollback":
            await self.roll_back()
        elif fault.act == "bad night":
            self.nights.bad_nights += 1
        elif fault.act == "kill":
            await self._kill(number, fault)
        elif fault.act == "slow":
            await self._slow_down(fault)
        elif fault.act == "cut off":
            await self._cut_off(number, fault)
        else:
            await self._pause(number, fault)

    async def _kill(self, number: int, fault: PlannedFault) -> None:
        if fault.kind == "night":
            restarted_at = await self.nights.order(fault.share)
        elif fault.kind == "backend":
            restarted_at = await self._kill_backend(fault.share)
        else:
            restarted_at = await self._kill_members(number, fault)
        self.kills[fault.kind] += 1
        await self._recover(number, f"kill {fault.kind}", restarted_at)

    async def _kill_members(self, number: int, fault: PlannedFault) -> float:
        names = await self._victims(fault)
        whole = fault.kind != "postgres" or int(fault.share * 10) % 2 == 0
        for name in names:
            await self.fleet.kill(name, whole=whole)
            self._note(f"{name} killed{'' if whole else ' without its children'}")
        await asyncio.sleep(fault.away_seconds)
        restarted_at = time.monotonic()
        for name in names:
            await self._start(name)
        self._ended_at[number] = time.monotonic()
        return restarted_at

    async def _kill_backend(self, share: float) -> float:
        while (pid := self.fleet.kill_child("postgres", share)) is None:  # noqa: ASYNC110 -- as below
            await asyncio.sleep(_WATCH_SECONDS)
        self._note(f"process {pid} of postgres killed")
        return time.monotonic()

    async def _pause(self, number: int, fault: PlannedFault) -> None:
        if fault.kind == "night":
            restarted_at = await self.nights.order(fault.share, fault.away_seconds)
        else:
            (name, *_) = await self._victims(fault)
            self.fleet.pause(name)
            self._note(f"{name} frozen")
            await asyncio.sleep(fault.away_seconds)
            self.fleet.resume(name)
            restarted_at = time.monotonic()
            self._note(f"{name} goes on")
            self._ended_at[number] = restarted_at
        self.pauses[fault.kind] += 1
        await self._recover(number, f"pause {fault.kind}", restarted_at)

    async def _cut_off(self, number: int, fault: PlannedFault) -> None:
        """Lose every packet between a machine with workers and the stores."""
        if self.machines is None:
            raise StackError("there is no machine to cut off")
        host = self.machines.workers[int(fault.share * len(self.machines.workers))]
        async with self._cutting:
            cut = partition(self.machines.stores, host)
            await in_thread(cut.__enter__)
            self._note(f"{host.name} cut off")
            try:
                await asyncio.sleep(fault.away_seconds)
            finally:
                cut.__exit__(None, None, None)
            restarted_at = time.monotonic()
            self._note(f"{host.name} reaches the stores again")
            self._ended_at[number] = restarted_at
        self.pauses["host cut off"] += 1
        await self._recover(number, "pause host", restarted_at)

    async def _slow_down(self, fault: PlannedFault) -> None:
        """Let a member work for a small part of the time: it is slow, but it answers."""
        (name, *_) = await self._victims(fault)
        self._note(f"{name} slow")
        until = time.monotonic() + fault.away_seconds
        while time.monotonic() < until:
            self.fleet.pause(name)
            await asyncio.sleep(_SLOW_SECONDS)
            self.fleet.resume(name)
            await asyncio.sleep(_SLOW_SECONDS / 3)
        self._note(f"{name} as fast as before")
        self.pauses[f"{fault.kind} slow"] += 1

    async def _victims(self, fault: PlannedFault) -> list[str]:
        """Which members; one that is away already is waited for."""
        while not (names := self.fleet.running(fault.kind)):  # noqa: ASYNC110 -- processes notify nobody
            await asyncio.sleep(_WATCH_SECONDS)
        if fault.act == "kill" and fault.kind == "speed" and fault.share > _BOTH_SPEED_WORKERS:
            return names
        return [names[int(fault.share * len(names))]]

    async def _start(self, name: str) -> None:
        began = time.monotonic()
        await self.fleet.start(name)
        self._note(f"{name} started again")
        task = asyncio.create_task(self._become_ready(name, began))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        task.add_done_callback(self.violations.note_failure)

    async def _become_ready(self, name: str, began: float) -> None:
        # One that is killed again while it starts is somebody else's business.
        with suppress(ServerNotReadyError):
            await self.fleet.ready(name)
            self.start_seconds.append((name, time.monotonic() - began))
            self._note(f"{name} answers")

    async def _recover(self, number: int, what: str, restarted_at: float) -> None:
        recovered = await self.prober.measure(
            what, restarted_at, lambda: self._others_ended_at(number)
        )
        self.recovered.append(recovered)
        self._note(f"{what}: recovered after {recovered.seconds:.2f} s")
        if not recovered.in_time:
            self.violations.add("not recovered", restarted_at, what=what, stages=recovered.stages)

    def _others_ended_at(self, number: int) -> float:
        return max((at for other, at in self._ended_at.items() if other != number), default=0.0)

    def _note(self, what: str) -> None:
        self.diary.note(time.monotonic(), what)
