"""How much of the exact answer the index over item vectors finds, and what it saves.

    python -m benchmarks index-recall DATA [--users 200] [--json]

DATA is a MovieLens folder (ratings.csv), a split (a folder with train.txt, whose lines are
`user item item ...` in time order) or a CSV file with user_id, item_id and timestamp. Fits the live
space, writes it into a PostgreSQL of its own, builds the index as the night does, and asks for the
candidates of the same users by exact search and by the index, as the API does.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Engine

from batch.blas import one_blas_thread
from batch.bulk import append, bulk_connection
from batch.history.event_file import USED, read_event_file
from batch.history.interactions import Interactions
from batch.history.matrix import interaction_matrix
from batch.parameters import LiveWeights, RunParameters, SpaceParameters
from batch.runs.model_runs import begin_run
from batch.space.composing import ItemSpace, fit_item_components, item_space
from batch.space.embeddings import store_item_vectors, store_space
from batch.space.index import DEPTH, build_index, index_recall
from domain.identifiers import ItemNo, Position, RunId, UserNo
from domain.live_vector import History, live_vector
from domain.rankings import Ranking
from serving.candidates.recommendations import Recommendations
from serving.candidates.user_state import UserState
from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from serving.runs.live_runs import ItemIndex
from sql.engine import make_engine
from sql.live_vectors import UserVector, store_user_vectors
from sql.migrate import migrate
from sql.partitions import create_partitions
from stack.local.servers.databases import ensure_database
from stack.local.servers.postgres import PostgresServer, running_postgres

_DATABASE = "tandem"
_DAY = np.timedelta64(1, "D")
_LAST_DAY = np.datetime64("2026-01-01", "us")


@one_blas_thread()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Recall and speed of the vector index.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    figures = measured(read_log(asked.data), asked.users)
    for name, figure in figures.items():
        print(f"{name:24}{figure:>12,.4f}" if figure % 1 else f"{name:24}{figure:>12,.0f}")
    if asked.json:
        print(json.dumps(figures))


def read_log(data: Path) -> Interactions:
    """The interactions of a data set; items and users are numbered from 1."""
    if (data / "train.txt").exists():
        return _read_lines(data / "train.txt")
    log = read_event_file(data / "ratings.csv" if data.is_dir() else data)
    return Interactions(
        log.kinds, log.user_nos + 1, log.item_nos + 1, log.kind_nos, log.strengths, log.occurred_at
    )


def _read_lines(path: Path) -> Interactions:
    """Every user uses an item a day, and all used their last one on the same day."""
    users: list[int] = []
    items: list[int] = []
    ages: list[int] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        user, *used = map(int, line.split())
        users += [user + 1] * len(used)
        items += [item + 1 for item in used]
        ages += range(len(used) - 1, -1, -1)
    count = len(users)
    return Interactions(
        USED,
        np.array(users, dtype=np.int32),
        np.array(items, dtype=np.int32),
        np.ones(count, dtype=np.int16),
        np.full(count, np.nan, dtype=np.float32),
        _LAST_DAY - np.array(ages) * _DAY,
    )


def measured(log: Interactions, users: int) -> dict[str, float]:
    """All figures of one data set."""
    started = time.perf_counter()
    space = _learned(log)
    fit_seconds = time.perf_counter() - started
    histories = _histories(log, users)
    vectors = {no: live_vector(space.space, space.items, h) for no, h in histories.items()}
    seen = {no: set(history.item_nos.tolist()) for no, history in histories.items()}
    return {"fit_seconds": round(fit_seconds, 1), **searched(space, vectors, seen)}


def searched(
    space: ItemSpace,
    vectors: Mapping[UserNo, NDArray[np.float32] | None],
    seen: Mapping[UserNo, Iterable[int]],
) -> dict[str, float]:
    """What is found in a PostgreSQL of its own for users with these vectors, and how soon."""
    dimensions = space.items.vectors.shape[1]
    with tempfile.TemporaryDirectory(prefix="tandem-") as folder:
        data = Path(folder, "postgres")
        with running_postgres(data, durable=False) as server:
            run_id, build_seconds = _indexed(server, space, vectors)
        # One that is served has buffers for what it finds when it starts.
        with running_postgres(data) as server:
            url = server.url(_DATABASE)
            engine = make_engine(url)
            with engine.connect() as connection:
                recall = index_recall(connection, run_id, dimensions, len(vectors))
            engine.dispose()
            states = [
                UserState(Ranking.empty(), vector, 0, tuple(map(ItemNo, seen[no])))
                for no, vector in vectors.items()
                if vector is not None
            ]
            found = asyncio.run(_searched(url, run_id, states, ItemIndex(recall, dimensions)))
    return {
        "items": len(space.items.item_nos),
        "dimensions": dimensions,
        "users": len(states),
        "build_seconds": round(build_seconds, 1),
        f"recall@{DEPTH}": round(recall, 4),
        **found,
    }


def _indexed(
    server: PostgresServer,
    space: ItemSpace,
    vectors: Mapping[UserNo, NDArray[np.float32] | None],
) -> tuple[RunId, float]:
    """A run over the items, and the seconds that its index took."""
    ensure_database(server, _DATABASE)
    url = server.url(_DATABASE)
    engine = make_engine(url)
    migrate(engine)
    # A connection knows pgvector's types only if it was opened when they were there.
    engine.dispose()
    run_id = _stored(engine, url, space, vectors)
    started = time.perf_counter()
    with engine.begin() as connection:
        build_index(connection, run_id, space.items.vectors.shape[1])
    seconds = time.perf_counter() - started
    engine.dispose()
    return run_id, seconds


def _learned(log: Interactions) -> ItemSpace:
    """The live space as the night learns it, with the default weights."""
    parameters = SpaceParameters()
    as_of = log.newest()
    components = fit_item_components(interaction_matrix(log, as_of), log, as_of, parameters)
    return item_space(components, parameters, LiveWeights())


def _histories(log: Interactions, users: int) -> dict[UserNo, History]:
    """The histories of a random sample of users."""
    drawn = np.random.default_rng(0).permutation(np.unique(log.user_nos))[:users]
    timed = log.in_time_order()
    ordered = timed.where(np.argsort(timed.user_nos, kind="stable"))
    weights = ordered.weights()
    histories = {}
    for no in drawn.tolist():
        start, end = np.searchsorted(ordered.user_nos, [no, no + 1])
        histories[UserNo(no)] = History(ordered.item_nos[start:end], weights[start:end])
    return histories


def _stored(
    engine: Engine,
    url: str,
    space: ItemSpace,
    vectors: Mapping[UserNo, NDArray[np.float32] | None],
) -> RunId:
    """Write a catalogue, a run over it and the users' vectors."""
    with engine.begin() as connection:
        run_id = begin_run(connection, RunParameters(), None).run_id
    with engine.begin() as connection:
        create_partitions(connection, run_id)
    names = [f"item-{no}" for no in range(1, int(space.items.item_nos[-1]) + 1)]
    with bulk_connection(url) as connection:
        append(connection, "items", {"item_id": pa.array(names), "title": pa.array(names)})
        # Vectors are stored of users who are there: a forgotten one gets none.
        people = [f"user-{no}" for no in range(1, max(vectors) + 1)]
        append(connection, "users", {"user_id": pa.array(people)})
        store_item_vectors(connection, run_id, space.items)
    users = [UserVector(no, vector, 0) for no, vector in vectors.items()]
    with engine.begin() as connection:
        store_space(connection, run_id, space)
        store_user_vectors(connection, run_id, users, Position(0))
    return run_id


