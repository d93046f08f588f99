"""Live vectors in the store: the parts of a run's space in, users' vectors out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from sqlalchemy import Connection, Row

from domain.errors import UnknownRunError
from domain.identifiers import ItemNo, Position, RunId, UserNo
from domain.live_vector import History, ItemVectors, LiveSpace, LiveVectorParameters
from domain.rankings import Ranking
from domain.recent_transitions import added
from domain.transitions import (
    NO_TRANSITIONS,
    Transitions,
    items_followed,
    live_vector_and_following,
)
from sql.pipelining import Question, ask
from sql.statements import as_array, statements
from sql.vectors import IntegerArray, RealArray, VectorArray, rows_sent

_LIVE = statements("live")


@dataclass(frozen=True, slots=True)
class RunSpace:
    """A run's space with the position its lists have learned up to."""

    run_id: RunId
    cut_off: Position
    space: LiveSpace


@dataclass(frozen=True, slots=True)
class UserVector:
    """One row of `user_embeddings` about to be written."""

    user_no: UserNo
    vector: NDArray[np.float32] | None
    """None: the history says nothing in this space."""
    events_since_cut_off: int
    following: Ranking = field(default_factory=Ranking.empty)
    """What comes next after the history; empty without a vector."""

    @classmethod
    def of(
        cls,
        user_no: UserNo,
        space: LiveSpace,
        items: ItemVectors,
        transitions: Transitions,
        history: History,
        *,
        events_since_cut_off: int,
    ) -> Self:
        """That of a user with this history.

        `items` and `transitions` must hold what the run has of the items of the history.
        """
        vector, coming = live_vector_and_following(space, items, transitions, history)
        return cls(user_no, vector, events_since_cut_off, coming)


def find_live_run(connection: Connection) -> RunId | None:
    """The run being served; None before the first is published."""
    return connection.execute(_LIVE["find_live_run"]).scalar_one_or_none()


def load_live_space(connection: Connection, run_id: RunId) -> RunSpace:
    """A run's space; UnknownRunError if there is no such run or it has no space yet."""
    row = connection.execute(_LIVE["load_live_space"], {"run_id": run_id}).one_or_none()
    if row is None or row.gramian is None:
        raise UnknownRunError(f"Run {run_id} has no live space.")
    try:
        parameters = LiveVectorParameters(**row.parameters)
        side = parameters.taste_dimensions
        gramian = np.array(row.gramian, dtype=np.float64).reshape(side, side)
    except (TypeError, ValueError) as error:
        raise UnknownRunError(f"Run {run_id} was made by another version of Tandem.") from error
    return RunSpace(run_id, Position(row.cut_off_position), LiveSpace(parameters, gramian))


def find_space_fault(connection: Connection, run_id: RunId) -> str | None:
    """Why a run's space cannot be read by this version; None: it can, or there is none yet."""
    row = connection.execute(_LIVE["load_live_space"], {"run_id": run_id}).one_or_none()
    if row is None or row.gramian is None:
        return None
    try:
        load_live_space(connection, run_id)
    except UnknownRunError as error:
        return str(error)
    return None


def load_item_vectors(
    connection: Connection, run_id: RunId, item_nos: Sequence[ItemNo]
) -> ItemVectors:
    """The vectors of those of `item_nos` that the run has."""
    return load_item_vectors_and_makers(connection, run_id, item_nos)[0]


def load_item_vectors_and_makers(
    connection: Connection, run_id: RunId, item_nos: Sequence[ItemNo]
) -> tuple[ItemVectors, NDArray[np.bool_]]:
    """The same, and whether the night made each (n,) of the item's users: it will not change."""
    parameters = {"run_id": run_id, "item_nos": as_array(item_nos)}
    (row,) = ask(connection, Question(_LIVE["load_item_vectors"], parameters))
    if row.item_nos is None:
        return item_vectors((), ()), np.empty(0, dtype=np.bool_)
    found = np.frombuffer(row.item_nos, dtype=">i4").astype(np.int32)
    items = ItemVectors(
        item_nos=found,
        vectors=rows_sent(row.embeddings, len(found)),
        context_embeddings=rows_sent(row.context_embeddings, len(found)),
        taste_scales=np.frombuffer(row.taste_scales, dtype=">f4").astype(np.float64),
        confidence_scales=np.frombuffer(row.confidence_scales, dtype=">f4").astype(np.float64),
    )
    return items, np.frombuffer(row.made_by_night, dtype=np.bool_)


