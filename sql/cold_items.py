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
    TermVectors,
    shrunk,
    similarity_embeddings,
    unit,
)
from domain.identifiers import ItemNo, RunId
from domain.live_vector import Floats, ItemVectors, LiveVectorParameters
from sql.statements import statements
from sql.vectors import VectorArray, vectors_sent

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
        "embeddings": VectorArray(list(cold.vectors.vectors)),
        "context_embeddings": VectorArray(
            [row if has_context else None for row in cold.vectors.context_embeddings]
        ),
        "users": cold.users.tolist(),
        "taste_scale": float(cold.vectors.taste_scales[0]),
    }
    written = connection.execute(_COLD_ITEMS["store_cold_items"], embedded).all()
    if cold.similarity_vectors is not None:
        compared = rows | {"similarity_vectors": VectorArray(list(cold.similarity_vectors))}
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
    rows = connection.execute(_COLD_ITEMS["load_cold_items"], asked).all()
    live = LiveVectorParameters(**run.live_vector)
    end, context_width = live.taste_dimensions + live.sequence_dimensions, live.sequence_dimensions
    space = _space(run, end, context_width)
    sums, known = _sums_of_words(connection, run_id, rows, run.words["longest"], live)
    if not has_mean:
        rows = [row for row, is_known in zip(rows, known, strict=True) if is_known]
        sums, known = sums[known], known[known]
    if not rows:
        return None
    words = sums[:, :end]
    predicted = space.from_words(words, sums[:, end:], known)
    counts = np.array([row.counted if has_mean else 0 for row in rows])
    embeddings = shrunk(
        predicted[0],
        vectors_sent([row.observed for row in rows], end),
        counts,
        popularity_mean=_numbers(run.popularity_mean, end),
        mean_embedding=space.mean_embedding,
    )
    context_embeddings = shrunk(
        predicted[1],
        vectors_sent([row.observed_context for row in rows], context_width),
        counts,
        popularity_mean=_numbers(run.popularity_mean_context, context_width),
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


def _sums_of_words(
    connection: Connection,
    run_id: RunId,
    rows: Sequence[Row[Any]],
    longest: float,
    live: LiveVectorParameters,
) -> tuple[Floats, NDArray[np.bool_]]:
    """What the words of items say (n, d + s), and whether the run knows any of them (n,).

    Each term is read once, however many items have it.
    """
    context_width = live.sequence_dimensions
    end = live.taste_dimensions + context_width
    asked = {"run_id": run_id, "terms": sorted({term for row in rows for term in row.terms})}
    found = connection.execute(_COLD_ITEMS["load_terms"], asked).all()
    vectors = [
        vectors_sent([term.embedding for term in found], end),
        vectors_sent([term.context_embedding for term in found], context_width),
    ]
    idf = np.array([term.idf for term in found], dtype=np.float64)
    terms = TermVectors(idf, np.hstack(vectors), longest)
    index_of = {term.term: index for index, term in enumerate(found)}
    sums, known = np.zeros((len(rows), end + context_width)), np.zeros(len(rows), dtype=np.bool_)
    for number, row in enumerate(rows):
        given = zip(row.terms, row.weights, strict=True)
        held = sorted((index_of[term], weight) for term, weight in given if term in index_of)
        if held:
            sums[number] = terms.sum_of(*zip(*held, strict=True))
            known[number] = True
    return sums, known


def _numbers(vector: Vector | None, width: int) -> Floats:
    """The first `width` numbers of a vector; 0 for None."""
    return np.zeros(width) if vector is None else vector.to_numpy()[:width].astype(np.float64)
