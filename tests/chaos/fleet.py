"""The processes of the system under test: started, killed, frozen, and ended without exception."""

import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil

from stack.local.servers.child_process import ending_with_parent
from stack.local.supervision.background import in_thread
from stack.local.supervision.log_file import open_log
from stack.local.supervision.service import Launch, Service
from tests.hosts.network import Host

T = TypeVar("T")

Condition = Literal["up", "down", "paused"]
_GONE_SECONDS = 10.0


@dataclass(slots=True)
class Member:
    """One process that is kept running except when it is meant not to."""

    service: Service
    log: Path
    condition: Condition = "down"
    process: subprocess.Popen[Any] | None = None
    launch: Launch | None = None
    frozen: list[psutil.Process] = field(default_factory=list)
    host: Host | None = None
    """The machine of a network that it runs on; None: on none."""

    @property
    def name(self) -> str:
        """As in the logs."""
        return self.service.name


class Fleet:
    """All members by name; lives on the main thread, whose children end with it."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}

    def add(self, service: Service, log: Path, host: Host | None = None) -> None:
        """Take a service in; it is not started yet."""
        self.members[service.name] = Member(service, log, host=host)

    def names(self, kind: str) -> list[str]:
        """The members of one kind: `api` is `api-1` and `api-2`."""
        return [name for name in self.members if name == kind or name.startswith(f"{kind}-")]

    def running(self, kind: str) -> list[str]:
        """Those of them that are up."""
        return [name for name in self.names(kind) if self.members[name].condition == "up"]

    async def start(self, name: str) -> None:
        """Start a member; it may not be ready when this returns."""
        member = self.members[name]
        member.launch = await in_thread(_on(member.host, member.service.prepare))
        self._launch(member, member.launch)

    def _launch(self, member: Member, launch: Launch) -> None:
        with open_log(member.log) as output:
            # Whatever ends the chaos, even SIGKILL, ends the processes.
            options = {**launch.options(), **ending_with_parent(signal.SIGKILL)}
            streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            start = partial(subprocess.Popen[Any], launch.command, **streams, **options)
            member.process = start() if member.host is None else member.host.do(start)
        member.condition = "up"

    async def ready(self, name: str) -> None:
        """Wait until a started member answers; ServerNotReadyError if it does not."""
        member = self.members[name]
        if member.launch is not None and member.process is not None:
            waiting = partial(member.launch.wait_until_ready, member.process)
            await in_thread(_on(member.host, waiting))

    async def kill(self, name: str, *, whole: bool = True) -> None:
        """SIGKILL; `whole`: its children at the same moment too."""
        member = self.members[name]
        member.condition = "down"
        process = member.process
        if process is None:
            return
        victims = _family(process.pid) if whole else []
        process.kill()
        for victim in victims:
            _signal(victim, signal.SIGKILL)
        await in_thread(partial(process.wait, _GONE_SECONDS))

    def kill_child(self, name: str, share: float) -> int | None:
        """SIGKILL one child of a member, drawn by `share`; its number, None if it has none."""
        process = self.members[name].process
        children = [] if process is None else _family(process.pid)[1:]
        if not children:
            return None
        victim = children[int(share * len(children))]
        _signal(victim, signal.SIGKILL)
        return victim.pid

    def pause(self, name: str) -> None:
        """Freeze a member with all its children."""
        member = self.members[name]
        if member.process is None or member.condition != "up":
            return
        member.condition = "paused"
        member.frozen = _family(member.process.pid)
        for process in member.frozen:
            _signal(process, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a frozen member go on."""
        member = self.members[name]
        for process in member.frozen:
            _signal(process, signal.SIGCONT)
        member.frozen = []
        if member.condition == "paused":
            member.condition = "up"

    def ended(self) -> list[str]:
        """Members that should be up and have ended by themselves; they count as down from now."""
        found = [
            name
            for name, member in self.members.items()
            if member.condition == "up" and member.process and member.process.poll() is not None
        ]
        for name in found:
            self.members[name].condition = "down"
        return found

    def end(self) -> None:
        """Kill everything that still runs, frozen or not."""
        for member in reversed(self.members.values()):
            end_family(member.process)
            for process in member.frozen:
                _signal(process, signal.SIGKILL)


def _on(host: Host | None, work: Callable[[], T]) -> Callable[[], T]:
    """The same on a machine: even the names of sockets are its own."""
    return work if host is None else partial(host.do_aside, work)


def end_family(process: subprocess.Popen[Any] | None) -> None:
    """Kill a process with all its children and wait for it."""
    if process is None or process.poll() is not None:
        return
    family = _family(process.pid)
    for member in family:
        _signal(member, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GONE_SECONDS)
    psutil.wait_procs(family, timeout=_GONE_SECONDS)


def _family(pid: int) -> list[psutil.Process]:
    """A process and all below it, the topmost first."""
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.Error:
        return []


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)
