"""Stops Prefect's server and worker while nobody needs them, and starts them again in time."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psutil

from domain.errors import StackError
from serving.console.kept_schedule import KeptSchedule, store_schedule
from serving.console.prefect_api import PrefectApi, PrefectAskedInVainError
from stack.local.on_demand.held_port import HeldPort
from stack.local.on_demand.outlook import Outlook, look_ahead
from stack.local.on_demand.rest import Clocks, Rest, read_clocks
from stack.local.supervision.background import in_thread
from stack.local.supervision.service import Service
from stack.local.supervision.supervisor import Reporter, Supervisor

_NOT_RUNNING = {"resting", "failed"}
"""And not about to run by itself."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """When Prefect is stopped and started."""

    ahead: timedelta
    """So long before a run is due it is started."""
    idle_seconds: float
    """So long after the last request it is stopped."""
    look_seconds: float = 5.0
    """How often it is seen whether that time has come.

    A machine that was suspended, or whose clock was set, is right again after as long.
    """
    retry_seconds: float = 30.0
    """After a start that failed."""


@dataclass(frozen=True, slots=True)
class Files:
    """What others read or write while the server runs or rests."""

    asked: Path
    """Touched by the server when somebody asks."""
    rest: Path
    """There while it rests, and while it is put to rest or started again."""

    def begin(self) -> None:
        """Before the first start of the server: it runs."""
        self.rest.unlink(missing_ok=True)
        self.asked.touch(mode=0o600)

    def asked_at(self) -> int:
        """The time of the last request, in nanoseconds."""
        if not self.asked.exists():
            self.asked.touch(mode=0o600)
        return self.asked.stat().st_mtime_ns


@dataclass(slots=True)
class PrefectOnDemand:
    """Keeps Prefect's server and worker running while they are needed."""

    supervisor: Supervisor
    reporter: Reporter
    server: Service
    worker: Service
    port: HeldPort
    prefect: PrefectApi
    files: Files
    bounds: Bounds
    _needed_at: float = 0.0
    """When it was started last, in seconds since 1970."""

    async def keep(self) -> None:
        """Both run when this is called; never returns."""
        self._needed_at = time.time()
        while True:
            await asyncio.sleep(self.bounds.look_seconds)
            try:
                await self._keep_once()
            except Exception as error:  # noqa: BLE001 - it would end the stack, API included
                # As without room on the disk. Whatever rests is started in the next turn.
                why = f"{type(error).__name__}: {error}"
                self.reporter.warn(f"Prefect cannot be stopped while nobody needs it: {why}")
                self._needed_at = time.time()
                with suppress(OSError):
                    self.files.rest.unlink(missing_ok=True)

    async def _keep_once(self) -> None:
        if any(self._state(each) in _NOT_RUNNING for each in (self.server, self.worker)):
            await self._wake("Prefect does not run")
        elif self._idle_seconds() >= self.bounds.idle_seconds:
            asked_at = self.files.asked_at()
            rest = await self._rest_if_possible(asked_at)
            if rest is not None:
                await self._wake(await self._reason_to_wake(rest, asked_at))

    def _idle_seconds(self) -> float:
        """Since it was started or somebody asked; a clock that was set back does not count."""
        now = time.time()
        since = max(self._needed_at, self.files.asked_at() / 1e9)
        return now - since if since <= now else self.bounds.idle_seconds

    def _state(self, service: Service) -> str | None:
        entry = self.supervisor.entry(service.name)
        return None if entry is None else entry.state

    async def _rest_if_possible(self, asked_at: int) -> Rest | None:
        """Stop both unless something is to be done or somebody asks; None: they run.

        Nothing can begin in between: the worker is frozen before Prefect is asked, and of a request
        that the server still took after that, its file tells.
        """
        began = read_clocks()
        worker = self.supervisor.entry(self.worker.name)
        if worker is None or worker.pid is None:
            return None
        outlook = await self._possible_rest(worker.pid)
        if outlook is None:
            return None
        # Who only looks reads this from now on: it does not ask a server that is stopping, and
        # knows why the worker is frozen.
        self._keep_schedule(began, outlook)
        with _frozen(worker.pid):
            outlook = await self._possible_rest(worker.pid)
            if outlook is not None and self.files.asked_at() == asked_at:
                rest = self._keep_schedule(began, outlook)
                await self.supervisor.rest(self.server.name)
                await self.supervisor.rest(self.worker.name, killed=True)
                return rest
        self.files.rest.unlink(missing_ok=True)
        return None

    def _keep_schedule(self, began: Clocks, outlook: Outlook) -> Rest:
        """Write down what comes; the rest that allows."""
        due = outlook.next_due
        rest = Rest(began, None if due is None else due - self.bounds.ahead)
        store_schedule(self.files.rest, KeptSchedule(rest.until, outlook.deployments))
        return rest

    async def _possible_rest(self, worker_pid: int) -> Outlook | None:
        """What comes if Prefect can rest now; None: it cannot, or that is not known."""
        try:
            if self._state(self.server) != "running" or psutil.Process(worker_pid).children():
                return None
            began_at = datetime.fromtimestamp(psutil.Process(worker_pid).create_time(), UTC)
            now = datetime.now(UTC)
            outlook = await in_thread(partial(look_ahead, self.prefect, now, began_at))
        except (PrefectAskedInVainError, psutil.Error):
            return None
        return outlook if outlook.can_rest(datetime.now(UTC), self.bounds.ahead) else None

    async def _reason_to_wake(self, rest: Rest, asked_at: int) -> str:
        """Wait until there is one; what it is."""
        if self.files.asked_at() != asked_at:
            return "somebody asked Prefect while it stopped"
        self.reporter.say(f"Prefect rests until {_format(rest.until)} or until somebody asks it")
        with self.port.watched() as connected:
            while (reason := rest.reason_to_end(now := read_clocks())) is None:
                seconds = min(rest.seconds_left(now), self.bounds.look_seconds)
                with suppress(TimeoutError):
                    await asyncio.wait_for(connected.wait(), seconds)
                    return "somebody asks Prefect"
        return reason

    async def _wake(self, reason: str) -> None:
        """Start what does not run, however often it has to be tried."""
        self.reporter.say(f"{reason}: it is started")
        while True:
            try:
                for service in (self.server, self.worker):
                    if self._state(service) in _NOT_RUNNING:
                        await self.supervisor.start(service)
            except StackError as error:
                again = f"tried again in {self.bounds.retry_seconds:g} s"
                self.reporter.warn(f"Prefect does not start, {again}: {error}")
                await asyncio.sleep(self.bounds.retry_seconds)
            else:
                break
        self.files.rest.unlink(missing_ok=True)
        self._needed_at = time.time()


@contextmanager
def _frozen(pid: int) -> Iterator[None]:
    """Let a process do nothing for the time of the block."""
    process = psutil.Process(pid)
    process.suspend()
    try:
        yield
    finally:
        with suppress(psutil.Error):
            process.resume()


def _format(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
