"""How many users a second the speed worker folds in, beside the same arithmetic in memory and COPY.

python -m benchmarks speed [--users 500] [--history 100] [--workers 1,2,4] [--json]

With `--workers` processes of `python -m speed` fold in the events of users in turn, so many at
once, and one of several is killed.
"""

import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
import pyarrow as pa
import redis
import structlog
import typer
from sqlalchemy import Engine, text

from batch.bulk import append, bulk_connection, vector_column
from benchmarks.command import Seed, run_command
from benchmarks.loaded_files import new_database, progress, served_folder
from benchmarks.made_events import record_events
from benchmarks.made_run import load_histories, publish_made_run
from benchmarks.speed_workers import SharedWork, measure_workers, read_counts
from domain.errors import StackError
from domain.identifiers import Position, RunId, UserNo
from domain.transitions import live_vector_and_following
from speed.settings import SpeedSettings
from speed.worker import Worker
from sql.engine import make_engine
from sql.live_vectors import UserVector, load_item_vectors, load_live_space, load_transitions
from sql.log import histories_of, histories_question, load_kinds
from sql.pipelining import ask
from stack.cli.options import AsJson
from stack.local.servers.postgres import running_postgres
from stack.local.servers.redis_server import running_redis

_WARM_ROUNDS = 3
_EVERYTHING = Position(2**62)
_COPIED = text("create table copied (like user_embeddings including all)")
_EMPTY_COPIED = text("truncate copied")
_ANALYZE = text("analyze")


@dataclass(frozen=True, slots=True)
class Measured:
    """What folding in the events of many users at once took; medians of the rounds."""

    users: int
    """Users with an event each, all recorded before the first pass."""
    history: int
    """Events of each."""
    per_second: float
    """Users folded in, from the events in the log to the dropped answers."""
    slowest_per_second: float
    longest_pass_seconds: float
    memory_per_second: float
    """Live vectors made of the same histories, items and transitions held in memory."""
    memory_ratio: float
    copy_per_second: float
    """Rows of COPY of the same vectors into a table with the same key."""
    copy_ratio: float


