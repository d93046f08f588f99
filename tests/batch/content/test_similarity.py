"""How similar items are: one inner product of taste, context and words, in SQL as in the night."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from batch.bulk import bulk_connection
from batch.content.catalogue_words import CatalogueWords
from batch.content.similarity import (
    all_similarity_embeddings,
    similarity_dimensions,
    store_similarity_embeddings,
)
from batch.history.matrix import InteractionMatrix
from batch.space.embeddings import store_item_vectors
from domain.cold_items import SimilarityShares, similarity_embeddings
from domain.identifiers import RunId
from domain.live_vector import ItemVectors
from sql.cold_items import make_cold_items
from tests.batch.content.test_catalogue_words import item_nos, matrix, night, space

__all__ = ["item_nos", "matrix", "night", "space"]

SHARES = SimilarityShares()


def items_of(taste: np.ndarray, context_embeddings: np.ndarray) -> ItemVectors:
    count = len(taste)
    vectors = np.hstack([taste, np.ones((count, 2))]).astype(np.float32)
    numbers = np.arange(1, count + 1, dtype=np.int32)
    return ItemVectors(
        numbers, vectors, context_embeddings.astype(np.float32), np.ones(count), np.ones(count)
    )


@settings(deadline=None)
@given(seed=st.integers(0, 1000), silent=st.booleans(), unheard=st.booleans())
def test_a_similarity_is_the_weighted_sum_of_three_cosines(
    seed: int,
    silent: bool,  # noqa: FBT001
    unheard: bool,  # noqa: FBT001
) -> None:
    random = np.random.default_rng(seed)
    taste, context_embeddings, from_words = (random.normal(size=(2, d)) for d in (3, 2, 5))
    from_words[0] *= not silent
    context_embeddings[1] *= not unheard
    first, other = similarity_embeddings(items_of(taste, context_embeddings), 3, from_words, SHARES)

    def cosine(pair: np.ndarray) -> float:
        lengths = np.linalg.norm(pair, axis=1)
        return float(pair[0] @ pair[1] / lengths.prod()) if lengths.all() else 0.0

    expected = 0.35 * cosine(taste) + 0.35 * cosine(context_embeddings) + 0.3 * cosine(from_words)
    assert first @ other == pytest.approx(expected, abs=1e-5)
    assert np.linalg.norm(first) <= 1 + 1e-6


def test_without_a_sequence_part_taste_has_its_share() -> None:
    shares = SHARES.without_sequence()
    assert (shares.taste, shares.context, shares.words) == (pytest.approx(0.7), 0.0, 0.3)


def test_the_night_and_a_cold_item_from_the_store_are_alike_in_the_same_way(
    engine: Engine,
    database_url: str,
    night: tuple[RunId, CatalogueWords],
    matrix: InteractionMatrix,
) -> None:
    run_id, words = night
    with engine.begin() as connection:
        connection.execute(text("update items set title = '', categories = '{}', description = '',"
                                " attributes = '{}' where item_no = 3"))  # fmt: skip
    with bulk_connection(database_url) as bulk:
        store_item_vectors(bulk, run_id, words.space.items, words.users)
        terms = words.terms
        weights = terms.weights.tolil()
        weights[terms.item_nos == 3] = 0
        silenced = type(terms)(terms.item_nos, terms.terms, weights.tocsr())
        store_similarity_embeddings(
            bulk, run_id, all_similarity_embeddings(words.space, silenced, words.learned)
        )
    with engine.begin() as connection:
        # None is made of its users then.
        connection.execute(text("update item_embeddings set users = 0"))
        rows = connection.execute(
            text(
                "select item_no, similarity_embedding from item_similarity_embeddings order by"
                " item_no"
            )
        ).all()
        made = make_cold_items(connection, run_id, words.space.items.item_nos.tolist())
    assert made is not None
    new = np.flatnonzero(~np.isin(words.space.items.item_nos, matrix.item_nos))
    assert len(new)
    assert [row.item_no for row in rows] == words.space.items.item_nos.tolist()
    stored = np.stack([row.similarity_embedding.to_numpy() for row in rows])
    assert stored.shape[1] == similarity_dimensions(words.space)
    assert made.similarity_vectors is not None
    assert np.allclose(stored[new], made.similarity_vectors[new], atol=1e-4)


def test_a_text_in_sql_is_alike_as_an_item_made_of_it_is(
    engine: Engine, night: tuple[RunId, CatalogueWords]
) -> None:
    run_id, words = night
    learned, end = words.learned, words.learned.item_dimensions
    sums = learned.words.sums(words.terms)
    expected = similarity_embeddings(
        items_of(sums[:, :end], sums[:, end:]), 4, sums[:, :end], learned.similarity
    )
    query = text("select similarity_embedding_of_words(:run_id, words) from items order by item_no")
    with engine.connect() as connection:
        rows = connection.execute(query, {"run_id": run_id}).scalars().all()
    assert np.allclose(np.stack([row.to_numpy() for row in rows]), expected, atol=1e-4)
