"""A published run over made-up items with vectors of the usual size, and users with histories."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from batch.bulk import bulk_connection
from batch.lists.nightly_lists import Lists, store_lists
from batch.parameters import RunParameters, SpaceParameters
from batch.runs.model_runs import begin_run, mark_evaluated
from batch.space.composing import ItemSpace
from batch.space.embeddings import store_space, store_transitions
from benchmarks.halved_runs import publish, store_vectors
from benchmarks.made_events import write_items
from domain.identifiers import RunId
from domain.live_vector import ItemVectors, LiveSpace, LiveVectorParameters
from domain.transitions import Transitions
from loading.load import load
from loading.options import LoadOptions
from sql.engine import make_engine
from sql.partitions import create_partitions

_NEWEST = np.datetime64("2020-09-13")


def load_histories(
    url: str, folder: Path, *, users: int, items: int, events: int, seed: int
) -> None:
    """Load items, and users with so many events each, of which few items have most."""
    rng = np.random.default_rng(seed)
    load([str(write_items(folder / "items.csv", items))], url, LoadOptions())
    user_nos = np.repeat(np.arange(users), events)
    times = _NEWEST - rng.integers(1, 50_000_000, len(user_nos)).astype("timedelta64[s]")
    table = pa.table(
        {
            "user_id": [f"user-{number}" for number in user_nos],
            "item_id": [f"item-{number}" for number in _drawn(rng, items, len(user_nos))],
            "event_type": rng.choice(["view", "click", "purchase"], len(user_nos)),
            "event_time": np.sort(times).astype(str),
        }
    )
    path = folder / "events.csv"
    pa_csv.write_csv(table, path)
    load([str(path)], url, LoadOptions())


def publish_made_run(
    url: str, items: int, *, seed: int, list_length: int = 0, users: int = 0, new_items: int = 0
) -> RunId:
    """Publish a run with live vectors of all users.

    The first `users` of them have nightly lists of so many items. `new_items` are liked by nobody.
    """
    engine = make_engine(url)
    rng = np.random.default_rng(seed)
    space = _space(rng, items)
    with engine.begin() as connection:
        run = begin_run(connection, RunParameters(), None)
        mark_evaluated(connection, run.run_id)
        create_partitions(connection, run.run_id)
        store_space(connection, run.run_id, space)
    item_users = np.full(items, 10, dtype=np.int32)
    # Before the last one, which has all events beyond it.
    item_users[items - 1 - new_items : items - 1] = 0
    store_vectors(engine, url, run, space, item_users)
    with bulk_connection(url) as bulk:
        store_transitions(bulk, run.run_id, space.transitions)
        if users:
            store_lists(bulk, run.run_id, _lists(rng, items, users, list_length))
    engine.dispose()
    publish(url, run.run_id)
    return run.run_id


def _space(rng: np.random.Generator, items: int) -> ItemSpace:
    """Random factors, contexts and transitions in the numbers that a night has by default."""
    sizes = SpaceParameters()
    factors = rng.normal(size=(items, sizes.factors))
    contexts = rng.normal(size=(items, sizes.sequence_dimensions)).astype(np.float32)
    contexts /= np.linalg.norm(contexts, axis=1)[:, None]
    vectors = np.hstack([factors, contexts, np.zeros((items, 2))]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    ones = np.ones(items)
    item_nos = np.arange(1, items + 1, dtype=np.int32)
    parameters = LiveVectorParameters(sizes.factors, sizes.sequence_dimensions)
    taste = vectors[:, : sizes.factors].astype(np.float64)
    return ItemSpace(
        ItemVectors(item_nos, vectors, contexts, ones, ones),
        1.0,
        LiveSpace(parameters, taste.T @ taste),
        _transitions(rng, item_nos, sizes.transitions.neighbours),
    )


def _transitions(
    rng: np.random.Generator, item_nos: NDArray[np.int32], neighbours: int
) -> Transitions:
    items = len(item_nos)
    first = rng.integers(items, size=(items, 1))
    return Transitions(
        item_nos=item_nos,
        starts=np.arange(items + 1, dtype=np.int64) * neighbours,
        next_item_nos=item_nos[(first + np.arange(neighbours)) % items].ravel(),
        scores=rng.random(items * neighbours, dtype=np.float32) + np.float32(1e-3),
    )


def _lists(rng: np.random.Generator, items: int, users: int, length: int) -> Lists:
    """A random part of the items for each user, with falling scores."""
    item_nos = [rng.permutation(items)[:length] + 1 for _ in range(users)]
    scores = -np.sort(-rng.random((users, length), dtype=np.float32))
    user_nos = np.arange(1, users + 1, dtype=np.int32)
    return Lists(user_nos, np.array(item_nos, dtype=np.int32), scores)


def _drawn(rng: np.random.Generator, items: int, count: int) -> NDArray[np.integer[Any]]:
    return np.minimum(rng.lognormal(0.0, 1.5, count) * items / 20, items - 1).astype(int) + 1
