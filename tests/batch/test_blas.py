"""BLAS has one thread where something is fitted or measured, and afterwards what it had."""

from threading import Thread

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from batch.blas import one_blas_thread


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_has_one_thread_in_a_block_and_in_a_decorated_function() -> None:
    assert np.ones((2, 2)).sum() == 4.0
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with one_blas_thread():
            assert blas_threads() == {1}
        assert one_blas_thread()(blas_threads)() == {1}
        assert blas_threads() == before


def test_what_is_raised_in_the_block_restores_the_threads_too() -> None:
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with pytest.raises(ValueError, match="no figure"), one_blas_thread():
            raise ValueError("no figure")
        assert blas_threads() == before


def test_a_block_that_ends_in_one_thread_leaves_the_number_to_one_that_goes_on_in_another() -> None:
    def other() -> None:
        with one_blas_thread():
            pass

    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with one_blas_thread():
            thread = Thread(target=other)
            thread.start()
            thread.join()
            assert blas_threads() == {1}
        assert blas_threads() == before