def item_vectors(item_nos: Sequence[int], rows: Sequence[Row[Any]]) -> ItemVectors:
    """Item vectors from rows with all that makes one; numbers must be rising."""
    return ItemVectors(
        item_nos=np.array(item_nos, dtype=np.int32),
        vectors=_stacked([row.embedding for row in rows]),
        context_embeddings=_stacked([row.context_embedding for row in rows]),
        taste_scales=np.array([row.taste_scale for row in rows], dtype=np.float64),
        confidence_scales=np.array([row.confidence_scale for row in rows], dtype=np.float64),
    )


def load_transitions(
    connection: Connection, run: RunSpace, items: ItemVectors, histories: Iterable[History]
) -> Transitions:
    """The rows that say what comes next after these histories: the run's, and those since.

    `items` must hold every item of the histories that the run has a vector for.
    """
    item_nos = find_items_followed(run, items, histories)
    of_run = load_transitions_of_items(connection, run.run_id, item_nos)
    return added(of_run, load_recent_transitions(connection, run, item_nos))


def find_items_followed(
    run: RunSpace, items: ItemVectors, histories: Iterable[History]
) -> list[ItemNo]:
    """Items, in rising order, whose rows say what comes next after these histories."""
    parameters = run.space.parameters
    followed = [items_followed(parameters, items, history) for history in histories]
    # Phrases, with numbers below 0, have no rows.
    return sorted({ItemNo(no) for nos in followed for no in nos.tolist() if no > 0})


def load_transitions_of_items(
    connection: Connection, run_id: RunId, item_nos: Sequence[ItemNo]
) -> Transitions:
    """The rows of some items, those that the run has."""
    return _load_rows(connection, "load_transitions", run_id, item_nos)


def load_recent_transitions(
    connection: Connection, run: RunSpace, item_nos: Sequence[ItemNo]
) -> Transitions:
    """The rows of some items since the run's cut-off; not asked for where they count nothing."""
    if run.space.parameters.recent_weight == 0.0:
        return NO_TRANSITIONS
    return _load_rows(connection, "load_recent_transitions", run.run_id, item_nos)


def _load_rows(
    connection: Connection, statement: str, run_id: RunId, item_nos: Sequence[ItemNo]
) -> Transitions:
    if not item_nos:
        return NO_TRANSITIONS
    asked = {"run_id": run_id, "item_nos": as_array(item_nos)}
    (row,) = ask(connection, Question(_LIVE[statement], asked))
    if row.item_nos is None:
        return NO_TRANSITIONS
    return Transitions(
        item_nos=np.array(row.item_nos, dtype=np.int32),
        starts=np.cumsum([0, *row.lengths], dtype=np.int64),
        next_item_nos=_sent(row.next_item_nos, ">i4").astype(np.int32),
        scores=_sent(row.scores, ">f4").astype(np.float32),
    )


def _sent(pairs: bytes, kind: str) -> NDArray[Any]:
    """Numbers (n,) of four bytes, each after four bytes with its length."""
    return np.frombuffer(pairs, dtype=kind).reshape(-1, 2)[:, 1]


def _stacked(vectors: Sequence[Vector | None]) -> NDArray[np.float32]:
    """Vectors as rows (n, d); a column that holds nothing has no dimensions."""
    rows = [vector.to_numpy() for vector in vectors if vector is not None]
    return np.stack(rows) if rows else np.empty((len(vectors), 0), dtype=np.float32)


def stored_vector(vector: NDArray[np.float32]) -> object:
    """A vector as statements take it."""
    return Vector(vector)


def vector_read(stored: Vector) -> NDArray[np.float32]:
    """A vector as the store answers it."""
    numbers: NDArray[np.float32] = stored.to_numpy()
    return numbers


def store_user_vectors(
    connection: Connection, run_id: RunId, users: Sequence[UserVector], position: Position
) -> None:
    """Write live vectors that know the log up to `position`; newer ones in the store stay."""
    lengths = [len(user.following) for user in users]
    parameters: Mapping[str, object] = {
        "run_id": run_id,
        "user_nos": as_array([user.user_no for user in users]),
        "embeddings": VectorArray([user.vector for user in users]),
        "next_lengths": as_array(lengths),
        "next_ends": as_array(np.cumsum(lengths).tolist()),
        "next_item_nos": IntegerArray(np.concatenate([user.following.item_nos for user in users])),
        "next_scores": RealArray(np.concatenate([user.following.scores for user in users])),
        "events": as_array([user.events_since_cut_off for user in users]),
        "position": position,
    }
    connection.execute(_LIVE["store_user_embeddings"], parameters)
