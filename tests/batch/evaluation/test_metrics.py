"""The metrics agree with slow and obvious ones."""

import math
from collections.abc import Callable, Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.evaluation import metrics
from batch.history.splitting import Relevant
from batch.lists.nightly_lists import NO_ITEM, Lists

Case = dict[int, tuple[list[int], set[int]]]
"""Of each user, the listed items and the liked ones."""

DEPTH = 5
LISTS = st.dictionaries(
    st.integers(1, 9),
    st.tuples(
        st.lists(st.integers(1, 12), unique=True, max_size=DEPTH),
        st.sets(st.integers(1, 12), min_size=1),
    ),
    min_size=1,
)
CUT_OFFS = st.integers(1, DEPTH + 3)


def lists_of(case: Case) -> Lists:
    users = sorted(case)
    rows = [case[user][0] + [NO_ITEM] * (DEPTH - len(case[user][0])) for user in users]
    item_nos = np.array(rows, dtype=np.int32)
    return Lists(np.array(users, dtype=np.int32), item_nos, np.zeros(item_nos.shape, np.float32))


def relevant_of(case: Case) -> Relevant:
    pairs = sorted((user, item) for user in case for item in case[user][1])
    users, items = zip(*pairs, strict=True)
    return Relevant(np.array(users, dtype=np.int32), np.array(items, dtype=np.int32))


def by_user(case: Case) -> Iterator[tuple[list[int], set[int]]]:
    return (case[user] for user in sorted(case))


def agree(measured: np.ndarray, case: Case, slow: Callable[[list[int], set[int]], float]) -> bool:
    expected = [slow(listed, liked) for listed, liked in by_user(case)]
    return np.allclose(measured, expected, atol=1e-12)


@given(case=LISTS, k=CUT_OFFS)
def test_ndcg_and_recall_agree_with_their_definitions(case: Case, k: int) -> None:
    def slow_ndcg(listed: list[int], liked: set[int]) -> float:
        gain = sum(1 / math.log2(rank + 2) for rank, item in enumerate(listed[:k]) if item in liked)
        return gain / sum(1 / math.log2(rank + 2) for rank in range(min(k, len(liked))))

    lists, relevant = lists_of(case), relevant_of(case)
    hits = metrics.hits_of(lists, relevant)
    wanted = metrics.relevant_counts(lists.user_nos, relevant)
    assert agree(metrics.ndcg(hits, wanted, k), case, slow_ndcg)
    assert agree(
        metrics.recall(hits, wanted, k),
        case,
        lambda listed, liked: len(liked & set(listed[:k])) / len(liked),
    )


@given(case=LISTS, k=CUT_OFFS)
def test_a_hit_is_one_relevant_item_among_the_first_k(case: Case, k: int) -> None:
    hits = metrics.hits_of(lists_of(case), relevant_of(case))
    assert agree(
        metrics.hit_rate(hits, k), case, lambda listed, liked: any(i in liked for i in listed[:k])
    )


@given(case=LISTS)
def test_the_reciprocal_rank_is_that_of_the_first_relevant_item(case: Case) -> None:
    def slow(listed: list[int], liked: set[int]) -> float:
        for rank, item in enumerate(listed, start=1):
            if item in liked:
                return 1 / rank
        return 0.0

    hits = metrics.hits_of(lists_of(case), relevant_of(case))
    assert agree(metrics.reciprocal_rank(hits), case, slow)


@settings(deadline=None)
@given(case=LISTS, k=CUT_OFFS, knowers=st.lists(st.integers(1, 40), min_size=12, max_size=12))
def test_novelty_is_the_mean_surprise_in_bits_of_the_listed_items(
    case: Case, k: int, knowers: list[int]
) -> None:
    def slow(listed: list[int], _liked: set[int]) -> float:
        bits = [-math.log2(knowers[item - 1] / 40) for item in listed[:k]]
        return sum(bits) / len(bits) if bits else 0.0

    item_nos = np.arange(1, 13, dtype=np.int32)
    known = np.array(knowers, dtype=np.float64)
    assert agree(metrics.novelty(lists_of(case), item_nos, known, 40, k), case, slow)


@given(case=LISTS)
def test_coverage_is_the_share_of_items_that_somebody_is_shown(case: Case) -> None:
    shown = {item for listed, _ in case.values() for item in listed}
    assert metrics.coverage(lists_of(case).item_nos, 12) == len(shown) / 12
