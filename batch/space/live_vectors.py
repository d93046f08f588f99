"""Live vectors of all users of a run, written in bulk before the promotion."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Connection

from batch.bulk import append, array_column, constant_column, fetch, vector_column
from batch.runs.model_runs import Run
from batch.space.composing import ItemSpace
from domain.identifiers import ItemNo, Position, RunId, UserNo
from domain.interactions import KindTable
from domain.live_vector import History, ItemVectors
from sql.interests import Interests, Phrases, with_interests
from sql.live_vectors import UserVector, item_vectors
from sql.statements import statements

_BATCH = statements("batch")
_INTERESTS = statements("interests")

_NO_PHRASES = Phrases((), item_vectors((), ()))
_ALL_EVENTS = 2**31 - 1


def store_all_live_vectors(
    connection: Any,
    run: Run,
    kinds: KindTable,
    space: ItemSpace,
    *,
    horizon: Position,
    chunk_users: int,
    on_users: Callable[[int], None] = lambda _users: None,
) -> int:
    """Write the live vector of every user with history as of `horizon`, or with interests.

    Answers how many. The run's words must be in the store. Over an ADBC connection, `chunk_users`
    user numbers at a time, each chunk committed.
    """
    last = int(fetch(connection, _BATCH["find_last_user"])[0][0].as_py())
    users = 0
    for first in range(1, last + 1, chunk_users):
        numbers = {"first": first, "last": first + chunk_users - 1, "horizon": horizon}
        histories = dict(_load_histories(connection, kinds, space, **numbers))
        phrases = _add_interests(
            connection, run, space, histories, first=first, last=numbers["last"]
        )
        items = phrases.items.followed_by(space.items)
        counts = _count_events(connection, cut_off_position=run.cut_off, **numbers)
        vectors = [
            UserVector.of(
                user_no,
                space.space,
                items,
                space.transitions,
                history,
                events_since_cut_off=counts[user_no],
            )
            for user_no, history in sorted(histories.items())
        ]
        if vectors:
            _append(connection, run, vectors, horizon, space.items.vectors.shape[1])
        users += len(vectors)
        on_users(users)
    return users


def store_prior(connection: Connection, run_id: RunId) -> None:
    """Note in the row of a run what is liked by many, which declared words are added to.

    To be done when the item vectors are written, and before the live vectors are.
    """
    connection.execute(_INTERESTS["store_prior"], {"run_id": run_id})


def _load_histories(
    connection: Any, kinds: KindTable, space: ItemSpace, **numbers: int
) -> Iterator[tuple[UserNo, History]]:
    events = space.space.parameters.taste_events or _ALL_EVENTS
    table = fetch(connection, _BATCH["load_histories_of_range"], events=events, **numbers)
    user_nos = table["user_no"].to_numpy()
    item_nos = table["item_no"].to_numpy()
    weights = kinds.weights(table["kind_no"].to_numpy(), table["strength"].to_numpy())
    starts = np.flatnonzero(np.diff(user_nos, prepend=-1))
    for start, end in pairwise([*starts, len(user_nos)]):
        yield UserNo(int(user_nos[start])), History(item_nos[start:end], weights[start:end])


def _add_interests(
    connection: Any, run: Run, space: ItemSpace, histories: dict[UserNo, History], **range_: int
) -> Phrases:
    """Put the interests of a range of users before their histories; the phrases among them."""
    declaring = fetch(connection, _INTERESTS["load_interests_of_range"], **range_).to_pylist()
    phrases = _load_phrases(connection, run, **range_) if declaring else _NO_PHRASES
    numbers = phrases.numbers()
    for row in declaring:
        user_no = UserNo(row["user_no"])
        interests = Interests(tuple(row["words"]), tuple(map(ItemNo, row["item_nos"])))
        histories[user_no] = with_interests(
            space.space.parameters, histories.get(user_no), interests, numbers
        )
    return phrases


def _load_phrases(connection: Any, run: Run, **range_: int) -> Phrases:
    statement = _INTERESTS["load_phrase_vectors_of_range"]
    table = fetch(connection, statement, run_id=run.run_id, **range_)
    if not len(table):
        return _NO_PHRASES
    context_embeddings = [
        context_embedding or [] for context_embedding in table["context_embedding"].to_pylist()
    ]
    items = ItemVectors(
        item_nos=np.arange(-len(table), 0, dtype=np.int32),
        vectors=np.array(table["embedding"].to_pylist(), dtype=np.float32),
        context_embeddings=np.array(context_embeddings, dtype=np.float32),
        taste_scales=table["taste_scale"].to_numpy().astype(np.float64),
        confidence_scales=table["confidence_scale"].to_numpy().astype(np.float64),
    )
    return Phrases(tuple(table["phrase"].to_pylist()), items)


def _count_events(connection: Any, **numbers: int) -> "_Counts":
    table = fetch(connection, _BATCH["count_events_of_range"], **numbers)
    return _Counts(zip(table["user_no"].to_pylist(), table["events"].to_pylist(), strict=True))


class _Counts(dict[UserNo, int]):
    """0 for whoever is not counted."""

    def __missing__(self, _user_no: UserNo) -> int:
        return 0


def _append(
    connection: Any, run: Run, vectors: list[UserVector], horizon: Position, dimensions: int
) -> None:
    following = [vector.following for vector in vectors]
    lengths = np.array([len(ranking) for ranking in following])
    next_item_nos = np.concatenate([ranking.item_nos for ranking in following])
    next_scores = np.concatenate([ranking.scores for ranking in following])
    columns = {
        "run_id": constant_column(run.run_id, len(vectors)),
        "user_no": pa.array([vector.user_no for vector in vectors], pa.int32()),
        "embedding": _embedding_column([vector.vector for vector in vectors], dimensions),
        "next_item_nos": array_column(next_item_nos, lengths, empty_is_null=True),
        "next_scores": array_column(next_scores.astype(np.float32), lengths, empty_is_null=True),
        "events_since_cut_off": pa.array(
            [vector.events_since_cut_off for vector in vectors], pa.int32()
        ),
        "position": pa.array(np.full(len(vectors), horizon, dtype=np.int64)),
    }
    append(connection, f"user_embeddings_{run.run_id}", columns)


def _embedding_column(vectors: list[NDArray[np.float32] | None], dimensions: int) -> Any:
    """A column of vectors with nulls where a history says nothing."""
    nothing = np.zeros(dimensions, dtype=np.float32)
    filled = np.stack([nothing if vector is None else vector for vector in vectors])
    missing = pa.array([vector is None for vector in vectors])
    column = vector_column(filled)
    return pc.if_else(missing, pa.scalar(None, column.type), column)
