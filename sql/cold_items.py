"""Cold items in the store: what their embeddings are made of in, the embeddings out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from sqlalchemy import Connection, Row

from domain.cold_items import (
    ColdItemSpace,
    LikenessShares,
    shrunk,
    similarity_embeddings,
    unit,
)
from domain.identifiers import ItemNo, RunId
from domain.live_vector import Floats, ItemVectors, LiveVectorParameters
from sql.statements import statements

_PLACING = statements("placing")


@dataclass(frozen=True, slots=True)
class ColdItems:
    """Items with the embeddings that their words and their users make."""

    vectors: ItemVectors
    users: NDArray[np.int32]
    """(n,) how many like each."""
    likenesses: NDArray[np.float32] | None
    """(n, l) None: the run has none."""


def place_items(connection: Connection, run_id: RunId, item_nos: Sequence[ItemNo]) -> list[ItemNo]:
    """Write the embeddings of items in a run, those excepted that the night made from their users.

    Which of them had none before, in rising order; harmless twice. The caller sees to it that the
    run is not taken away meanwhile, and that nobody else writes the same.
    """
    cold = make_cold_items(connection, run_id, item_nos)
    if cold is None:
        return []
    has_source = cold.vectors.sources.shape[1] > 0
    rows: dict[str, object] = {"run_id": run_id, "item_nos": cold.vectors.item_nos.tolist()}
    placed = rows | {
        "embeddings": [Vector(vector) for vector in cold.vectors.vectors],
        "sources": [Vector(row) if has_source else None for row in cold.vectors.sources],
        "users": cold.users.tolist(),
        "taste_scale": float(cold.vectors.taste_scales[0]),
    }
    written = connection.execute(_PLACING["store_cold_items"], placed).all()
    if cold.likenesses is not None:
        likenesses = rows | {"likenesses": [Vector(row) for row in cold.likenesses]}
        connection.execute(_PLACING["store_item_likenesses"], likenesses)
    return sorted(row.item_no for row in written if row.is_new)


def make_cold_items(
    connection: Connection, run_id: RunId, item_nos: Sequence[ItemNo]
) -> ColdItems | None:
    """Embeddings of items: a pure function of their words, the log and the run.

    None if none is to be made: the run has learned no words, or the night made all of them.
    """
    run = connection.execute(_PLACING["load_cold_item_space"], {"run_id": run_id}).one_or_none()
    asked = {"run_id": run_id, "item_nos": list(item_nos)}
    rows = connection.execute(_PLACING["load_cold_items"], asked).all() if run else []
    if run is None or not rows:
        return None
    live = LiveVectorParameters(**run.live_vector)
    end, source_width = live.taste_dimensions + live.sequence_dimensions, live.sequence_dimensions
    space = _space(run, end, source_width)
    words = _stacked([row.words for row in rows], end)
    known = np.array([row.words is not None for row in rows])
    said = space.said(words, _stacked([row.word_source for row in rows], source_width), known)
    counts = np.array([row.counted for row in rows])
    embeddings = shrunk(
        said[0],
        _stacked([row.observed for row in rows], end),
        counts,
        popularity_mean=_stacked([run.usual], end)[0],
        neutral=space.neutral,
    )
    sources = shrunk(
        said[1],
        _stacked([row.observed_source for row in rows], source_width),
        counts,
        popularity_mean=_stacked([run.usual_source], source_width)[0],
        neutral=0.0,
    )
    numbers = np.array([row.item_no for row in rows], dtype=np.int32)
    vectors = space.item_vectors(numbers, embeddings, unit(sources))
    shares = run.words.get("likeness")
    return ColdItems(
        vectors,
        np.array([row.users for row in rows], dtype=np.int32),
        None
        if shares is None
        else similarity_embeddings(vectors, live.taste_dimensions, words, LikenessShares(**shares)),
    )


def _space(run: Row[Any], end: int, source_width: int) -> ColdItemSpace:
    neutral = run.words.get("neutral") or {}
    return ColdItemSpace(
        norm=run.item_norm,
        trend=run.words["trend"],
        taste_scale=run.words["taste_scale"],
        neutral=np.array(neutral.get("embedding") or np.zeros(end)),
        neutral_source=np.array(neutral.get("source") or np.zeros(source_width)),
    )


def _stacked(vectors: Sequence[Vector | None], width: int) -> Floats:
    """The first `width` numbers of vectors as rows (n, width); 0 for None."""
    rows = np.zeros((len(vectors), width))
    for row, vector in zip(rows, vectors, strict=True):
        if vector is not None:
            row[:] = vector.to_numpy()[:width]
    return rows
