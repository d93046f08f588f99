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
    SimilarityShares,
    shrunk,
    similarity_embeddings,
    unit,
)
from domain.identifiers import ItemNo, RunId
from domain.live_vector import Floats, ItemVectors, LiveVectorParameters
from sql.statements import statements

_COLD_ITEMS = statements("cold_items")


@dataclass(frozen=True, slots=True)
class ColdItems:
    """Items with the embeddings that their words and their users make."""

    vectors: ItemVectors
    users: NDArray[np.int32]
    """(n,) how many like each."""
    similarity_vectors: NDArray[np.float32] | None
    """(n, l) None: the run has none."""


def embed_items(connection: Connection, run_id: RunId, item_nos: Sequence[ItemNo]) -> list[ItemNo]:
    """Write the embeddings of items in a run, those excepted that the night made from their users.

    Which of them had none before, in rising order; harmless twice. The caller sees to it that the
    run is not taken away meanwhile, and that nobody else writes the same.
    """
    cold = make_cold_items(connection, run_id, item_nos)
    if cold is None:
        return []
    has_context = cold.vectors.context_embeddings.shape[1] > 0
    rows: dict[str, object] = {"run_id": run_id, "item_nos": cold.vectors.item_nos.tolist()}
    embedded = rows | {
        "embeddings": [Vector(vector) for vector in cold.vectors.vectors],
        "context_embeddings": [
            Vector(row) if has_context else None for row in cold.vectors.context_embeddings
        ],
        "users": cold.users.tolist(),
        "taste_scale": float(cold.vectors.taste_scales[0]),
    }
    written = connection.execute(_COLD_ITEMS["store_cold_items"], embedded).all()
    if cold.similarity_vectors is not None:
        compared = rows | {"similarity_vectors": [Vector(row) for row in cold.similarity_vectors]}
        connection.execute(_COLD_ITEMS["store_item_similarity_embeddings"], compared)
    return sorted(row.item_no for row in written if row.is_new)


def make_cold_items(
    connection: Connection, run_id: RunId, item_nos: Sequence[ItemNo]
) -> ColdItems | None:
    """Embeddings of items: a pure function of their words, the log and the run.

    None if none is to be made: the run has learned no words, or the night made all of them. A run
    in which no item was in use has no mean to start from: it embeds only items whose words it
    knows, by these alone.
    """
    run = connection.execute(_COLD_ITEMS["load_cold_item_space"], {"run_id": run_id}).one_or_none()
    if run is None:
        return None
    has_mean = run.words.get("mean_embedding") is not None
    asked = {"run_id": run_id, "item_nos": list(item_nos)}
    found = connection.execute(_COLD_ITEMS["load_cold_items"], asked)
    rows = [row for row in found if has_mean or row.words is not None]
    if not rows:
        return None
    live = LiveVectorParameters(**run.live_vector)
    end, context_width = live.taste_dimensions + live.sequence_dimensions, live.sequence_dimensions
    space = _space(run, end, context_width)
    words = _stacked([row.words for row in rows], end)
    known = np.array([row.words is not None for row in rows])
    said = space.from_words(
        words, _stacked([row.word_context for row in rows], context_width), known
    )
    counts = np.array([row.counted if has_mean else 0 for row in rows])
    embeddings = shrunk(
        said[0],
        _stacked([row.observed for row in rows], end),
        counts,
        popularity_mean=_stacked([run.popularity_mean], end)[0],
        mean_embedding=space.mean_embedding,
    )
    context_embeddings = shrunk(
        said[1],
        _stacked([row.observed_context for row in rows], context_width),
        counts,
        popularity_mean=_stacked([run.popularity_mean_context], context_width)[0],
        mean_embedding=0.0,
    )
    numbers = np.array([row.item_no for row in rows], dtype=np.int32)
    vectors = space.item_vectors(numbers, embeddings, unit(context_embeddings))
    shares = run.words.get("similarity")
    return ColdItems(
        vectors,
        np.array([row.users for row in rows], dtype=np.int32),
        None
        if shares is None
        else similarity_embeddings(
            vectors, live.taste_dimensions, words, SimilarityShares(**shares)
        ),
    )


def _space(run: Row[Any], end: int, context_width: int) -> ColdItemSpace:
    mean_embedding = run.words.get("mean_embedding") or {}
    return ColdItemSpace(
        norm=run.item_norm,
        trend=run.words["trend"],
        taste_scale=run.words["taste_scale"],
        mean_embedding=np.array(mean_embedding.get("embedding") or np.zeros(end)),
        mean_context=np.array(mean_embedding.get("context_embedding") or np.zeros(context_width)),
    )


def _stacked(vectors: Sequence[Vector | None], width: int) -> Floats:
    """The first `width` numbers of vectors as rows (n, width); 0 for None."""
    rows = np.zeros((len(vectors), width))
    for row, vector in zip(rows, vectors, strict=True):
        if vector is not None:
            row[:] = vector.to_numpy()[:width]
    return rows
