"""How many users a second several speed workers fold in together, and how soon one is replaced."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, text

from benchmarks.rounds import report_rounds
from domain.errors import StackError
from domain.identifiers import RunId

SHARDS = 8
_LIMIT_SECONDS = 300.0
_POLL_SECONDS = 0.005
_FOLDED = text(
    "select (select min(position) from speed_progress where run_id = :run_id)"
    " >= (select max(position) from interactions)"
)
_COUNTED = text(
    "select (select coalesce(sum(events_since_cut_off), 0) from user_embeddings"
    " where run_id = :run_id)"
)


@dataclass(frozen=True, slots=True)
class SharedWork:
    """What the workers work on."""

    url: str
    redis_url: str
    engine: Engine
    run_id: RunId
    record: Callable[[], int]
    """Record an event each of some users in one transaction; of how many."""


def measure_workers(
    work: SharedWork,
    counts: Sequence[int],
    rounds: int,
    on_step: Callable[[str], None],
    *,
    as_json: bool,
) -> None:
    """Let so many workers fold in the same number of users, in turn, and report.

    The last one of several is killed once in each round, right after events were recorded.
    """
    rates: dict[str, list[float]] = {f"{count} workers": [] for count in counts}
    taken_over: list[float] = []
    for number in range(rounds):
        for count in counts:
            with _workers(work, count) as processes:
                _fold(work)
                users, seconds = _fold(work)
                rates[f"{count} workers"].append(users / seconds)
                on_step(f"round {number}: {count} workers, {users / seconds:,.0f} users a second")
                if count > 1:
                    taken_over.append(_fold(work, lambda: _kill(processes[-1]))[1])
    pairs = [(f"{count} workers", f"{counts[0]} workers") for count in counts[1:]]
    more = {"seconds with one of them killed": taken_over} if taken_over else {}
    report_rounds(rates, pairs, as_json=as_json, more=more)


def read_counts(listed: str) -> list[int]:
    """The numbers of workers, as in "1,2,4"; StackError if one does not divide the shards."""
    try:
        counts = [int(part) for part in listed.split(",")]
    except ValueError as error:
        raise StackError(f"{listed!r} is not a list of numbers, as in 1,2,4") from error
    if any(count < 1 or SHARDS % count for count in counts):
        raise StackError(f"The numbers of workers must divide the {SHARDS} shards of users.")
    return counts


@contextmanager
def _workers(work: SharedWork, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    own = {
        "DATABASE_URL": work.url,
        "REDIS_URL": work.redis_url,
        "TANDEM_LOG_LEVEL": "WARNING",
        "TANDEM_SPEED_SHARDS_PER_PASS": str(SHARDS // count),
    }
    command = [sys.executable, "-m", "speed"]
    processes = [
        subprocess.Popen(command, env=os.environ | own)  # noqa: S603 -- our own
        for _ in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _fold(work: SharedWork, then: Callable[[], None] = lambda: None) -> tuple[int, float]:
    """Record events and wait until they are folded in: of how many users, in which time.

    StackError if an event was lost or counted twice.
    """
    with work.engine.connect() as connection:
        before = int(connection.execute(_COUNTED, {"run_id": work.run_id}).scalar_one())
    users = work.record()
    began = time.perf_counter()
    then()
    with work.engine.connect() as connection:
        while not connection.execute(_FOLDED, {"run_id": work.run_id}).scalar_one():
            connection.rollback()
            if time.perf_counter() - began > _LIMIT_SECONDS:
                raise StackError("the workers did not fold everything in")
            time.sleep(_POLL_SECONDS)
        seconds = time.perf_counter() - began
        counted = int(connection.execute(_COUNTED, {"run_id": work.run_id}).scalar_one())
    if counted - before != users:
        raise StackError(f"{users} events were recorded and {counted - before} counted")
    return users, seconds


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
