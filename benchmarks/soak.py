"""What leaks, and which night does not come: the whole stack for an hour, left to itself.

    python -m benchmarks soak --minutes 60 --json

`tandem up` in a fresh home, with the sample and a few requests a second. Nights are due every
`--night-minutes` by the deployment's schedule alone. Exit code 1 if a night that was due did not
run to a verdict (published or refused), a request failed, a process was started again, or one grew
by more than both 5 % and 10 MiB between `--settle-minutes` and the end.

Growth is that of anonymous memory, what was swapped out included. Shared buffers that PostgreSQL
has touched and pages of programs and libraries are reported beside it and not judged: the former
are allocated once, at the start; the latter belong to the page cache, and a process's share of them
grows when another one that has them loaded ends.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.light_load import LightLoad
from benchmarks.process_memory import Growth, Sample, growths, measure
from benchmarks.scheduled_nights import NightRun, ScheduledNights
from benchmarks.soak_system import RunningSystem, running_system

SAMPLE_SECONDS = 15.0
LAST_NIGHT_SECONDS = 600.0
"""How long the night that began last may take after the end."""
VERDICTS = {"published", "refused", "retired"}
"""A published run is retired by a later night."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the soak found."""

    nights: Sequence[NightRun]
    verdicts: dict[str, str]
    """By flow run the state of the run it made."""
    requests: int
    failed: Sequence[str]
    processes: dict[str, Growth]

    def not_run(self) -> list[NightRun]:
        """Nights that were due and came to no verdict."""
        return [night for night in self.nights if self._verdict(night) not in VERDICTS]

    def holds(self) -> bool:
        """Whether all is as it should be; without a single night nothing is shown."""
        grown = [
            growth for growth in self.processes.values() if growth.too_much or growth.restarted
        ]
        return bool(self.nights) and not (self.not_run() or self.failed or grown)

    def described(self) -> dict[str, Any]:
        """For JSON."""
        counts = Counter(self._verdict(night) or night.state for night in self.nights)
        return {
            "holds": self.holds(),
            "nights_due": len(self.nights),
            "nights_run": len(self.nights) - len(self.not_run()),
            "nights_by_outcome": dict(counts),
            "nights_not_run": [_night_to_dict(night) for night in self.not_run()],
            "requests": self.requests,
            "failed_requests": len(self.failed),
            "failures": list(self.failed)[:20],
            "processes": {name: _growth_to_dict(growth) for name, growth in self.processes.items()},
        }

    def _verdict(self, night: NightRun) -> str | None:
        return self.verdicts.get(night.flow_run_id or "")


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description="The whole stack, left to itself.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--settle-minutes", type=float, default=15.0)
    parser.add_argument("--night-minutes", type=int, default=5, choices=[2, 3, 4, 5, 6, 10, 15])
    parser.add_argument("--json", action="store_true", help="JSON on the last line of output")
    asked = parser.parse_args()
    if not asked.night_minutes <= asked.settle_minutes < asked.minutes:
        parser.error("--settle-minutes must lie between --night-minutes and --minutes")
    with running_system() as system:
        outcome = _soak(system, asked.minutes, asked.settle_minutes, asked.night_minutes)
        if not outcome.holds():
            system.keep()
    figures = outcome.described()
    for line in _summary(figures):
        say(line)
    if asked.json:
        print(json.dumps(figures))
    return 0 if outcome.holds() else 1


def say(line: str) -> None:
    """A line of progress, beside the result."""
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}", file=sys.stderr, flush=True)


def _soak(system: RunningSystem, minutes: float, settle: float, night_minutes: int) -> Outcome:
    nights = ScheduledNights(system.prefect_url, system.home)
    load = LightLoad(system.api_url, system.key, system.films)
    nights.every(night_minutes)
    load.start()
    try:
        samples = _sample(system, nights, load, minutes)
        until = datetime.now(UTC)
        nights.pause()
        _wait_for_last(nights, until)
    finally:
        load.stop()
    return Outcome(
        nights=nights.runs(until),
        verdicts=system.run_states(),
        requests=load.requests,
        failed=load.failed,
        processes=growths(samples, settle, float(night_minutes)),
    )


def _sample(
    system: RunningSystem, nights: ScheduledNights, load: LightLoad, minutes: float
) -> list[Sample]:
    began, last_minute = time.monotonic(), -1
    samples: list[Sample] = []
    while (passed := time.monotonic() - began) < 60.0 * minutes:
        samples.append(measure(passed / 60.0, system.pids()))
        if int(passed // 60.0) > last_minute:
            last_minute = int(passed // 60.0)
            say(_progress(samples[-1], nights, load))
        time.sleep(SAMPLE_SECONDS)
    return samples


def _progress(sample: Sample, nights: ScheduledNights, load: LightLoad) -> str:
    ended = [night.state for night in nights.runs(datetime.now(UTC))]
    memory = ", ".join(
        f"{name} {used.anonymous:.0f} ({used.processes:.0f})"
        for name, used in sample.memory.items()
    )
    return (
        f"minute {sample.minute:.0f}: nights {dict(Counter(ended))}, {load.requests} requests,"
        f" {len(load.failed)} failed; anonymous MiB: {memory}"
    )


def _wait_for_last(nights: ScheduledNights, until: datetime) -> None:
    deadline = time.monotonic() + LAST_NIGHT_SECONDS
    while not all(night.ended for night in nights.runs(until)) and time.monotonic() < deadline:
        time.sleep(1.0)


def _night_to_dict(night: NightRun) -> dict[str, str]:
    return {"due": night.due.isoformat(), "state": night.state, "message": night.message}


def _growth_to_dict(growth: Growth) -> dict[str, Any]:
    return {
        "settled_mib": {name: round(mib, 1) for name, mib in asdict(growth.settled).items()},
        "end_mib": {name: round(mib, 1) for name, mib in asdict(growth.end).items()},
        "growth_mib": round(growth.mib, 1),
        "growth_percent": round(100.0 * growth.share, 1),
        "pss_growth_mib": round(growth.end.pss - growth.settled.pss, 1),
        "restarted": growth.restarted,
        "too_much": growth.too_much,
    }


def _summary(figures: dict[str, Any]) -> list[str]:
    lines = [
        (
            f"nights: {figures['nights_run']} of {figures['nights_due']} due ran,"
            f" {figures['nights_by_outcome']}"
        )
    ]
    lines += [f"  did not run: {night}" for night in figures["nights_not_run"]]
    lines += [f"requests: {figures['requests']}, failed {figures['failed_requests']}"]
    lines += [f"  {failure}" for failure in figures["failures"]]
    for name, growth in figures["processes"].items():
        settled, end = growth["settled_mib"], growth["end_mib"]
        lines.append(
            f"{name:<15} {settled['processes']:.0f} to {end['processes']:.0f} processes, PSS"
            f" {settled['pss']:.1f} to {end['pss']:.1f} MiB, anonymous"
            f" {settled['anonymous']:.1f} to {end['anonymous']:.1f}: {growth['growth_mib']:+.1f}"
            " MiB,"
            f" {growth['growth_percent']:+.1f} %{' TOO MUCH' if growth['too_much'] else ''}"
            f"{' RESTARTED' if growth['restarted'] else ''}; shared memory"
            f" {settled['shared_memory']:.1f} to {end['shared_memory']:.1f}"
        )
    return [*lines, "holds" if figures["holds"] else "DOES NOT HOLD"]


if __name__ == "__main__":
    sys.exit(main())
