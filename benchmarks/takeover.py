"""Seconds until other speed workers have folded in the share of users of one that is lost.

    python -m benchmarks takeover [--workers 2,4] [--rounds 3] [--json]

Every worker has a machine of its own (a namespace of the network, which takes Linux, `ip` and root)
and the store has another, with PgBouncer. One is lost while it has its share in hand and holds it
locked: it is killed, or stopped (it hangs), or its packets are lost (it is cut off), with PgBouncer
between as well. Nothing happens to it in the rounds that the others are compared with.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Annotated

import numpy as np
import typer
from sqlalchemy import text

from benchmarks.command import Seed, run_command
from benchmarks.loaded_files import progress, served_folder
from benchmarks.made_events import record_events
from benchmarks.made_run import load_histories, publish_made_run
from benchmarks.rounds import report_figures
from benchmarks.speed_workers import SHARDS, read_counts
from domain.errors import StackError
from domain.identifiers import RunId
from stack.cli.options import AsJson
from stack.local.embedded_database import DATABASE
from tests.hosts.network import Host, network, partition
from tests.hosts.stores import Store, running_store
from tests.waiting import statements_waiting, wait_until

_POPULATION, _HISTORY, _ITEMS = 1_000, 20, 2_000
_LONGEST_SECONDS = 120.0
_POLL_SECONDS = 0.005
_INSERT = "insert into user_embeddings"
_SHARES = text(
    "select shard, host(client_addr) as address from speed_progress"
    " join pg_stat_activity on backend_xid = speed_progress.xmax where run_id = :run_id"
)
_POSITIONS = text("select shard, position from speed_progress where run_id = :run_id")
_LAST = text("select max(position) from interactions")
_COUNTED = text("select sum(events_since_cut_off) from user_embeddings where run_id = :run_id")

Worker = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class _System:
    store: Store
    hosts: Sequence[Host]
    """One a worker."""
    run_id: RunId
    users: int
    rng: np.random.Generator
    log: Path

    def record(self) -> None:
        """An event each of some users."""
        record_events(
            self.store.engine, self.rng, users=self.users, population=_POPULATION, items=_ITEMS
        )


@dataclass(frozen=True, slots=True)
class _Loss:
    """What happens to a worker on a machine, until the block ends."""

    harm: Callable[[_System, Worker, Host], Iterator[None]]
    pooled: bool = False


def _nothing(_system: _System, _worker: Worker, _host: Host) -> Iterator[None]:
    yield


def _killed(_system: _System, worker: Worker, _host: Host) -> Iterator[None]:
    worker.kill()
    worker.wait()
    yield


def _hung(_system: _System, worker: Worker, _host: Host) -> Iterator[None]:
    worker.send_signal(signal.SIGSTOP)
    yield
    worker.send_signal(signal.SIGCONT)


def _cut_off(system: _System, _worker: Worker, host: Host) -> Iterator[None]:
    with partition(system.store.host, host):
        yield


_LOSSES = {
    "nothing happens": _Loss(_nothing),
    "killed": _Loss(_killed),
    "hung": _Loss(_hung),
    "hung, through a pooler": _Loss(_hung, pooled=True),
    "cut off": _Loss(_cut_off),
    "cut off, through a pooler": _Loss(_cut_off, pooled=True),
}


def takeover(
    *,
    workers: Annotated[str, typer.Option(help="Numbers of workers to compare.")] = "2,4",
    users: Annotated[int, typer.Option(min=100, help="Users with an event in a round.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Each loses a worker in every way.")] = 3,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Lose a worker, and time its waiting events from then to the first and the last folded in."""
    counts = read_counts(workers)
    if 1 in counts:
        raise StackError("One worker alone has nobody who takes over from it.")
    names = [f"worker{number}" for number in range(max(counts))]
    figures: dict[str, list[float]] = {}
    with progress() as on_step, served_folder() as folder, ExitStack() as stack:
        try:
            hosts = stack.enter_context(network("store", *names))
        except OSError as error:
            raise StackError(f"Machines of a network of Linux cannot be made: {error}") from error
        store = stack.enter_context(running_store(hosts[0], folder / "store"))
        on_step("loading users, publishing a run")
        url = store.pooler.server.url(DATABASE)
        load_histories(url, folder, users=_POPULATION, items=_ITEMS, events=_HISTORY, seed=seed)
        run_id = publish_made_run(url, _ITEMS, seed=seed)
        rng = np.random.default_rng(seed)
        system = _System(store, hosts[1:], run_id, users, rng, folder / "workers.log")
        for number in range(rounds):
            for count in counts:
                for name, loss in _LOSSES.items():
                    first, last = _seconds(system, count, loss)
                    on_step(f"round {number}: {count} workers, {name}: {first:.2f}, {last:.2f} s")
                    for which, seconds in (("first", first), ("last", last)):
                        figures.setdefault(f"{count} workers, {name}: {which}", []).append(seconds)
    report_figures(figures, as_json=as_json)
    return 0


