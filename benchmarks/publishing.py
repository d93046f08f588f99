"""What readers notice when another run is published, rolled back to or dropped.

`python -m benchmarks publishing` starts PostgreSQL, Redis, the speed worker and API processes of
its own, reads 200 times a second whatever the answers take, sends 20 events a second, and changes
the served run in between. The runs hold different halves of the catalogue, so that an answer that
mixes two of them is found out.
"""

import argparse
import asyncio
import itertools
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import uvloop

from benchmarks.halved_runs import (
    catch_up_without_warming,
    drop,
    prepare,
    publish,
    rollback,
    warm,
)
from benchmarks.read_system import run_in, running_system
from benchmarks.readers import AFTER_SECONDS, Figures, Readers
from tests.chaos.client import Api


@dataclass(frozen=True, slots=True)
class Load:
    """What is read where, and how long."""

    url: str
    ports: dict[str, int]
    key: str
    reads_a_second: int
    quiet_seconds: float
    rounds: int
    warming: bool = True


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Reads while the served run is changed.")
    parser.add_argument("--quiet-seconds", type=float, default=20.0, help="before, and between")
    parser.add_argument("--rounds", type=int, default=3, help="of publishing and rolling back")
    parser.add_argument("--reads", type=int, default=200, help="reads a second")
    parser.add_argument("--apis", type=int, default=2, help="API processes")
    parser.add_argument("--no-warming", action="store_true", help="make no answers ahead")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    with running_system(asked.apis) as (url, ports, key):
        load = Load(url, ports, key, asked.reads, asked.quiet_seconds, asked.rounds)
        load = replace(load, warming=not asked.no_warming)
        figures = uvloop.run(_measured(load))
    if figures.broken:
        sys.exit(f"Nothing was measured: {figures.broken[0]}, {len(figures.broken)} times.")
    values = _to_dict(figures)
    for name, figure in values.items():
        print(f"{name:44}{figure:>10}")
    for name, began, ended in figures.windows:
        print(f"  {name:12} took {1000 * (ended - began):8.1f} ms")
    for line in (figures.failed + figures.mixed + figures.refused)[:5]:
        print(line)
    if asked.json:
        print(json.dumps(values))


def _to_dict(figures: Figures) -> dict[str, float]:
    changing = figures.changing()
    quiet, quiet_reads = figures.p99_ms(lambda due: not changing(due))
    values: dict[str, float] = {
        "reads": len(figures.reads),
        "failed reads": len(figures.failed),
        "mixed answers": len(figures.mixed),
        "refused events": len(figures.refused),
        "answers from memory": figures.strategies.get("fallback", 0),
        "p99 ms while nothing changes": round(quiet, 1),
        "reads while nothing changes": quiet_reads,
    }
    for what in ("warming", "publish", "rollback", "drop", ""):
        p99, reads = figures.p99_ms(figures.changing(what))
        name = what or "any change"
        values |= {
            f"p99 ms around {name}": round(p99, 1),
            f"reads around {name}": reads,
            f"ratio around {name}": round(p99 / quiet, 2),
        }
    return values


async def _measured(load: Load) -> Figures:
    figures, url = Figures(), load.url
    # Changes are made in a process of their own: they must not slow down who measures.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
        runs = {}
        for n in range(load.rounds + 1):
            run_id, cut_off = await run_in(elsewhere, prepare, url, n % 2)
            runs[run_id] = (n % 2, cut_off)
        first, *later = runs
        await run_in(elsewhere, publish, url, first)
        api = Api(load.ports, load.key)
        readers = Readers(api, figures, runs)
        await readers.wait_until_ready()
        sending = asyncio.create_task(readers.send_load(load.reads_a_second))
        await asyncio.sleep(5.0)  # warm caches, plans and connections
        figures.reads.clear()
        await asyncio.sleep(load.quiet_seconds)
        for before, after in itertools.pairwise([first, *later]):
            for name, change, run_id in (
                ("warming", warm if load.warming else catch_up_without_warming, after),
                ("publish", publish, after),
                ("rollback", rollback, before),
                ("rollback", rollback, after),
                ("drop", drop, before),
            ):
                began = time.perf_counter()
                await run_in(elsewhere, change, url, run_id)
                figures.windows.append((name, began, time.perf_counter()))
                if name != "warming":
                    await asyncio.sleep(AFTER_SECONDS + load.quiet_seconds / 5)
        sending.cancel()
        await asyncio.sleep(1.0)  # for the answers that are still under way
        api.close()
    return figures


if __name__ == "__main__":
    main()
