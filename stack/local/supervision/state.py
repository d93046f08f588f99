"""The state file: what `tandem up` runs, for other commands and for the start after a crash."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from stack.database_addresses import DatabaseAddresses

ProcessState = Literal["starting", "running", "restarting", "failed", "resting", "stopped"]
"""`resting`: stopped by the supervisor, which starts it when it is needed."""

NAMES = ("postgres", "redis", "prefect-server", "prefect-worker", "speed", "api", "loading")
"""All processes, in the order they are started in."""

_CREATED_TOLERANCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """One supervised process."""

    state: ProcessState
    pid: int | None = None
    created_at: float | None = None
    """When it began, in seconds since 1970: tells it from a later process of the same number."""

    def is_alive(self) -> bool:
        """Whether exactly this process still runs."""
        if self.pid is None or self.created_at is None:
            return False
        try:
            process = psutil.Process(self.pid)
            drift = abs(process.create_time() - self.created_at)
            return drift < _CREATED_TOLERANCE_SECONDS and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def is_frozen(self) -> bool:
        """Whether it runs but a signal has stopped it until another lets it go on."""
        if not self.is_alive():
            return False
        try:
            return bool(psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return False


@dataclass(frozen=True, slots=True)
class StackState:
    """Addresses and processes of one start; the addresses may hold passwords."""

    api_url: str
    prefect_url: str
    database_url: str
    redis_url: str
    migrated: bool = False
    """Whether the database is ready for use."""
    processes: dict[str, ProcessEntry] = field(default_factory=dict)
    first_recommendation_seconds: float | None = None
    owner_url: str = ""
    """The database as the role that migrates."""
    analyst_url: str | None = None
    """The database as the role analyst; None: nobody has said how."""

    @property
    def database(self) -> DatabaseAddresses:
        """The database as each role reaches it."""
        return DatabaseAddresses(
            self.database_url, self.owner_url or self.database_url, self.analyst_url
        )


def entry_of(pid: int) -> ProcessEntry:
    """A process that was started just now."""
    try:
        return ProcessEntry("starting", pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return ProcessEntry("starting", pid)


def store_state(path: Path, state: StackState) -> None:
    """Replace the file, mode 0600, at once, so that a reader never meets half of it."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(state), file, indent=1)
    draft.replace(path)


def find_state(path: Path) -> StackState | None:
    """The state as written last; None if there was no start yet or the file is damaged."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        entries = content.pop("processes")
        processes = {name: ProcessEntry(**entry) for name, entry in entries.items()}
        return StackState(**content, processes=processes)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None


def checked(state: StackState, *, supervised: bool) -> dict[str, ProcessEntry]:
    """The processes as they are now; `supervised`: whether the `tandem up` of this state runs."""
    return {name: _checked(entry, supervised=supervised) for name, entry in state.processes.items()}


def _checked(entry: ProcessEntry, *, supervised: bool) -> ProcessEntry:
    if entry.is_alive():
        return entry
    if supervised and entry.state in {"restarting", "failed", "resting"}:
        return entry
    gone: ProcessState = "restarting" if supervised and entry.state == "running" else "stopped"
    return ProcessEntry(gone)
