"""What the checker reads from the store, with statements of its own."""

import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from domain.interactions import EventKind, KindTable
from domain.live_vector import ItemVectors, LiveSpace, LiveVectorParameters
from sql.statements import statements_in
from tests.chaos.contents import Interests, LogRow, PopularVersion, RunContents, Scores
from tests.small_transitions import transitions_of

_CHAOS = statements_in(Path(__file__).with_name("chaos.sql"))

Popular = Mapping[int, Mapping[str, Sequence[PopularVersion]]]
"""Versions by run and list."""


def keep_popular_versions(connection: Connection) -> None:
    """Have the store keep every version of popular lists that is written from now on."""
    for name in ("create_popular_versions", "create_version_keeping", "keep_popular_versions"):
        connection.execute(_CHAOS[name])


def load_runs(connection: Connection) -> dict[int, Any]:
    """Every run ever begun: state, cut-off, whether it is served and whether it is retained."""
    return {row.run_id: row for row in connection.execute(_CHAOS["load_runs"])}


def load_contents(connection: Connection, run: Any, phrases: Sequence[str] = ()) -> RunContents:
    """What a retained run is made of, but for its popular lists; `run` is a row of `load_runs`.

    `phrases`: words that users may declare.
    """
    asked = {"run_id": run.run_id}
    item_nos = {row.item_id: row.item_no for row in connection.execute(_CHAOS["load_item_nos"])}
    item_ids = {no: item for item, no in item_nos.items()}
    lists = {
        row.user_id: _scores(item_ids, row)
        for row in connection.execute(_CHAOS["load_lists"], asked)
    }
    kinds = KindTable(tuple(EventKind(*row) for row in connection.execute(_CHAOS["load_kinds"])))
    phrase_rows = connection.execute(
        _CHAOS["load_phrases"], {**asked, "phrases": list(phrases)}
    ).all()
    vectors = connection.execute(_CHAOS["load_vectors"], asked).all()
    return RunContents(
        run_id=run.run_id,
        cut_off_at=run.cut_off_at,
        cut_off_position=run.cut_off_position,
        lists=lists,
        items=_item_vectors([row.item_no for row in vectors], vectors),
        space=_load_space(connection, asked),
        transitions=transitions_of(
            {
                row.item_no: list(zip(row.next_item_nos, row.scores, strict=True))
                for row in connection.execute(_CHAOS["load_transitions"], asked)
            }
        ),
        item_nos=item_nos,
        kinds=kinds,
        phrases=_item_vectors(range(-len(phrase_rows), 0), phrase_rows),
        phrase_nos={row.phrase: index - len(phrase_rows) for index, row in enumerate(phrase_rows)},
        similarity_embeddings={
            item_ids[row.item_no]: row.similarity_embedding.to_numpy()
            for row in connection.execute(_CHAOS["load_similarity_embeddings"], asked)
        },
    )


def load_popular(connection: Connection) -> Popular:
    """Every version of popular lists that was ever written."""
    since_1970 = time.time() - time.monotonic()
    found: dict[int, dict[str, list[PopularVersion]]] = defaultdict(lambda: defaultdict(list))
    rows = connection.execute(_CHAOS["load_popular_versions"]).all()
    for row, following in itertools.zip_longest(rows, rows[1:]):
        is_last = following is None or (following.run_id, following.list) != (row.run_id, row.list)
        order = np.argsort(row.item_nos)
        version = PopularVersion(
            written_at=row.written_at - since_1970,
            replaced_at=np.inf if is_last else following.written_at - since_1970,
            item_nos=np.array(row.item_nos, dtype=np.int32)[order],
            scores=np.array(row.scores, dtype=np.float64)[order],
        )
        found[row.run_id][row.list].append(version)
    return found


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


def load_interests(connection: Connection) -> dict[str, Interests]:
    """What stands of what users declared."""
    return {
        row.user_id: Interests(tuple(row.words), tuple(row.item_ids))
        for row in connection.execute(_CHAOS["load_interests"])
    }


def load_live_vectors(connection: Connection) -> dict[str, Any]:
    """The rows of live vectors of the served run, by user."""
    return {row.user_id: row for row in connection.execute(_CHAOS["load_live_vectors"])}


def is_folded(connection: Connection) -> bool:
    """Whether the speed workers have brought the served run to the end of the log."""
    return bool(connection.execute(_CHAOS["find_unfolded"]).scalar_one() == 0)


def _scores(item_ids: Mapping[int, str], row: Any) -> Scores:
    return {item_ids[no]: score for no, score in zip(row.item_nos, row.scores, strict=True)}


def _item_vectors(item_nos: Sequence[int], rows: Sequence[Any]) -> ItemVectors:
    return ItemVectors(
        item_nos=np.array(item_nos, dtype=np.int32),
        vectors=_stacked([row.embedding for row in rows]),
        context_embeddings=_stacked([row.context_embedding for row in rows]),
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