def _seconds(system: _System, count: int, loss: _Loss) -> tuple[float, float]:
    """Until the first and the last of the events were folded in that the first worker had taken."""
    engine = system.store.engine
    with _workers(system, count, pooled=loss.pooled) as processes:
        counted = _counted(system)
        with engine.connect() as blocker, ExitStack() as lost:
            # Each takes its share, and waits here before it writes.
            blocker.execute(text(f"lock table user_embeddings_{system.run_id} in exclusive mode"))
            before = _positions(system)
            system.record()
            wait_until(lambda: statements_waiting(engine, _INSERT) == count, seconds=60)
            shards = _shards(system, None if loss.pooled else system.hosts[0].address)
            harming = contextmanager(loss.harm)(system, processes[0], system.hosts[0])
            lost.enter_context(harming)
            began = time.perf_counter()
            blocker.rollback()
            seconds = _watched(system, {shard: before[shard] for shard in shards}, began)
            wait_until(lambda: min(_positions(system).values()) >= _last(system), seconds=60)
        if _counted(system) - counted != system.users:
            raise StackError("an event was lost, or counted twice")
    return seconds


def _watched(system: _System, before: Mapping[int, int], began: float) -> tuple[float, float]:
    """When the first of these shards moved on, and when all had come to the end of the log."""
    last, first = _last(system), None
    while time.perf_counter() - began < _LONGEST_SECONDS:
        positions = _positions(system)
        if first is None and any(positions[shard] > before[shard] for shard in before):
            first = time.perf_counter() - began
        if first is not None and all(positions[shard] >= last for shard in before):
            return first, time.perf_counter() - began
        time.sleep(_POLL_SECONDS)
    raise StackError(f"nobody took over within {_LONGEST_SECONDS:.0f} s")


@contextmanager
def _workers(system: _System, count: int, *, pooled: bool) -> Iterator[list[Worker]]:
    """So many workers, each on a machine; the first goes through the pooler if it is `pooled`."""
    store, processes = system.store, list[Worker]()
    with ExitStack() as stack:
        output = stack.enter_context(system.log.open("ab"))
        for host in system.hosts[:count]:
            own = {
                "DATABASE_URL": store.database_url,
                "REDIS_URL": store.redis_url,
                "TANDEM_LOG_LEVEL": "WARNING",
                "TANDEM_SPEED_SHARDS_PER_PASS": str(SHARDS // count),
            }
            if pooled and not processes:
                own["POOLED_DATABASE_URL"] = store.pooled_url
            process = host.do(_start, own, output)
            stack.callback(partial(process.wait, 60))
            stack.callback(process.terminate)
            processes.append(process)
        yield processes


def _start(own: Mapping[str, str], output: IO[bytes]) -> Worker:
    command = [sys.executable, "-m", "speed"]
    return subprocess.Popen(command, env=os.environ | own, stderr=output)  # noqa: S603 -- our own


def _shards(system: _System, address: str | None) -> list[int]:
    """The shards that a session from there holds; the pooler's has no address."""
    with system.store.engine.connect() as connection:
        rows = connection.execute(_SHARES, {"run_id": system.run_id})
        shards = [row.shard for row in rows if row.address == address]
    if not shards:
        raise StackError("the worker that is to be lost holds nothing")
    return shards


def _positions(system: _System) -> dict[int, int]:
    with system.store.engine.connect() as connection:
        rows = connection.execute(_POSITIONS, {"run_id": system.run_id})
        return {row.shard: row.position for row in rows}


def _last(system: _System) -> int:
    with system.store.engine.connect() as connection:
        return int(connection.execute(_LAST).scalar_one())


def _counted(system: _System) -> int:
    with system.store.engine.connect() as connection:
        return int(connection.execute(_COUNTED, {"run_id": system.run_id}).scalar_one() or 0)


def main() -> None:
    """The command."""
    run_command(takeover)


if __name__ == "__main__":
    main()
