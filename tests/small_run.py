"""A small published run with known vectors, for tests of the layers that read runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from sqlalchemy import Connection, insert, text

from domain.identifiers import Position, RunId
from domain.live_vector import LiveVectorParameters
from domain.transitions import NO_TRANSITIONS, Transitions
from sql.log import event_horizon
from tests import tables
from tests.small_transitions import store_rows

FACTORS = 2
PARAMETERS = LiveVectorParameters(taste_dimensions=FACTORS, regularization=1.0)


def factors_of(count: int) -> NDArray[np.float64]:
    """Unit vectors (count, 2): the first half near (1, 0), the second half near (0, 1)."""
    angles = np.linspace(0.0, 0.4, count // 2)
    first = np.column_stack([np.cos(angles), np.sin(angles)])
    return np.vstack([first, first[:, ::-1]])


def publish_small_run(
    connection: Connection,
    item_nos: Sequence[int],
    lists: Mapping[int, Sequence[tuple[int, float]]] | None = None,
    popular: Sequence[int] = (),
    transitions: Transitions = NO_TRANSITIONS,
) -> RunId:
    """Store and promote a run over the items; `lists` holds (item, score) by user number."""
    factors = factors_of(len(item_nos))
    cut_off = event_horizon(connection)
    run_id = _store_run(connection, factors, cut_off)
    vectors = np.hstack([factors, np.zeros((len(item_nos), 2))])
    connection.execute(
        insert(tables.item_embeddings),
        [
            {"run_id": run_id, "item_no": no, "embedding": Vector(vector), "taste_scale": 1.0,
             "confidence_scale": 1.0}
            for no, vector in zip(item_nos, vectors, strict=True)
        ],
    )  # fmt: skip
    store_rows(connection, run_id, transitions)
    for user_no, listed in (lists or {}).items():
        item_column, score_column = [item for item, _ in listed], [score for _, score in listed]
        connection.execute(
            insert(tables.batch_recommendations).values(
                run_id=run_id, user_no=user_no, item_nos=item_column, scores=score_column
            )
        )
    scores = [float(len(popular) - index) for index in range(len(popular))]
    connection.execute(
        insert(tables.popular_items).values(
            run_id=run_id, list="popular", item_nos=list(popular), scores=scores
        )
    )
    rows = [{"run_id": run_id, "shard": shard, "position": cut_off} for shard in range(8)]
    connection.execute(insert(tables.speed_progress), rows)
    connection.execute(
        text(
            "insert into live_run (run_id) values (:run_id)"
            " on conflict (only_row) do update set run_id = excluded.run_id, promoted_at = now()"
        ),
        {"run_id": run_id},
    )
    return run_id


def _store_run(connection: Connection, factors: NDArray[np.float64], cut_off: Position) -> RunId:
    run_id = connection.execute(
        insert(tables.model_runs)
        .values(
            state="published",
            cut_off_position=cut_off,
            cut_off_at=text("now()"),
            finished_at=text("now()"),
            parameters={"als": {"factors": FACTORS}, "live_vector": asdict(PARAMETERS)},
            gramian=(factors.T @ factors).ravel().tolist(),
            item_norm=1.0,
        )
        .returning(tables.model_runs.c.run_id)
    ).scalar_one()
    connection.execute(text("select create_run_partitions(:run_id)"), {"run_id": run_id})
    return RunId(run_id)
