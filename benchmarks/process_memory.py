"""Memory of the processes of a stack, and whether it grows."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

MIB = 1024.0
"""KiB in one: the kernel reports KiB."""
MOST_GROWTH_SHARE, MOST_GROWTH_MIB = 0.05, 10.0
WITHOUT_CHILDREN = frozenset({"supervisor", "prefect-worker"})
"""Their children are the other processes, and the flow runs, which come and go."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What one process holds, its children included, in MiB; shared pages count by share."""

    pss: float
    anonymous: float
    """Its own, what was swapped out included: all that a leak can be."""
    shared_memory: float
    """PostgreSQL's buffers: each process counts its share of those it has touched."""
    files: float
    """Programs and libraries: a share grows when another process that has them loaded ends."""
    processes: float
    """How many processes these are, such as PostgreSQL's one a connection."""


@dataclass(frozen=True, slots=True)
class Growth:
    """One process at two times."""

    settled: Memory
    end: Memory
    restarted: bool
    """Another process of the same name took over: the figures are of two."""

    @property
    def mib(self) -> float:
        """Growth of the anonymous memory."""
        return self.end.anonymous - self.settled.anonymous

    @property
    def share(self) -> float:
        """The same as a share of what it was."""
        return self.mib / self.settled.anonymous if self.settled.anonymous else 0.0

    @property
    def too_much(self) -> bool:
        """Whether it grew by more than 5 % and by more than 10 MiB."""
        return self.share > MOST_GROWTH_SHARE and self.mib > MOST_GROWTH_MIB


@dataclass(frozen=True, slots=True)
class Sample:
    """All processes at one time."""

    minute: float
    pids: Mapping[str, int]
    memory: Mapping[str, Memory]


def measure(minute: float, pids: Mapping[str, int]) -> Sample:
    """Look at every process now; one that is gone is left out."""
    memory = {name: _of_tree(name, pid) for name, pid in pids.items()}
    return Sample(minute, pids, {name: used for name, used in memory.items() if used is not None})


def growths(
    samples: Sequence[Sample], settle_minutes: float, window_minutes: float
) -> dict[str, Growth]:
    """Each process when it had settled and at the end: the median over a window up to each.

    A window as long as the nights are apart has every phase of one in it.
    """
    last = samples[-1].minute
    settled = _within(samples, settle_minutes - window_minutes, settle_minutes)
    ended = _within(samples, last - window_minutes, last)
    return {
        name: Growth(
            _median(settled, name),
            _median(ended, name),
            restarted=len({sample.pids.get(name) for sample in [*settled, *ended]}) > 1,
        )
        for name in samples[-1].memory
        if any(name in sample.memory for sample in settled)
    }


def _within(samples: Sequence[Sample], after: float, until: float) -> list[Sample]:
    return [sample for sample in samples if after < sample.minute <= until]


def _median(samples: Iterable[Sample], name: str) -> Memory:
    found = [sample.memory[name] for sample in samples if name in sample.memory]
    return Memory(
        median(memory.pss for memory in found),
        median(memory.anonymous for memory in found),
        median(memory.shared_memory for memory in found),
        median(memory.files for memory in found),
        median(memory.processes for memory in found),
    )


def _of_tree(name: str, pid: int) -> Memory | None:
    pids = [pid]
    if name not in WITHOUT_CHILDREN:
        with suppress(psutil.Error):
            pids += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    found = [figures for member in pids if (figures := _of_process(member)) is not None]
    if not found:
        return None
    return Memory(*(sum(figures) for figures in zip(*found, strict=True)))


def _of_process(pid: int) -> tuple[float, float, float, float, float] | None:
    """None if it has ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
    except OSError:
        return None
    kib = {
        name: float(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)
    }
    anonymous = kib["Pss_Anon"] + kib["SwapPss"]
    return kib["Pss"] / MIB, anonymous / MIB, kib["Pss_Shmem"] / MIB, kib["Pss_File"] / MIB, 1.0
