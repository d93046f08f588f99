"""Keeps processes alive: starts them, again whenever they end, and stops them in reverse order."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from domain.errors import StackError
from stack.local.servers.child_process import Escalation, ServerNotReadyError, stop_child
from stack.local.supervision.background import in_thread
from stack.local.supervision.log_file import last_lines, open_log, put_aside
from stack.local.supervision.restarts import RestartHistory, RestartPolicy
from stack.local.supervision.service import Launch, Service
from stack.local.supervision.state import ProcessEntry, ProcessState, entry_of

REPORTED_LOG_LINES = 12
_LOG_SECONDS = 30.0


class ServiceFailedError(StackError):
    """A process does not start, however often it is tried."""


class Reporter(Protocol):
    """Receives what happens."""

    def say(self, line: str) -> None:
        """Something happened as it should."""

    def warn(self, line: str, details: list[str] | None = None) -> None:
        """Something happened that should not; `details` are log lines."""


@dataclass(slots=True)
class _Child:
    service: Service
    log: Path
    restarts: RestartHistory
    ready: asyncio.Future[None]
    process: subprocess.Popen[Any] | None = None
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Supervisor:
    """Owns the processes of one stack; lives in one event loop, on the main thread."""

    reporter: Reporter
    log_of: Callable[[str], Path]
    changed: Callable[[dict[str, ProcessEntry]], None]
    """Called with all processes whenever one of them changes; again later if it raises OSError."""
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    again_seconds: float = 5.0
    """How long after `changed` failed it is called again."""
    _children: dict[str, _Child] = field(default_factory=dict)
    _entries: dict[str, ProcessEntry] = field(default_factory=dict)
    _stopping: bool = False
    _retry: asyncio.TimerHandle | None = None

    async def start(self, service: Service) -> None:
        """Start a process and return when it is ready; from then on it is kept alive.

        Raises ServiceFailedError if it ends too often before it was ready.
        """
        ready = asyncio.get_running_loop().create_future()
        child = _Child(service, self.log_of(service.name), RestartHistory(self.policy), ready)
        self._children[service.name] = child
        child.task = asyncio.create_task(self._tend(child))
        await asyncio.shield(ready)

    def entry(self, name: str) -> ProcessEntry | None:
        """A process as it is known now; None: it was never started."""
        return self._entries.get(name)

    async def rest(self, name: str, *, killed: bool = False) -> None:
        """Stop one process until `start` is called for it again.

        `killed`: without a chance to clean up.
        """
        child = self._children[name]
        try:
            await self._end(child, () if killed else child.service.shutdown)
        except (OSError, RuntimeError):
            # As without a thread to be had. Nobody tends it now, so it must not run on.
            if child.process is not None:
                child.process.kill()
            self._enter(child, "failed")
            raise
        self._enter(child, "resting")

    async def keep_logs_bounded(self, *, seconds: float = _LOG_SECONDS) -> None:
        """Put aside what has grown large of the logs, every so many seconds; never returns."""
        while True:
            await asyncio.sleep(seconds)
            for child in list(self._children.values()):
                # No room, or no thread to be had, just now: no reason to stop the stack.
                with suppress(OSError, RuntimeError):
                    await in_thread(partial(put_aside, child.log))

    async def stop(self) -> None:
        """Stop all processes, the one started last first; nothing is started again from now on."""
        self._stopping = True
        for child in reversed(self._children.values()):
            await self._stop(child)

    def kill(self) -> None:
        """End all processes at once, without a chance to clean up."""
        self._stopping = True
        for child in self._children.values():
            if child.process is not None:
                child.process.kill()

    async def _tend(self, child: _Child) -> None:
        pause: float | None = 0.0
        while pause is not None:
            await asyncio.sleep(pause)
            try:
                await self._run(child)
                ending = _ending(child.process)
            except ServerNotReadyError as error:
                first_line = str(error).partition("\n")[0]
                ending = first_line.removeprefix(f"{child.service.name} ").removesuffix(".")
            except (OSError, RuntimeError) as error:
                ending = f"cannot be started: {error}"
                if not child.ready.done():
                    # What prevents the very first start does not go away by itself.
                    self._give_up(child, f"{child.service.name} {ending}")
                    return
            if self._stopping:
                return
            pause = child.restarts.next_pause(time.monotonic())
            self._report_ending(child, ending, pause)
        self._give_up(child, f"{child.service.name} is not started again: it ended too often.")

    async def _run(self, child: _Child) -> None:
        """One life of the process, from its preparation to its end."""
        launch = await in_thread(child.service.prepare)
        process = self._launch(child, launch)
        try:
            await in_thread(partial(launch.wait_until_ready, process))
        except ServerNotReadyError:
            await in_thread(partial(stop_child, process, child.service.shutdown))
            raise
        self._enter(child, "running")
        if child.ready.done():
            self.reporter.say(f"{child.service.name} runs again (pid {process.pid})")
        else:
            child.ready.set_result(None)
        await in_thread(process.wait)

    def _launch(self, child: _Child, launch: Launch) -> subprocess.Popen[Any]:
        with open_log(child.log) as output:
            child.process = subprocess.Popen(  # noqa: S603 - our own commands
                launch.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **launch.options(),
            )
        self._entries[child.service.name] = entry_of(child.process.pid)
        self._notify()
        return child.process

    async def _stop(self, child: _Child) -> None:
        if await self._end(child, child.service.shutdown):
            self.reporter.say(f"{child.service.name} stopped")
        self._enter(child, "stopped")

    async def _end(self, child: _Child, shutdown: Escalation) -> bool:
        """Stop tending a process, and end it; whether it ran."""
        if child.task is not None:
            child.task.cancel()
            with suppress(asyncio.CancelledError):
                await child.task
        process = child.process
        if process is None or process.poll() is not None:
            return False
        await in_thread(partial(stop_child, process, shutdown))
        return True

    def _enter(self, child: _Child, state: ProcessState) -> None:
        name, process = child.service.name, child.process
        gone = process is None or process.returncode is not None
        known = self._entries.get(name)
        if gone or known is None:
            self._entries[name] = ProcessEntry(state)
        else:
            self._entries[name] = ProcessEntry(state, known.pid, known.created_at)
        self._notify()

    def _notify(self) -> None:
        """Call `changed`. Without room on the disk the processes are tended all the same."""
        was_written = self._retry is None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        try:
            self.changed(self._entries)
        except OSError as error:
            loop = asyncio.get_running_loop()
            self._retry = loop.call_later(self.again_seconds, self._notify)
            if was_written:
                self.reporter.warn(f"What runs cannot be written down, tried again: {error}")

    def _report_ending(self, child: _Child, ending: str, pause: float | None) -> None:
        self._enter(child, "restarting")
        attempt, limit = len(child.restarts.times), self.policy.limit
        again = "" if pause is None else f"; started again in {pause:g} s ({attempt} of {limit})"
        self.reporter.warn(f"{child.service.name} {ending}{again}")

    def _give_up(self, child: _Child, reason: str) -> None:
        details = last_lines(child.log, REPORTED_LOG_LINES)
        if child.ready.done():
            self.reporter.warn(reason, [f"the end of {child.log}:", *details])
        else:
            message = "\n".join([reason, f"The end of {child.log}:", *details])
            child.ready.set_exception(ServiceFailedError(message))
        self._enter(child, "failed")


def _ending(process: subprocess.Popen[Any] | None) -> str:
    code = None if process is None else process.returncode
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
