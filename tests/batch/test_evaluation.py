"""The metrics agree with slow and obvious ones."""

import math
from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.evaluation import coverage, hits_of, ndcg, recall, relevant_counts, score
from batch.fitting import Factors
from batch.history import Interactions
from batch.lists import NO_ITEM, Lists
from batch.matrix import interaction_matrix
from batch.splitting import Relevant

LISTS = st.dictionaries(
    st.integers(1, 9),
    st.tuples(
        st.lists(st.integers(1, 12), unique=True, max_size=5),
        st.sets(st.integers(1, 12), min_size=1),
    ),
    min_size=1,
)


def lists_of(case: dict[int, tuple[list[int], set[int]]]) -> Lists:
    users = sorted(case)
    rows = [case[user][0] + [NO_ITEM] * (5 - len(case[user][0])) for user in users]
    item_nos = np.array(rows, dtype=np.int32)
    return Lists(np.array(users, dtype=np.int32), item_nos, np.zeros(item_nos.shape, np.float32))


def relevant_of(case: dict[int, tuple[list[int], set[int]]]) -> Relevant:
    pairs = sorted((user, item) for user in case for item in case[user][1])
    users, items = zip(*pairs, strict=True)
    return Relevant(np.array(users, dtype=np.int32), np.array(items, dtype=np.int32))


@given(case=LISTS)
def test_ndcg_and_recall_agree_with_their_definitions(
    case: dict[int, tuple[list[int], set[int]]],
) -> None:
    lists, relevant = lists_of(case), relevant_of(case)
    hits, wanted = hits_of(lists, relevant), relevant_counts(lists.user_nos, relevant)
    for place, user in enumerate(sorted(case)):
        listed, liked = case[user]
        gain = sum(1 / math.log2(rank + 2) for rank, item in enumerate(listed) if item in liked)
        ideal = sum(1 / math.log2(rank + 2) for rank in range(min(5, len(liked))))
        assert math.isclose(ndcg(hits, wanted)[place], gain / ideal)
        assert math.isclose(recall(hits, wanted)[place], len(liked & set(listed)) / len(liked))


@given(case=LISTS)
def test_coverage_is_the_share_of_items_that_somebody_is_shown(
    case: dict[int, tuple[list[int], set[int]]],
) -> None:
    shown = {item for listed, _ in case.values() for item in listed}
    assert coverage(lists_of(case).item_nos, 12) == len(shown) / 12


@settings(deadline=None)
@given(seed=st.integers(0, 1000), chunk_users=st.integers(1, 7))
def test_the_score_is_the_mean_over_users_whatever_the_chunks(
    make_interactions: Callable[..., Interactions], seed: int, chunk_users: int
) -> None:
    random = np.random.default_rng(seed)
    events = [(u, i, 1, 0) for u in range(1, 7) for i in random.choice(30, 4, replace=False) + 1]
    past = interaction_matrix(make_interactions(events), np.datetime64("2026-02-01", "us"))
    factors = Factors(
        random.normal(size=(len(past.user_nos), 3)).astype(np.float32),
        random.normal(size=(len(past.item_nos), 3)).astype(np.float32),
    )
    pairs = sorted({(int(u), int(i)) for u, i in random.integers(1, [7, 31], size=(12, 2))})
    relevant = Relevant(*(np.array(column, dtype=np.int32) for column in zip(*pairs, strict=True)))
    figures = score(past, factors, relevant, chunk_users=chunk_users)

    scores = factors.users @ factors.items.T
    expected = []
    for user in relevant.users():
        row = list(past.user_nos).index(user)
        seen = set(past.item_nos[past.seen[row].indices])
        best = [past.item_nos[c] for c in np.argsort(-scores[row])]
        listed = [item for item in best if item not in seen][:20]
        liked = {item for u, item in pairs if u == user}
        gain = sum(1 / math.log2(rank + 2) for rank, item in enumerate(listed) if item in liked)
        expected.append(gain / sum(1 / math.log2(r + 2) for r in range(min(20, len(liked)))))
    assert math.isclose(figures.ndcg, float(np.mean(expected)), abs_tol=1e-9)
    assert figures.users == len(expected)
