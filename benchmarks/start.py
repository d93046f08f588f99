"""Seconds from `tandem up` to the first recommendation, in a new home and once more in the same.

    python -m benchmarks start [--json]

The environment is there, as after `make setup`. At the first start no home folder is: a cluster and
the database of Prefect are made, the sample is loaded and a night is run.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from benchmarks.command import run_command
from benchmarks.soak_system import STOP_SECONDS, own_environment
from stack.cli.options import AsJson

_STEP = re.compile(r"^. (?P<step>[a-z-]+).*?(?P<seconds>[0-9.]+) s$")
_FIRST = re.compile(r"^first personal recommendation after (?P<seconds>[0-9.]+) s$")
_LAST = "  Stop "


@dataclass(frozen=True, slots=True)
class MeasuredStart:
    """One start."""

    seconds: float
    """To the first recommendation."""
    all_seconds: float
    """Until everything runs, the schedules too."""
    cpu_seconds: float
    """Of all processes, those of the stop included: on a busy machine they say more."""
    steps: dict[str, float]
    """Seconds of each step; steps overlap."""

    def described(self, name: str) -> dict[str, float]:
        """For programs."""
        whole = {"seconds": self.seconds, "all_seconds": self.all_seconds}
        whole["cpu_seconds"] = self.cpu_seconds
        return {f"{name}_{what}": figure for what, figure in {**whole, **self.steps}.items()}


def start(*, as_json: AsJson = False) -> int:
    """Start twice and stop each time."""
    with tempfile.TemporaryDirectory(prefix="tandem-start-") as folder:
        Path(folder).chmod(0o755)
        measured = {name: _measured(Path(folder) / "home") for name in ("first", "second")}
    load = round(os.getloadavg()[0], 1)
    if as_json:
        figures = [each.described(name) for name, each in measured.items()]
        typer.echo(json.dumps({**figures[0], **figures[1], "load": load}))
        return 0
    console = Console(highlight=False)
    for name, each in measured.items():
        console.print(
            f"{name} start: {each.seconds:.1f} s to a recommendation, {each.all_seconds:.1f} s in"
            f" all, {each.cpu_seconds:.1f} s of CPU time, load {load}"
        )
        for step, seconds in each.steps.items():
            console.print(f"  {step:<20} {seconds:6.1f} s")
    return 0


def _measured(home: Path) -> MeasuredStart:
    began, cpu = time.time(), _cpu_seconds()
    environment = own_environment(home) | {"TANDEM_STARTED_AT": str(began)}
    steps: dict[str, float] = {}
    seconds = all_seconds = 0.0
    with subprocess.Popen(  # noqa: S603 -- our own
        [str(Path(sys.executable).with_name("tandem")), "up"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as up:
        for line in up.stdout or ():
            print(line, end="", file=sys.stderr)
            if found := _STEP.match(line.rstrip()):
                steps[found["step"]] = float(found["seconds"])
            elif found := _FIRST.match(line.rstrip()):
                seconds = float(found["seconds"])
            elif line.startswith(_LAST):
                all_seconds = round(time.time() - began, 1)
                up.send_signal(signal.SIGINT)
        up.wait(STOP_SECONDS)
    if not seconds:
        raise RuntimeError("tandem up did not come to its first recommendation")
    return MeasuredStart(seconds, all_seconds, round(_cpu_seconds() - cpu, 1), steps)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure as the command line says."""
    run_command(start)


if __name__ == "__main__":
    main()
