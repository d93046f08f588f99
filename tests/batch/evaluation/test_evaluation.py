"""The score of factors is what their lists earn, user by user."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.engines.implicit_engine import ImplicitEngine
from batch.evaluation.holdout import fit_past, hold_out
from batch.evaluation.scoring import CUT_OFFS, score
from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.matrix import interaction_matrix
from batch.history.splitting import Relevant
from batch.parameters import ListHyperparameters
from batch.settings import BatchSettings
from batch.space.sequence import SequenceVectors


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
    assert figures.past_items.tolist() == [4] * len(expected)
    assert set(figures.by_user) == {"mrr", "novelty@20"} | {
        f"{name}@{k}" for name in ("ndcg", "recall", "hit_rate") for k in CUT_OFFS
    }
    assert all(len(values) == len(expected) for values in figures.by_user.values())


def test_a_fit_on_the_past_takes_what_is_known_of_its_sequences(
    make_interactions: Callable[..., Interactions],
) -> None:
    random = np.random.default_rng(0)
    drawn = random.integers(1, 30, (600, 2))
    log = make_interactions([(int(u), int(i), 1, day) for day, (u, i) in enumerate(drawn)])
    held_out = hold_out(log, BatchSettings.model_construct())
    known = SequenceVectors(*random.normal(size=(2, len(held_out.past.item_nos), 4)))
    hyperparameters = ListHyperparameters(factors=4, iterations=2, sequence_weight=0.5)
    fitted = fit_past(replace(held_out, sequence=known), hyperparameters, engine=ImplicitEngine(1))
    # Both fits side by side, and then what is known of sequences.
    assert fitted.items.shape[1] == 4 + 4 + 4
