"""Runs over one half of the catalogue each, so that an answer mixed of two is found out."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from batch.bulk import bulk_connection
from batch.parameters import RunParameters
from batch.runs.model_runs import (
    Run,
    begin_run,
    drop_partitions,
    mark_evaluated,
    retire,
)
from batch.runs.publishing import begin_progress, publish_run
from batch.space.composing import ItemSpace
from batch.space.embeddings import store_item_vectors, store_space
from batch.space.live_vectors import store_all_live_vectors
from domain.identifiers import RunId
from domain.live_vector import ItemVectors, LiveSpace, LiveVectorParameters
from sql.engine import make_engine
from sql.live_vectors import RunSpace, load_live_space
from sql.log import event_horizon, load_kinds
from sql.partitions import create_partitions
from sql.promotion import announce, catch_up
from sql.rollback import roll_back

WARM_SECONDS = 10.0
LONG_SECONDS = 86_400.0
USERS, ITEMS, FACTORS, LIST_LENGTH, LIMIT = 2_000, 2_000, 32, 100, 20

_STORE_LIST = text(
    "insert into batch_recommendations (run_id, user_no, item_nos, scores)"
    " values (:run_id, :user_no, :item_nos, :scores)"
)
_STORE_POPULAR = text(
    "insert into popular_items (run_id, list, item_nos, scores)"
    " values (:run_id, :list, :item_nos, :scores)"
)
_STORE_REFRESH = text(
    "insert into popular_refreshes (run_id, part, position, seconds)"
    " values (:run_id, :part, :position, :seconds)"
)


def prepare(url: str, half: int) -> tuple[int, str]:
    """A run over one half of the catalogue, ready to be published; its number and cut-off."""
    engine = make_engine(url)
    random = np.random.default_rng(half)
    item_nos = np.arange(1 + half, ITEMS + 1, 2, dtype=np.int32)
    factors = random.normal(size=(len(item_nos), FACTORS))
    factors /= np.linalg.norm(factors, axis=1)[:, None]
    vectors = np.hstack([factors, np.zeros((len(item_nos), 2))]).astype(np.float32)
    ones, context_embeddings = (
        np.ones(len(item_nos)),
        np.empty((len(item_nos), 0), dtype=np.float32),
    )
    parameters = LiveVectorParameters(taste_dimensions=FACTORS)
    space = ItemSpace(
        ItemVectors(item_nos, vectors, context_embeddings, ones, ones),
        1.0,
        LiveSpace(parameters, factors.T @ factors),
    )
    with engine.begin() as connection:
        run = begin_run(connection, RunParameters(), None)
        mark_evaluated(connection, run.run_id)
        create_partitions(connection, run.run_id)
        _store_lists(connection, run.run_id, item_nos, random)
        store_space(connection, run.run_id, space)
    store_vectors(engine, url, run, space)
    engine.dispose()
    return run.run_id, run.cut_off_at.isoformat()


def _store_lists(
    connection: Any, run_id: RunId, item_nos: np.ndarray, random: np.random.Generator
) -> None:
    scores = [float(LIST_LENGTH - n) for n in range(LIST_LENGTH)]
    lists = [
        {"run_id": run_id, "user_no": user_no, "scores": scores,
         "item_nos": random.choice(item_nos, LIST_LENGTH, replace=False).tolist()}
        for user_no in range(1, USERS + 1)
    ]  # fmt: skip
    connection.execute(_STORE_LIST, lists)
    popular = {"run_id": run_id, "list": "popular", "scores": scores}
    connection.execute(_STORE_POPULAR, popular | {"item_nos": item_nos[:LIST_LENGTH].tolist()})
    # Made anew of the log they would hold items of both halves: they count as just made.
    fresh = {"run_id": run_id, "position": 0, "seconds": LONG_SECONDS}
    connection.execute(_STORE_REFRESH, [fresh | {"part": part} for part in ("ever", "lately")])


def store_vectors(
    engine: Engine,
    url: str,
    run: Run,
    space: ItemSpace,
    item_users: NDArray[np.int32] | None = None,
) -> None:
    """Write the vectors of items and users, and note what of the log they know."""
    with engine.begin() as connection:
        horizon, kinds = event_horizon(connection), load_kinds(connection)
    with bulk_connection(url) as connection:
        store_item_vectors(connection, run.run_id, space.items, item_users)
        store_all_live_vectors(connection, run, kinds, space, horizon=horizon, chunk_users=5000)
    with engine.begin() as connection:
        begin_progress(connection, run.run_id, horizon)


def catch_up_without_warming(url: str, run_id: int) -> None:
    """What the night does before its last step if no answers are to be made ahead."""
    with _space_of(url, run_id) as (engine, run):
        catch_up(engine.begin, run)


def warm(url: str, run_id: int) -> None:
    """What the night does before its last step: bring the run up to date and announce it."""
    with _space_of(url, run_id) as (engine, run):
        catch_up(engine.begin, run)
        with engine.begin() as connection:
            announced = announce(connection, run.run_id)
        if announced:
            time.sleep(WARM_SECONDS)
        catch_up(engine.begin, run)


def publish(url: str, run_id: int) -> None:
    """The night's last step."""
    with _space_of(url, run_id) as (engine, run), engine.begin() as connection:
        publish_run(connection, run)


@contextmanager
def _space_of(url: str, run_id: int) -> Iterator[tuple[Engine, RunSpace]]:
    engine = make_engine(url)
    with engine.begin() as connection:
        run = load_live_space(connection, RunId(run_id))
    yield engine, run
    engine.dispose()


def rollback(url: str, run_id: int) -> None:
    """As `tandem rollback` does it."""
    engine = make_engine(url)
    roll_back(engine.begin, RunId(run_id), by="the benchmark")
    engine.dispose()


def drop(url: str, run_id: int) -> None:
    """What becomes of an old run."""
    engine = make_engine(url)
    with engine.begin() as connection:
        retire(connection, RunId(run_id))
    with engine.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        drop_partitions(session, RunId(run_id))
    engine.dispose()


def is_of_one_run(answer: dict[str, Any], runs: dict[int, tuple[int, str]]) -> bool:
    """Whether items, number and cut-off are of one run, and all are there.

    `runs`: the half and the cut-off of each run by its number.
    """
    half, cut_off = runs[answer["run"]["id"]]
    numbers = [int(item["item_id"].removeprefix("item-")) for item in answer["items"]]
    same_cut_off = datetime.fromisoformat(answer["run"]["cut_off_at"]).isoformat() == cut_off
    return same_cut_off and len(numbers) == LIMIT and all(no % 2 == 1 - half for no in numbers)
