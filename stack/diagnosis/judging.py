"""Judging the machine and the processes of the stack. Pure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.diagnosis.finding import Finding
from stack.local.supervision.state import ProcessEntry

GIB = 2**30
_FULL_BYTES = GIB
_LITTLE_BYTES = 10 * GIB
"""With more than this free, a large share in use is no matter."""
_FULL_SHARE, _NEARLY_FULL_SHARE = 0.05, 0.1

START = "Start it with: tandem up"


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system a folder lies on."""

    folder: Path
    total_bytes: int
    free_bytes: int
    holds_postgres: bool = True
    """Whether the database lies there."""


def not_running() -> Finding:
    """Nothing of Tandem runs."""
    return Finding("stack", "problem", "Tandem is not running.", advice=START)


def judge_processes(
    entries: Mapping[str, ProcessEntry],
    log_of: Callable[[str], Path],
    frozen: Collection[str] = (),
) -> list[Finding]:
    """A finding for each process that does not run, or one that all do.

    `frozen`: names of those that run or are starting but were stopped by a signal.
    """
    findings = [
        _process(name, entry, log_of(name))
        for name, entry in entries.items()
        if entry.state not in {"running", "resting"} and name not in frozen
    ]
    findings += [_frozen(name, entries[name]) for name in frozen]
    resting = [name for name, entry in entries.items() if entry.state == "resting"]
    well = f"All {len(entries)} processes run."
    if resting:
        running = len(entries) - len(resting)
        well = f"{running} processes run; {' and '.join(resting)} rest while nobody needs them."
    return findings or [Finding("processes", "ok", well)]


def _frozen(name: str, entry: ProcessEntry) -> Finding:
    what = f"{name} is frozen: a signal has stopped it, and it does nothing until it may go on."
    return Finding(
        f"process-{name}", "problem", what, advice=f"Let it go on: kill -CONT {entry.pid}"
    )


def _process(name: str, entry: ProcessEntry, log: Path) -> Finding:
    check = f"process-{name}"
    if entry.state == "starting":
        return Finding(check, "notice", f"{name} is starting.", advice=f"Its log: {log}")
    descriptions = {
        "restarting": f"{name} has ended and is being started again.",
        "failed": f"{name} ended too often and is not started again.",
        "stopped": f"{name} does not run.",
    }
    advice = f"Its log says why it ended: {log}"
    if entry.state == "failed":
        advice = f"{advice}. When that is mended: tandem down, tandem up"
    return Finding(check, "problem", descriptions[entry.state], advice=advice)


def judge_leftovers(entries: Mapping[str, ProcessEntry]) -> list[Finding]:
    """Processes that run although no `tandem up` does."""
    alive = [f"{name} (pid {entry.pid})" for name, entry in entries.items() if entry.pid]
    if not alive:
        return []
    what = f"A `tandem up` that was killed has left running: {', '.join(alive)}."
    advice = "End them with: tandem down. The next `tandem up` does it too."
    return [Finding("leftovers", "problem", what, advice=advice)]


def judge_disk(disk: Disk) -> Finding:
    """A full disk stops PostgreSQL, if it is there, and night and logs anyway."""
    share = disk.free_bytes / disk.total_bytes
    what = f"{disk.free_bytes / GIB:,.1f} GiB ({share:.0%}) are free on the disk of {disk.folder}."
    advice = "Make room: when it is full, no log is written and no night can end."
    if disk.holds_postgres:
        advice = "Make room: when it is full, PostgreSQL stops. Old runs go with fewer of them"
        advice = f"{advice} retained (TANDEM_BATCH_RETAINED_RUNS)."
    little = disk.free_bytes < _LITTLE_BYTES
    if disk.free_bytes < _FULL_BYTES or (little and share < _FULL_SHARE):
        return Finding("disk", "problem", f"The disk is nearly full: {what}", advice=advice)
    if little and share < _NEARLY_FULL_SHARE:
        return Finding("disk", "notice", f"The disk is filling up: {what}", advice=advice)
    return Finding("disk", "ok", what)
