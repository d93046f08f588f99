"""What the checker reads from the store, with statements of its own."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from domain.interactions import EventKind, KindTable
from domain.live_vector import ItemVectors, LiveSpace, LiveVectorParameters
from sql.statements import statements
from stack.chaos.versions import LogRow, RunContents, Scores

_CHAOS = statements("chaos")


def load_runs(connection: Connection) -> dict[int, Any]:
    """Every run ever begun: state, cut-off, whether it is served and whether it is retained."""
    return {row.run_id: row for row in connection.execute(_CHAOS["load_runs"])}


def load_contents(connection: Connection, run: Any) -> RunContents:
    """What a retained run is made of; `run` is a row of `load_runs`."""
    asked = {"run_id": run.run_id}
    item_nos = {row.item_id: row.item_no for row in connection.execute(_CHAOS["load_item_nos"])}
    item_ids = {no: item for item, no in item_nos.items()}
    lists = {
        row.user_id: _scores(item_ids, row)
        for row in connection.execute(_CHAOS["load_lists"], asked)
    }
    popular = connection.execute(_CHAOS["load_popular"], asked).one()
    kinds = KindTable(tuple(EventKind(*row) for row in connection.execute(_CHAOS["load_kinds"])))
    return RunContents(
        run_id=run.run_id,
        cut_off_at=run.cut_off_at,
        cut_off_position=run.cut_off_position,
        lists=lists,
        popular=_scores(item_ids, popular),
        items=_load_vectors(connection, asked),
        space=_load_space(connection, asked),
        item_nos=item_nos,
        kinds=kinds,
    )


def load_log(connection: Connection) -> list[LogRow]:
    """The whole log in order of position."""
    return [LogRow(*row) for row in connection.execute(_CHAOS["load_log"])]


def by_user(log: Iterable[LogRow]) -> Mapping[str, list[LogRow]]:
    """The rows of each user in order of position."""
    found: dict[str, list[LogRow]] = defaultdict(list)
    for row in log:
        if row.user_id is not None:
            found[row.user_id].append(row)
    return found


def load_duplicates(connection: Connection) -> dict[UUID, int]:
    """Event ids that stand in the log more than once, and how often."""
    return {row.event_id: row.times for row in connection.execute(_CHAOS["load_duplicates"])}


def load_live_vectors(connection: Connection) -> dict[str, Any]:
    """The rows of live vectors of the served run, by user."""
    return {row.user_id: row for row in connection.execute(_CHAOS["load_live_vectors"])}


def is_folded(connection: Connection) -> bool:
    """Whether the speed workers have brought the served run to the end of the log."""
    return bool(connection.execute(_CHAOS["find_unfolded"]).scalar_one() == 0)


def _scores(item_ids: Mapping[int, str], row: Any) -> Scores:
    return {item_ids[no]: score for no, score in zip(row.item_nos, row.scores, strict=True)}


def _load_vectors(connection: Connection, asked: dict[str, int]) -> ItemVectors:
    rows = connection.execute(_CHAOS["load_vectors"], asked).all()
    return ItemVectors(
        item_nos=np.array([row.item_no for row in rows], dtype=np.int32),
        vectors=_stacked([row.embedding for row in rows]),
        sources=_stacked([row.source for row in rows]),
        taste_scales=np.array([row.taste_scale for row in rows], dtype=np.float64),
        confidence_scales=np.array([row.confidence_scale for row in rows], dtype=np.float64),
    )


def _load_space(connection: Connection, asked: dict[str, int]) -> LiveSpace:
    row = connection.execute(_CHAOS["load_space"], asked).one()
    parameters = LiveVectorParameters(**row.parameters)
    side = parameters.taste_dimensions
    return LiveSpace(parameters, np.array(row.gramian, dtype=np.float64).reshape(side, side))


def _stacked(vectors: list[Any]) -> NDArray[np.float32]:
    rows = [vector.to_numpy() for vector in vectors if vector is not None]
    return np.stack(rows) if rows else np.empty((len(vectors), 0), dtype=np.float32)
