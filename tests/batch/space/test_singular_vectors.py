"""Singular vectors by block Lanczos are those of a dense decomposition."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_matrix, random_array

from batch.space.singular_vectors import singular_vectors


@dataclass(frozen=True)
class Known:
    """A matrix that is there."""

    matrix: csr_matrix

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape

    def times(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self.matrix @ vectors)

    def transposed_times(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self.matrix.T @ vectors)


def sparse(size: int, density: float, seed: int) -> csr_matrix:
    random = np.random.default_rng(seed)
    scales = np.diag(random.lognormal(0.0, 1.0, size))
    dense = scales @ random_array((size, size), density=density, rng=random).toarray() @ scales
    return csr_matrix(dense.astype(np.float32))


@settings(deadline=None, max_examples=15)
@given(
    size=st.sampled_from([20, 127, 150, 400]), count=st.integers(1, 20), seed=st.integers(0, 1_000)
)
def test_they_describe_as_much_as_the_best_there_are(size: int, count: int, seed: int) -> None:
    matrix = sparse(size, 0.1, seed)
    left, values, right = singular_vectors(Known(matrix), count, seed)
    best = np.linalg.svd(matrix.toarray().astype(np.float64), compute_uv=False)[:count]
    assert np.allclose(values, best, rtol=1e-3, atol=1e-3 * best[0])
    assert np.allclose(right.T @ right, np.eye(count), atol=1e-4)
    assert np.allclose(left * values, matrix @ right, atol=1e-3 * best[0])
    described = float(((matrix @ right) ** 2).sum())
    assert described == pytest.approx(float((best**2).sum()), rel=1e-4)


@pytest.mark.parametrize("size", [50, 300])
@pytest.mark.parametrize("rank", [0, 1, 5, 30])
def test_a_matrix_of_lower_rank_has_zeros_beyond_it(size: int, rank: int) -> None:
    random = np.random.default_rng(rank)
    thin = random.standard_normal((size, rank)), random.standard_normal((rank, size))
    matrix = csr_matrix((thin[0] @ thin[1]).astype(np.float32))
    left, values, right = singular_vectors(Known(matrix), 20, 0)
    assert np.count_nonzero(values) == min(rank, 20)
    assert not left[:, rank:].any()
    assert np.isfinite(right).all()
    assert np.allclose((left * values) @ right.T, matrix.toarray(), atol=1e-2) or rank > 20


def test_the_same_seed_has_the_same_answer() -> None:
    matrix = Known(sparse(300, 0.1, 3))
    first, again = (singular_vectors(matrix, 7, 1) for _ in range(2))
    assert all(map(np.array_equal, first, again))


@pytest.mark.parametrize("size", [50, 300])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
def test_numbers_that_are_not_finite_are_refused(size: int, number: float) -> None:
    matrix = sparse(size, 0.1, 1).tolil()
    matrix[3, 4] = number
    with pytest.raises(ValueError, match="not finite"):
        singular_vectors(Known(csr_matrix(matrix)), 20, 0)


@pytest.mark.parametrize("shape", [(1, 300), (40, 1_000), (1_000, 300), (300, 1), (1, 1)])
def test_a_matrix_of_any_shape(shape: tuple[int, int]) -> None:
    dense = random_array(shape, density=0.5, rng=np.random.default_rng(1)).toarray()
    matrix = csr_matrix(dense.astype(np.float32))
    count = min(20, shape[1])
    left, values, right = singular_vectors(Known(matrix), count, 0)
    best = np.linalg.svd(matrix.toarray(), compute_uv=False)[:count]
    assert np.allclose(values[: len(best)], best, rtol=1e-3)
    assert not values[len(best) :].any()
    assert np.allclose(left * values, matrix @ right, atol=1e-3 * best.max())


def test_parts_that_have_nothing_in_common_are_all_found() -> None:
    parts = [sparse(30, 0.3, seed) for seed in range(20)]
    _, values, right = singular_vectors(Known(csr_matrix(block_diag(parts))), 40, 0)
    best = np.sort(np.concatenate([np.linalg.svd(part.toarray())[1] for part in parts]))[::-1]
    assert np.allclose(values, best[:40], rtol=1e-3)
    assert np.allclose(right.T @ right, np.eye(40), atol=1e-4)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_the_scale_of_a_matrix_is_of_no_consequence(scale: float) -> None:
    matrix = sparse(300, 0.1, 3)
    _, values, right = singular_vectors(Known(matrix), 7, 1)
    scaled = singular_vectors(Known(csr_matrix(matrix * np.float32(scale))), 7, 1)
    assert np.allclose(scaled[1] / scale, values, rtol=1e-4)
    assert np.allclose(np.abs((scaled[2] * right).sum(axis=0)), 1.0, atol=1e-3)
