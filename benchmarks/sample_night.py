"""Where the time of a night on the sample goes: from `tandem nightly` to the switched run.

    python -m benchmarks sample-night [--nights 1] [--json]

The stack is one of its own, with the sample loaded and the first night served. The nights run by
command, as a person runs them; of several the quickest counts.
"""

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.command import run_command
from benchmarks.soak_system import running_system
from stack.cli.options import AsJson

_STEP = re.compile(r"^ +. (?P<step>[A-Z].*?) +(?P<seconds>[0-9.]+) s$")
SWITCH = "Promote"


@dataclass(frozen=True, slots=True)
class MeasuredNight:
    """One night by command."""

    switched_seconds: float
    """From the command to the switch."""
    seconds: float
    """Until the command has ended."""
    starting_seconds: float
    """Until the first step began: the command, the process of the flow, its imports, Prefect."""
    cpu_seconds: float
    """Of the command and the flow; Prefect's server and PostgreSQL not included."""
    spans: Mapping[str, tuple[float, float]]
    """When each step began and ended, in seconds since the command: some go on side by side."""

    @property
    def steps(self) -> dict[str, float]:
        """Seconds of each step."""
        return {step: end - begin for step, (begin, end) in self.spans.items()}

    @property
    def between_seconds(self) -> float:
        """Until the switch, while no step is under way: what Prefect takes to begin and end each.

        Steps that go on side by side hide it.
        """
        between, covered = 0.0, self.starting_seconds
        for begin, end in sorted(self.spans.values()):
            if end <= self.switched_seconds:
                between += max(begin - covered, 0.0)
                covered = max(covered, end)
        return between


def sample_night(
    *,
    nights: Annotated[int, typer.Option(min=1, help="How many are run.")] = 1,
    as_json: AsJson = False,
) -> int:
    """Run nights and print the share of each step."""
    with running_system() as system:
        measured = [_measured(system.environment) for _ in range(nights)]
    best = min(measured, key=lambda night: night.switched_seconds)
    if as_json:
        typer.echo(json.dumps(described(best)))
    else:
        _print_report(best)
    return 0


def described(night: MeasuredNight) -> dict[str, float]:
    """For programs."""
    return {
        "switched_seconds": round(night.switched_seconds, 2),
        "seconds": round(night.seconds, 2),
        "starting_seconds": round(night.starting_seconds, 2),
        "between_steps_seconds": round(night.between_seconds, 2),
        "cpu_seconds": round(night.cpu_seconds, 2),
        "load": round(os.getloadavg()[0], 1),
        **{f"step: {step}": round(seconds, 2) for step, seconds in night.steps.items()},
    }


def _measured(environment: Mapping[str, str]) -> MeasuredNight:
    program = Path(sys.executable).with_name("tandem")
    began, cpu = time.monotonic(), _cpu_seconds()
    spans: dict[str, tuple[float, float]] = {}
    switched = 0.0
    with subprocess.Popen(  # noqa: S603 -- our own
        [str(program), "nightly"], env=dict(environment), stdout=subprocess.PIPE, text=True
    ) as command:
        for line in command.stdout or ():
            found = _STEP.match(line.rstrip())
            if found is None:
                continue
            passed = time.monotonic() - began
            spans[found["step"]] = (passed - float(found["seconds"]), passed)
            if found["step"] == SWITCH:
                switched = passed
    if command.returncode != 0 or not switched:
        raise RuntimeError("the night was not published")
    seconds = time.monotonic() - began
    starting = min(begin for begin, _ in spans.values())
    return MeasuredNight(switched, seconds, starting, _cpu_seconds() - cpu, spans)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print_report(night: MeasuredNight) -> None:
    console = Console(highlight=False)
    console.print(
        f"{night.switched_seconds:.1f} s to the switched run, {night.seconds:.1f} s in all,"
        f" {night.cpu_seconds:.1f} s of CPU time"
    )
    parts = {"Start the flow": night.starting_seconds, "Between the steps": night.between_seconds}
    for name, seconds in sorted({**parts, **night.steps}.items(), key=lambda part: -part[1]):
        console.print(f"  {name:<42} {seconds:6.1f} s {seconds / night.seconds:6.1%}")


def main() -> None:
    """Measure as the command line says."""
    run_command(sample_night)


if __name__ == "__main__":
    main()
