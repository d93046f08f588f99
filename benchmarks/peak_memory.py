"""The most memory that a process had, by what it was about at the time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from stack.local.flow_runs.nightly_flow import PROGRAM

_FORGET_THE_PEAK = "5"
_KIB_A_MIB = 1024.0


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """Peaks of a process by step, in MiB; one that is done again keeps the greater one."""

    pid: int
    by_step: dict[str, float] = field(default_factory=dict)

    def begin(self) -> None:
        """Count from now on: what the process holds already counts, earlier peaks do not."""
        with suppress(OSError):
            Path(f"/proc/{self.pid}/clear_refs").write_text(_FORGET_THE_PEAK, "ascii")

    def end(self, step: str) -> None:
        """Note the most there was since `begin`; nothing if the process has ended."""
        with suppress(OSError):
            self.by_step[step] = max(self.by_step.get(step, 0.0), _peak_mib(self.pid))

    @contextmanager
    def during(self, step: str) -> Iterator[None]:
        """The most during the block."""
        self.begin()
        try:
            yield
        finally:
            self.end(step)

    @property
    def most(self) -> float:
        """Of all steps; 0 if there was none."""
        return max(self.by_step.values(), default=0.0)


class WatchedNight:
    """Peaks of the process of a night that is a child of this one."""

    def __init__(self) -> None:
        self._memory: PeakMemory | None = None

    @property
    def peaks(self) -> dict[str, float]:
        """In MiB by step, in the order of the steps."""
        return {} if self._memory is None else self._memory.by_step

    def listen(self, step: str, seconds: float | None) -> None:
        """Be told that a step begins (None) or has ended.

        The word comes by a pipe: what the night does in that instant may count to the step before.
        """
        if self._memory is None:
            (pid,) = (child.pid for child in psutil.Process().children() if _is_night(child))
            self._memory = PeakMemory(pid)
        if seconds is None:
            self._memory.begin()
        else:
            self._memory.end(step)


def _is_night(process: psutil.Process) -> bool:
    try:
        return PROGRAM[-1] in process.cmdline()
    except psutil.Error:
        return False


def _peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return float(peak) / _KIB_A_MIB
