"""Lists hold the best items, and never what they must not hold."""

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.matrix import interaction_matrix
from batch.lists.nightly_lists import NO_ITEM, all_lists


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    length=st.integers(1, 20),
    chunk_users=st.integers(1, 7),
    left_out=st.sets(st.integers(1, 15)),
)
def test_a_list_is_the_best_of_what_is_unseen_and_available(
    make_interactions: Callable[..., Interactions],
    seed: int,
    length: int,
    chunk_users: int,
    left_out: set[int],
) -> None:
    random = np.random.default_rng(seed)
    events = [
        (int(user), int(item), int(kind), 0)
        for user, item, kind in random.integers(1, [7, 16, 5], size=(25, 3))
    ]
    matrix = interaction_matrix(make_interactions(events), np.datetime64("2026-02-01", "us"))
    factors = Factors(
        random.normal(size=(len(matrix.user_nos), 3)).astype(np.float32),
        random.normal(size=(len(matrix.item_nos), 3)).astype(np.float32),
    )
    chunks = all_lists(
        matrix,
        factors,
        length=length,
        left_out=np.array(sorted(left_out), dtype=np.int32),
        chunk_users=chunk_users,
    )
    users = []
    for lists in chunks:
        assert len(lists.user_nos) <= chunk_users
        for user, item_nos in zip(lists.user_nos, lists.item_nos, strict=True):
            users.append(int(user))
            row = int(np.searchsorted(matrix.user_nos, user))
            scores = factors.items @ factors.users[row]
            barred = left_out | set(matrix.item_nos[matrix.seen[row].indices].tolist())
            ranked = [int(no) for no in matrix.item_nos[np.argsort(-scores)]]
            expected = [no for no in ranked if no not in barred][:length]
            assert [int(no) for no in item_nos if no != NO_ITEM] == expected
    assert users == matrix.user_nos[matrix.rows_who_like()].tolist()