def speed(
    *,
    users: Annotated[int, typer.Option(min=10, help="Users with an event in a round.")] = 500,
    history: Annotated[int, typer.Option(min=1, help="Events of each before.")] = 100,
    population: Annotated[int, typer.Option(min=10, help="Users with a history.")] = 5_000,
    items: Annotated[int, typer.Option(min=200, help="Items of the catalogue.")] = 10_000,
    rounds: Annotated[int, typer.Option(min=1, help="Of which the median counts.")] = 7,
    workers: Annotated[
        str | None, typer.Option(help="Numbers of workers to compare, as in 1,2,4.")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Record an event each of some of the users, and let a worker fold them in."""
    counts = None if workers is None else read_counts(workers)
    # As the worker logs where nobody asks for more than what is wrong.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    with (
        progress() as on_step,
        served_folder() as folder,
        running_postgres(folder / "postgres") as server,
        running_redis(folder / "redis") as kept,
    ):
        url = new_database(server, "speed")
        on_step(f"loading {population:,} users with {history} events")
        load_histories(url, folder, users=population, items=items, events=history, seed=seed)
        on_step("publishing a run")
        system = _System(url, make_engine(url), publish_made_run(url, items, seed=seed))
        with system.engine.begin() as connection:
            connection.execute(_COPIED)
            connection.execute(_ANALYZE)
        size, rng = (
            _Size(users, history, population, items, rounds), np.random.default_rng(seed)
        )  # fmt: skip
        if counts is not None:
            work = SharedWork(
                url, kept.url(), system.engine, system.run_id,
                lambda: _record(system.engine, size, rng),
            )  # fmt: skip
            measure_workers(work, counts, rounds, on_step, as_json=as_json)
            return 0
        measured = _measure(system, redis.Redis.from_url(kept.url()), on_step, size, rng)
        system.engine.dispose()
    if as_json:
        typer.echo(json.dumps(asdict(measured)))
    else:
        typer.echo(
            f"{measured.per_second:,.0f} users a second, {measured.memory_ratio:.2f} of the"
            f" arithmetic in memory ({measured.memory_per_second:,.0f}) and"
            f" {measured.copy_ratio:.2f} of COPY ({measured.copy_per_second:,.0f}); the longest"
            f" pass took {1000 * measured.longest_pass_seconds:.0f} ms"
        )
    return 0


@dataclass(frozen=True, slots=True)
class _System:
    url: str
    engine: Engine
    run_id: RunId


@dataclass(frozen=True, slots=True)
class _Size:
    users: int
    history: int
    population: int
    items: int
    rounds: int


def _measure(
    system: _System,
    client: redis.Redis,
    on_step: Callable[[str], None],
    size: _Size,
    rng: np.random.Generator,
) -> Measured:
    worker = Worker(system.engine, client, SpeedSettings(), threading.Event())
    folded, longest, in_memory, copied = [], [], [], []
    for number in range(-_WARM_ROUNDS, size.rounds):
        _record(system.engine, size, rng)
        user_nos, passes = _fold(worker)
        if len(user_nos) != size.users:
            raise StackError(f"{len(user_nos)} of {size.users} users were folded in")
        memory, vectors = _in_memory(system, user_nos, size.history)
        copy = _copy(system, vectors)
        on_step(
            f"round {number}: {sum(passes):.3f} s in {len(passes)} passes,"
            f" in memory {memory:.3f} s, COPY {copy:.3f} s"
        )
        if number >= 0:
            folded.append(sum(passes))
            longest.append(max(passes))
            in_memory.append(memory)
            copied.append(copy)
    return _figures(size, folded, longest, in_memory, copied)


def _record(engine: Engine, size: _Size, rng: np.random.Generator) -> int:
    """An event each of some users; of how many."""
    record_events(engine, rng, users=size.users, population=size.population, items=size.items)
    return size.users


def _fold(worker: Worker) -> tuple[list[UserNo], list[float]]:
    """The users of all passes until nothing is left, and the seconds of each."""
    user_nos, passes = list[UserNo](), list[float]()
    while True:
        began = time.perf_counter()
        done = worker.work_once()
        if done is None:
            return user_nos, passes
        passes.append(time.perf_counter() - began)
        user_nos += done.user_nos


def _in_memory(
    system: _System, user_nos: Sequence[UserNo], events: int
) -> tuple[float, list[UserVector]]:
    """Seconds of making these users' vectors of what is in memory; and the vectors."""
    with system.engine.connect() as connection:
        run = load_live_space(connection, system.run_id)
        question = histories_question(user_nos, horizon=_EVERYTHING, events=events)
        histories = histories_of(load_kinds(connection), ask(connection, question))
        used = np.unique(np.concatenate([history.item_nos for history in histories.values()]))
        items = load_item_vectors(connection, system.run_id, used.tolist())
        transitions = load_transitions(connection, run, items, histories.values())
    began = time.perf_counter()
    made = {
        user_no: live_vector_and_following(run.space, items, transitions, history)
        for user_no, history in histories.items()
    }
    seconds = time.perf_counter() - began
    return seconds, [UserVector(no, vector, 1, coming) for no, (vector, coming) in made.items()]


def _copy(system: _System, vectors: Sequence[UserVector]) -> float:
    """Seconds of COPY of these vectors, ready."""
    with system.engine.begin() as connection:
        connection.execute(_EMPTY_COPIED)
    embeddings = np.stack([user.vector for user in vectors if user.vector is not None])
    columns = {
        "run_id": pa.array(np.full(len(vectors), system.run_id, np.int32)),
        "user_no": pa.array([user.user_no for user in vectors], pa.int32()),
        "embedding": vector_column(embeddings),
        "next_item_nos": pa.array([user.following.item_nos for user in vectors]),
        "next_scores": pa.array([user.following.scores.astype(np.float32) for user in vectors]),
        "events_since_cut_off": pa.array(np.ones(len(vectors), np.int32)),
        "position": pa.array(np.ones(len(vectors), np.int64)),
    }
    with bulk_connection(system.url) as bulk:
        began = time.perf_counter()
        append(bulk, "copied", columns)
        return time.perf_counter() - began


def _figures(
    size: _Size,
    folded: Sequence[float],
    longest: Sequence[float],
    in_memory: Sequence[float],
    copied: Sequence[float],
) -> Measured:
    def rate(seconds: Sequence[float]) -> float:
        return round(size.users / statistics.median(seconds), 1)

    def ratio(seconds: Sequence[float]) -> float:
        pairs = zip(folded, seconds, strict=True)
        return round(statistics.median(other / own for own, other in pairs), 3)

    return Measured(
        users=size.users,
        history=size.history,
        per_second=rate(folded),
        slowest_per_second=round(size.users / max(folded), 1),
        longest_pass_seconds=round(max(longest), 3),
        memory_per_second=rate(in_memory),
        memory_ratio=ratio(in_memory),
        copy_per_second=rate(copied),
        copy_ratio=ratio(copied),
    )


def main() -> None:
    """Measure as the command line says."""
    run_command(speed)


if __name__ == "__main__":
    main()