async def _searched(
    url: str, run_id: RunId, users: Sequence[UserState], index: ItemIndex
) -> dict[str, float]:
    """Milliseconds of both searches without the users' own items, and what the index found."""
    store = Store.at(url, StoreLimits(background_connections=1, wait_seconds=60))
    recommendations = Recommendations(store)

    async def ask(user: UserState, index: ItemIndex | None) -> tuple[Ranking, float]:
        started = time.perf_counter()
        found = (await recommendations.load_nearest(run_id, user, index=index)).ranking
        return found, 1000 * (time.perf_counter() - started)

    try:
        for used in (None, index):
            for user in users[:20]:
                await ask(user, used)
        exact = [await ask(user, None) for user in users]
        found = [await ask(user, index) for user in users]
    finally:
        await store.close()
    shares = [
        np.isin(best.item_nos[:DEPTH], near.item_nos[:DEPTH]).mean()
        for (best, _), (near, _) in zip(exact, found, strict=True)
    ]
    return {
        f"unseen_recall@{DEPTH}": round(float(np.mean(shares)), 4),
        **milliseconds("exact", [seconds for _, seconds in exact]),
        **milliseconds("index", [seconds for _, seconds in found]),
    }


def milliseconds(name: str, taken: Sequence[float]) -> dict[str, float]:
    """The median and the slowest twentieth of some milliseconds."""
    return {f"{name}_p{at}_ms": round(float(np.percentile(taken, at)), 3) for at in (50, 95)}


if __name__ == "__main__":
    main()
