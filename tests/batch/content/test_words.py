"""Words in the item space: the ridge, and items made of their words."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array

from batch.content import calibrated_words
from batch.content.catalogue_words import words_of_terms
from batch.content.cold_items import (
    SpaceWords,
    learn_space_words,
    lists_with_words,
    space_with_words,
)
from batch.content.words import ItemTerms, learn_term_vectors, ridge
from batch.fitting import Factors, gramian
from batch.history.matrix import InteractionMatrix
from batch.parameters import LiveWeights, SpaceParameters, WordParameters
from batch.space.composing import ItemComponents, ItemSpace, item_space
from batch.space.sequence import SequenceVectors
from domain.live_vector import History, live_vector

GROUPS = 4
KNOWN = 240
NEW = 40
WORDS = WordParameters()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), penalty=st.sampled_from([0.1, 1.0, 100.0]))
def test_the_ridge_is_the_dense_solution(seed: int, penalty: float) -> None:
    random = np.random.default_rng(seed)
    features = csr_matrix(random_array((30, 50), density=0.1, rng=random))
    item_embeddings = random.normal(size=(30, 3))
    weights = random.integers(1, 20, 30).astype(float)
    dense = features.toarray()
    left = dense.T @ (weights[:, None] * dense) + penalty * np.eye(50)
    expected = np.linalg.solve(left, dense.T @ (weights[:, None] * item_embeddings))
    assert np.allclose(ridge(features, item_embeddings, weights, penalty), expected, atol=1e-3)


def terms_of_groups(items: int, seed: int) -> ItemTerms:
    """Item n says the word of its group n % GROUPS, one that all say and three of chance."""
    random = np.random.default_rng(seed)
    rows = np.arange(items)
    chance = GROUPS + 1 + random.integers(0, 60, (items, 3))
    columns = np.column_stack([rows % GROUPS, np.full(items, GROUPS), chance])
    weights = csr_matrix(
        (np.ones(items * 5), (np.repeat(rows, 5), columns.ravel())), shape=(items, GROUPS + 61)
    )
    names = tuple(f"word-{column}" for column in range(GROUPS + 61))
    return ItemTerms(np.arange(1, items + 1, dtype=np.int32), names, weights)


def matrix_of(items: int, users_of: np.ndarray) -> InteractionMatrix:
    """Item n has `users_of[n]` users."""
    columns = np.repeat(np.arange(items), users_of)
    rows = np.concatenate([np.arange(count) for count in users_of])
    weights = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(50, items))
    item_nos = np.arange(1, items + 1, dtype=np.int32)
    return InteractionMatrix(np.arange(1, 51, dtype=np.int32), item_nos, weights, weights)


def space_of_groups(matrix: InteractionMatrix, seed: int) -> ItemSpace:
    """Items whose vectors are those of their group and a little chance."""
    random = np.random.default_rng(seed)
    items = len(matrix.item_nos)
    kinds = np.arange(items) % GROUPS
    centres = np.linalg.qr(random.normal(size=(8, 8)))[0][:GROUPS].astype(np.float32)
    factors, item_embeddings, context_embeddings = (
        centres[kinds] + 0.1 * random.normal(size=(items, 8)).astype(np.float32) for _ in range(3)
    )
    context_embeddings /= np.linalg.norm(context_embeddings, axis=1, keepdims=True)
    components = ItemComponents(
        item_nos=matrix.item_nos,
        factors=factors,
        degrees=np.maximum(np.bincount(matrix.weights.indices, minlength=items), 1.0),
        sequence=SequenceVectors(context_embeddings, item_embeddings),
        trends=np.full((3, items), 0.5),
    )
    parameters = SpaceParameters(factors=8, sequence_dimensions=8)
    return item_space(components, parameters, LiveWeights())


@pytest.fixture(scope="module")
def matrix() -> InteractionMatrix:
    return matrix_of(KNOWN, np.resize([1, 2, 5, 20, 40], KNOWN))


@pytest.fixture(scope="module")
def space(matrix: InteractionMatrix) -> ItemSpace:
    return space_of_groups(matrix, 1)


@pytest.fixture(scope="module")
def terms() -> ItemTerms:
    return terms_of_groups(KNOWN + NEW, 1)


@pytest.fixture(scope="module")
def learned(space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms) -> SpaceWords:
    return learn_space_words(space, matrix, terms, WORDS)


@pytest.fixture(scope="module")
def widened(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms, learned: SpaceWords
) -> ItemSpace:
    return space_with_words(space, matrix, terms, learned)


def test_new_items_are_ranked_for_those_who_like_their_group(widened: ItemSpace) -> None:
    assert widened.items.item_nos.tolist() == list(range(1, KNOWN + NEW + 1))
    new = widened.items.item_nos > KNOWN
    kinds = (widened.items.item_nos - 1) % GROUPS
    for kind in range(GROUPS):
        liked = History(np.array([kind + 1, kind + 1 + GROUPS], dtype=np.int32), np.ones(2))
        vector = live_vector(widened.space, widened.items, liked)
        scores = widened.items.vectors @ vector
        assert scores[new & (kinds == kind)].min() > scores[new & (kinds != kind)].max()


def test_a_new_item_ranks_neither_above_nor_below_known_ones_of_its_group(
    widened: ItemSpace,
) -> None:
    new = widened.items.item_nos > KNOWN
    same = (widened.items.item_nos - 1) % GROUPS == 0
    liked = History(np.array([1, 5, 9], dtype=np.int32), np.ones(3))
    scores = widened.items.vectors @ live_vector(widened.space, widened.items, liked)
    ratio = scores[new & same].mean() / scores[~new & same].mean()
    assert 0.8 < ratio < 1.25


def test_all_vectors_have_one_norm_new_items_too(widened: ItemSpace) -> None:
    norms = np.linalg.norm(widened.items.vectors, axis=1)
    assert np.allclose(norms, widened.norm, rtol=1e-4)


def test_the_gramian_is_that_of_the_known_items_as_they_are_stored(widened: ItemSpace) -> None:
    known = widened.items.item_nos <= KNOWN
    scales = widened.items.taste_scales[known, None]
    stored = widened.items.vectors[known, :8] / scales
    assert np.allclose(widened.space.gramian, gramian(stored), rtol=1e-4, atol=1e-3)


def test_words_count_less_the_more_an_item_is_used(
    space: ItemSpace, widened: ItemSpace, matrix: InteractionMatrix
) -> None:
    moved = np.linalg.norm(widened.items.vectors[:KNOWN, :16] - space.items.vectors[:, :16], axis=1)
    uses = np.bincount(matrix.weights.indices, minlength=KNOWN)
    means = [moved[uses == count].mean() for count in (1, 2, 5, 20, 40)]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.1 * means[0]


def test_where_words_count_nothing_known_items_stay_as_they_were(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms, learned: SpaceWords
) -> None:
    same = space_with_words(space, matrix, terms, replace(learned, pseudo_count=0.0))
    assert np.allclose(same.items.vectors[:KNOWN], space.items.vectors, atol=1e-5)
    assert np.allclose(
        same.items.context_embeddings[:KNOWN], space.items.context_embeddings, atol=1e-5
    )


def test_an_item_whose_words_nobody_knows_stands_amid_all_others(
    space: ItemSpace, matrix: InteractionMatrix, learned: SpaceWords
) -> None:
    strange = ItemTerms(
        np.array([KNOWN + 7], dtype=np.int32), ("never-seen",), csr_matrix(np.ones((1, 1)))
    )
    wider = space_with_words(space, matrix, strange, learned)
    assert wider.items.item_nos.tolist() == [*space.items.item_nos, KNOWN + 7]
    assert np.allclose(wider.items.vectors[:-1], space.items.vectors, atol=1e-5)
    embedded = wider.items.vectors[-1]
    assert np.allclose(embedded[:-1], space.items.vectors.mean(axis=0)[:-1], atol=1e-5)
    assert np.linalg.norm(embedded) == pytest.approx(wider.norm, rel=1e-5)
    context_embedding = space.items.context_embeddings.mean(axis=0)
    assert np.allclose(
        wider.items.context_embeddings[-1],
        context_embedding / np.linalg.norm(context_embedding),
        atol=1e-5,
    )


def test_an_item_that_was_only_disliked_is_new(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms
) -> None:
    weights = matrix.weights.copy()
    weights.data[weights.indices == 0] = -1.0
    disliked = replace(matrix, weights=weights)
    words = words_of_terms(terms, space, disliked, WORDS)
    assert words.users[:2].tolist() == [0, 2]
    assert (words.users[KNOWN:] == 0).all()
    assert words.space.items.item_nos.tolist() == list(range(1, KNOWN + NEW + 1))
    assert words.space.items.taste_scales[0] == words.learned.taste_scale
    assert words.described()["items_made_of_words"] == NEW + 1
    assert words.described()["unknown_items"] == 0


def test_a_catalogue_without_words_is_left_alone(
    space: ItemSpace, matrix: InteractionMatrix
) -> None:
    silent = ItemTerms(space.items.item_nos, (), csr_matrix((KNOWN, 0)))
    learned = learn_space_words(space, matrix, silent, WORDS)
    same = space_with_words(space, matrix, silent, learned)
    assert np.array_equal(same.items.item_nos, space.items.item_nos)
    assert np.allclose(same.items.vectors, space.items.vectors, atol=1e-5)


def test_the_nightly_lists_know_new_items_and_nobody_has_seen_them(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms
) -> None:
    factors = Factors(np.eye(50, 8, dtype=np.float32), space.items.vectors[:, :8])
    extended, wider = lists_with_words(factors, matrix, terms, WORDS, sequence_dimensions=0)
    assert extended.items.shape == (KNOWN + NEW, 8)
    assert wider.item_nos.tolist() == list(range(1, KNOWN + NEW + 1))
    assert wider.weights.shape == wider.seen.shape == (50, KNOWN + NEW)
    assert wider.seen[:, KNOWN:].nnz == 0
    assert (wider.weights[:, :KNOWN] != matrix.weights).nnz == 0


def test_each_part_of_the_lists_has_items_made_of_words_as_long_as_others(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms
) -> None:
    clear = space.items.vectors[:, :8]
    # Of the shorter part words foresee the half alone.
    noise = np.random.default_rng(3).normal(size=clear.shape).astype(np.float32)
    short = clear + 0.7 * noise
    factors = Factors(np.eye(50, 16, dtype=np.float32), np.hstack([short, 10.0 * clear]))
    words = replace(WORDS, pseudo_count=0.0)

    def length_of_new(sequence_dimensions: int) -> float:
        made, _ = lists_with_words(
            factors, matrix, terms, words, sequence_dimensions=sequence_dimensions
        )
        return float((made.items[KNOWN:, :8] ** 2).sum(axis=1).mean())

    length = float((short**2).sum(axis=1).mean())
    assert length_of_new(8) == pytest.approx(length, rel=0.3)
    assert length_of_new(0) < 0.9 * length_of_new(8)


def test_lists_of_many_factors_are_judged_by_some_and_lengthened_in_all(
    matrix: InteractionMatrix, terms: ItemTerms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrated_words, "_MANY_ITEMS", KNOWN - 1)
    random = np.random.default_rng(2)
    centres = random.normal(size=(GROUPS, 300)).astype(np.float32)
    items = centres[np.arange(KNOWN) % GROUPS] + random.normal(size=(KNOWN, 300)).astype(np.float32)
    of_log = Factors(np.eye(50, 300, dtype=np.float32), items)
    words = replace(WORDS, pseudo_count=0.0)
    factors, _ = lists_with_words(of_log, matrix, terms, words, sequence_dimensions=0)
    known, new = factors.items[:KNOWN], factors.items[KNOWN:]
    assert np.allclose(known, items, atol=1e-5)
    lengths = [float((part**2).sum(axis=1).mean()) for part in (known[:, ::2], new[:, ::2])]
    assert lengths[1] == pytest.approx(lengths[0], rel=0.3)


@given(longer=st.integers(2, 50))
@settings(deadline=None, max_examples=10)
def test_a_text_that_goes_on_and_on_says_no_more_than_the_longest(
    longer: int, space: ItemSpace, terms: ItemTerms
) -> None:
    known = terms.of(space.items.item_nos)
    words = learn_term_vectors(known, space.items.vectors, np.ones(KNOWN), WORDS, penalty=1.0)
    long = replace(known, weights=csr_matrix(known.weights * (1000 * longer)))
    longer_still = replace(known, weights=csr_matrix(long.weights * 2))
    assert np.allclose(words.sums(long), words.sums(longer_still))


def test_rare_terms_are_not_learned_and_the_most_frequent_are_kept(terms: ItemTerms) -> None:
    vectors = np.ones((KNOWN + NEW, 1))
    few = replace(WORDS, fewest_items=30, most_terms=GROUPS + 1)
    words = learn_term_vectors(terms, vectors, np.ones(KNOWN + NEW), few, penalty=1.0)
    assert words.terms == tuple(f"word-{group}" for group in range(GROUPS + 1))
