"""However large the blocks are that a night looks at, it learns the same to the last bit."""

import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array

from batch.content.cold_items import _widened
from batch.engines.implicit_engine import ImplicitEngine
from batch.history import following, slicing
from batch.history.following import following_counts
from batch.history.interactions import Interactions
from batch.history.matrix import (
    InteractionMatrix,
    confidences,
    interaction_matrix,
    item_degrees,
    like_counts,
    mean_weight,
    put_aside,
)
from batch.history.row_blocks import BlockStore, RowBlocks
from batch.history.splitting import split_by_time
from batch.lists.listed_sequence import sequence_factors
from batch.lists.popularity import popular
from batch.parameters import AlsParameters, SpaceParameters
from batch.settings import BatchSettings
from batch.space import sequence as sequences
from batch.space.sequence import SequenceVectors, sequence_vectors

MakeInteractions = Callable[..., Interactions]
ITEMS = 14
SPACE = SpaceParameters(window=4, sequence_half_life_days=10.0, sequence_dimensions=5)
SIZES = st.integers(1, 60)


def log(interactions: MakeInteractions, seed: int, users: int = 25) -> Interactions:
    """Some users do far more than others, and nothing is a round number."""
    random = np.random.default_rng(seed)
    events = 20 * users
    return interactions(
        list(
            zip(
                (1 + users * random.random(events) ** 3).astype(int).tolist(),
                (1 + ITEMS * random.random(events) ** 2).astype(int).tolist(),
                random.choice([1, 2, 2, 3, 4], events).tolist(),
                random.uniform(0, 50, events).tolist(),
                strict=True,
            )
        )
    ).in_time_order()


@contextmanager
def blocks_of(size: int) -> Iterator[None]:
    """Interactions, users and cells are looked at so many at a time."""
    with pytest.MonkeyPatch.context() as patched:
        for function in (
            slicing.slices,
            slicing.row_slices,
            Interactions.slices,
            Interactions.by_users,
        ):
            patched.setattr(function, "__defaults__", (size,))
        yield


def arrays_of(matrix: csr_matrix) -> list[np.ndarray[Any, Any]]:
    return [matrix.data, matrix.indices, matrix.indptr]


def same(found: list[np.ndarray[Any, Any]], wanted: list[np.ndarray[Any, Any]]) -> bool:
    return all(
        own.dtype == other.dtype and np.array_equal(own, other)
        for own, other in zip(found, wanted, strict=True)
    )


def learned(history: Interactions) -> list[np.ndarray[Any, Any]]:
    """All that is put together of parts of users, or of cells."""
    as_of = history.newest()
    matrix = interaction_matrix(history, as_of, decay_per_year=3.0)
    random = np.random.default_rng(1)
    vectors = SequenceVectors(*random.normal(size=(2, len(matrix.item_nos), 4)).astype(np.float32))
    als = AlsParameters(4, 1, 1.0, 20.0, user_exponent=0.4, item_exponent=0.3)
    ranking = popular(history, as_of, BatchSettings(popular_days=20.0, fewest_popular_items=1))
    return [
        matrix.user_nos,
        matrix.item_nos,
        *arrays_of(matrix.weights),
        *arrays_of(matrix.seen),
        *arrays_of(confidences(matrix, als)),
        np.array([mean_weight(matrix, 0.4, 0.3)]),
        matrix.rows_who_like(),
        item_degrees(matrix),
        like_counts(matrix),
        sequence_factors(vectors, matrix, history).users,
        ranking.item_nos,
        split_by_time(history, 0.3).future.item_nos,
    ]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), size=SIZES)
def test_what_is_learned_of_parts_of_any_size_is_the_same(
    make_interactions: MakeInteractions, seed: int, size: int
) -> None:
    history = log(make_interactions, seed)
    wanted = learned(history)
    with blocks_of(size):
        assert len(list(history.by_users())) > 1
        assert same(learned(history), wanted)


def counted_in_one_piece(
    history: Interactions, item_nos: np.ndarray[Any, Any], as_of: np.datetime64
) -> csr_matrix:
    """The counts of the parts of users added up with all their rows."""
    counts = csr_matrix((len(item_nos), len(item_nos)))
    for part in history.by_users():
        counts = counts + following._counts_of(part, item_nos, as_of, SPACE)
    counts = counts.tolil()
    counts.setdiag(0.0)
    return csr_matrix(counts)


def informed_in_one_piece(counts: csr_matrix, smoothing: float) -> csr_matrix:
    pairs = counts.tocoo()
    rows = np.asarray(counts.sum(axis=1)).ravel()
    contexts = np.asarray(counts.sum(axis=0)).ravel() ** smoothing
    information = np.log(pairs.data * contexts.sum() / (rows[pairs.row] * contexts[pairs.col]))
    kept = information > 0.0
    return csr_matrix((information[kept], (pairs.row[kept], pairs.col[kept])), shape=counts.shape)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1000),
    users_at_once=SIZES,
    pairs_at_once=st.integers(1, 300),
    held_bytes=st.sampled_from([0, 1_000, 1 << 30]),
)
def test_what_follows_what_is_the_same_in_blocks_of_any_size_in_memory_or_not(
    make_interactions: MakeInteractions,
    seed: int,
    users_at_once: int,
    pairs_at_once: int,
    held_bytes: int,
) -> None:
    history = log(make_interactions, seed)
    as_of, item_nos = history.newest(), np.unique(history.item_nos)
    with pytest.MonkeyPatch.context() as patched:
        # Users are counted in parts, and sums are rounded by them: they stay as they are.
        patched.setattr(Interactions.by_users, "__defaults__", (users_at_once,))
        patched.setattr(BlockStore.__init__, "__defaults__", (None, held_bytes))
        patched.setattr(sequences, "_HELD_BYTES", held_bytes)
        patched.setattr(
            "batch.engines.implicit_engine.following_counts",
            partial(following_counts, pairs_at_once=pairs_at_once),
        )
        counts = ImplicitEngine(1).following_counts(history, item_nos, as_of, SPACE)
        wanted = counted_in_one_piece(history, item_nos, as_of)
        assert same(arrays_of(counts.whole()), arrays_of(wanted))
        vectors = sequence_vectors(history, item_nos, as_of, SPACE, engine=ImplicitEngine(1))
    information = informed_in_one_piece(wanted, SPACE.smoothing)
    whole = sequences._Products(len(item_nos), BlockStore())
    whole.append(information)
    expected = sequences._factorised(whole, SPACE.sequence_dimensions, SPACE.seed)
    assert np.array_equal(vectors.context_embeddings, expected.context_embeddings)
    assert np.array_equal(vectors.item_embeddings, expected.item_embeddings)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), bounds=st.lists(st.integers(0, 30), max_size=4))
def test_products_are_those_of_the_whole_matrix_to_the_last_bit(
    seed: int, bounds: list[int]
) -> None:
    random = np.random.default_rng(seed)
    matrix = csr_matrix(random_array((30, 30), density=0.3, rng=random)).astype(np.float32)
    vectors = random.standard_normal((30, 4)).astype(np.float32)
    products = sequences._Products(30, BlockStore())
    for start, end in pairwise([0, *sorted(bounds), 30]):
        products.append(matrix[start:end])
    assert np.array_equal(products.times(vectors), matrix @ vectors)
    assert np.array_equal(products.transposed_times(vectors), matrix.T @ vectors)


def test_products_hold_one_block_at_a_time() -> None:
    matrix = csr_matrix(random_array((2_000, 2_000), density=0.01, rng=np.random.default_rng(1)))
    products = sequences._Products(2_000, BlockStore())
    for start in range(0, 2_000, 20):
        products.append(matrix[start : start + 20])
    vectors = np.ones((2_000, 16), dtype=np.float32)
    for times in (products.times, products.transposed_times):
        tracemalloc.start()
        try:
            times(vectors)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 6 * vectors.nbytes


def test_rows_with_many_pairs_are_blocks_of_their_own(make_interactions: MakeInteractions) -> None:
    history = log(make_interactions, 3)
    item_nos = np.unique(history.item_nos)
    counts = following_counts(history, item_nos, history.newest(), SPACE, pairs_at_once=20)
    sizes = [block.shape[0] for block in counts]
    assert sum(sizes) == counts.rows == len(item_nos)
    assert len(sizes) > 3
    assert counts.cells == sum(block.nnz for block in counts) > 0


@settings(deadline=None)
@given(
    rows=st.lists(st.integers(0, 5), min_size=1, max_size=6),
    held_bytes=st.integers(0, 800),
    order=st.randoms(use_true_random=False),
)
def test_a_store_answers_what_it_was_given_from_memory_or_its_file(
    rows: list[int], held_bytes: int, order: Any
) -> None:
    given_ = [
        csr_matrix(random_array((count, 6), density=0.5, rng=number))
        for number, count in enumerate(rows)
    ]
    store, whole = BlockStore(held_bytes=held_bytes), RowBlocks(6, BlockStore(held_bytes=0))
    kept = []
    for matrix in given_:
        kept.append((store.keep(matrix), matrix))
        whole.append(matrix)
    order.shuffle(kept)
    assert all(same(arrays_of(read()), arrays_of(matrix)) for read, matrix in kept)
    expected = np.concatenate([matrix.toarray() for matrix in given_])
    assert np.array_equal(whole.whole().toarray(), expected)


def test_several_threads_read_what_is_in_a_file() -> None:
    store = BlockStore(held_bytes=0)
    given_ = [csr_matrix(random_array((500, 50), density=0.5, rng=n)) for n in range(4)]
    kept = [(store.keep(matrix), matrix) for matrix in given_]

    def all_the_same(part: int) -> bool:
        read, matrix = kept[part]
        return all(same(arrays_of(read()), arrays_of(matrix)) for _ in range(50))

    with ThreadPoolExecutor(len(kept)) as executor:
        assert all(executor.map(all_the_same, range(len(kept))))


def test_a_matrix_put_aside_is_read_again_as_it_was(
    make_interactions: MakeInteractions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is as small as this one would stay in memory.
    monkeypatch.setattr("batch.history.matrix._HELD_BYTES", 0)
    history = log(make_interactions, 4)
    matrix = interaction_matrix(history, history.newest())
    again = put_aside(matrix, tmp_path)()
    assert again.user_nos.tolist() == matrix.user_nos.tolist()
    assert again.item_nos.tolist() == matrix.item_nos.tolist()
    for own, before in ((again.weights, matrix.weights), (again.seen, matrix.seen)):
        assert own.shape == before.shape
        assert same(arrays_of(own), arrays_of(before))
        assert not np.shares_memory(own.data, before.data)


def test_new_items_take_their_place_among_the_columns(make_interactions: MakeInteractions) -> None:
    history = log(make_interactions, 5)
    matrix = interaction_matrix(history, history.newest())
    item_nos = np.array([*matrix.item_nos, 0, 7_000, -3], dtype=np.int32)
    wider: InteractionMatrix = _widened(matrix, item_nos, np.argsort(item_nos))
    assert wider.item_nos.tolist() == sorted(item_nos.tolist())
    for own, before in ((wider.weights, matrix.weights), (wider.seen, matrix.seen)):
        assert own.has_sorted_indices
        assert np.array_equal(own.toarray()[:, 2:-1], before.toarray())
        assert not own.toarray()[:, [0, 1, -1]].any()
