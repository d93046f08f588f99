"""The promotion gate refuses what is worse beyond chance, and says so with the figures."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.evaluation.comparison import Comparison
from batch.evaluation.promotion_gate import Size, judge
from batch.evaluation.scoring import CUT_OFFS, Figures
from batch.settings import BatchSettings

SETTINGS = BatchSettings()
GROWN = Size(interactions=1000, served_interactions=900)
USERS = 50
SHARES = st.floats(0, 1)


def figures(ndcgs: float | Sequence[float]) -> Figures:
    """Figures whose metrics all are the given nDCG, of one or of each user."""
    values = np.broadcast_to(np.asarray(ndcgs, dtype=np.float64), (USERS,))
    names = [f"{name}@{k}" for name in ("ndcg", "recall", "hit_rate") for k in CUT_OFFS]
    return Figures(
        by_user=dict.fromkeys([*names, "mrr", "novelty@20"], values),
        past_items=np.arange(USERS),
        listed=np.tile(np.arange(1, 51, dtype=np.int32), (USERS, 1)),
        catalogue_size=100,
    )


def comparison(
    candidate: float | Sequence[float],
    popularity: float | Sequence[float],
    served: float | Sequence[float] | None,
) -> Comparison:
    return Comparison(
        figures(candidate),
        figures(popularity),
        figures(1.0),
        None if served is None else figures(served),
    )


def noisy(mean: float, spread: float = 0.3) -> list[float]:
    """Figures of users that differ by chance around a mean."""
    noise = np.random.default_rng(int(mean * 1000)).normal(0, spread, USERS)
    return list(mean + noise - noise.mean())


@settings(deadline=None, max_examples=50)
@given(candidate=SHARES, popularity=SHARES, served=st.none() | SHARES)
def test_without_chance_a_run_must_reach_popularity_and_the_margin_of_the_served(
    candidate: float, popularity: float, served: float | None
) -> None:
    verdict = judge(GROWN, comparison(candidate, popularity, served), SETTINGS)
    good = candidate >= popularity and (
        served is None or candidate - served >= -SETTINGS.gate_margin * served
    )
    assert verdict.accepted == good
    assert f"{candidate:.4f}" in verdict.reason


@pytest.mark.parametrize("served", [None, noisy(0.30)])
def test_a_lower_mean_that_may_be_chance_is_published_and_says_so(
    served: list[float] | None,
) -> None:
    verdict = judge(GROWN, comparison(noisy(0.28), noisy(0.31), served), SETTINGS)
    assert verdict.accepted
    assert "The popular list did better, but by no more than chance can explain" in verdict.reason


def test_a_difference_beyond_chance_is_refused_with_its_interval() -> None:
    verdict = judge(GROWN, comparison(noisy(0.1), noisy(0.5), None), SETTINGS)
    assert not verdict.accepted
    assert verdict.reason.startswith(
        "Worse than the popular list: nDCG@20 0.1000 against 0.5000 for 50 users, difference -0."
    )
    assert verdict.reason.endswith(" with 95% confidence.")


def test_users_are_compared_with_themselves() -> None:
    popular = noisy(0.5)
    verdict = judge(GROWN, comparison([entry - 0.01 for entry in popular], popular, None), SETTINGS)
    assert not verdict.accepted, "unpaired, 0.01 would drown in the noise of 0.3"


def test_worse_than_the_served_run_counts_only_beyond_the_margin() -> None:
    served = noisy(0.5)
    within = judge(GROWN, comparison([entry - 0.02 for entry in served], 0.0, served), SETTINGS)
    beyond = judge(GROWN, comparison([entry - 0.03 for entry in served], 0.0, served), SETTINGS)
    assert within.accepted
    assert beyond.reason == (
        "Worse than the served run: nDCG@20 0.4700 against 0.5000 for 50 users, difference"
        " -0.0300 to -0.0300 with 95% confidence, all of it below -0.0250, the margin of 5%."
    )


def test_the_same_hyperparameters_as_the_served_run_makes_no_difference() -> None:
    candidate = figures(noisy(0.4))
    same = Comparison(candidate, figures(noisy(0.1)), figures(0.2), served=candidate)
    difference = same.differences(SETTINGS.seed)["served"]
    assert (difference.mean, difference.low, difference.high) == (0.0, 0.0, 0.0)
    verdict = judge(GROWN, same, SETTINGS.model_copy(update={"gate_margin": 0.0}))
    assert verdict.accepted
    assert verdict.reason.endswith("; the served run has the same hyperparameters.")


@settings(deadline=None, max_examples=30)
@given(interactions=st.integers(0, 2000), served=st.none() | st.integers(0, 2000))
def test_a_history_that_shrank_too_much_is_refused_whatever_the_figures(
    interactions: int, served: int | None
) -> None:
    verdict = judge(Size(interactions, served), comparison(0.5, 0.1, 0.4), SETTINGS)
    assert verdict.accepted == (served is None or interactions >= 0.5 * served)


def test_too_few_users_to_evaluate_publish_without_comparison() -> None:
    verdict = judge(Size(10, None), None, SETTINGS)
    assert verdict.accepted
    assert "without comparison" in verdict.reason


def test_the_deciding_figures_are_stored_under_flat_names() -> None:
    stored = comparison(0.3, 0.2, 0.1).metrics(SETTINGS.seed)
    assert stored["ndcg@20"] == pytest.approx(0.3)
    assert stored["popularity_ndcg@20"] == pytest.approx(0.2)
    assert stored["served_ndcg@20"] == pytest.approx(0.1)
    assert stored["coverage@20"] == 0.2
    assert "served_ndcg@20" not in comparison(0.3, 0.2, None).metrics(SETTINGS.seed)


def test_every_figure_of_every_segment_is_stored_with_its_interval() -> None:
    stored = comparison(noisy(0.3), 0.2, noisy(0.1)).metrics(SETTINGS.seed)["evaluation"]
    assert stored == json.loads(json.dumps(stored))
    assert stored["users"] == {"all": 50, "new": 5, "light": 15, "heavy": 30}
    for who in ("candidate", "popularity", "recent_popularity", "served"):
        for segment in stored["users"]:
            for name, entry in stored[who][segment].items():
                if name.startswith("coverage@"):
                    assert set(entry) == {"mean"}
                else:
                    assert entry["low"] - 1e-12 <= entry["mean"] <= entry["high"] + 1e-12
    assert stored["candidate"]["all"]["ndcg@20"]["mean"] == pytest.approx(0.3)
    assert stored["difference"]["served"]["low"] > 0.0
    assert stored["candidate"]["new"]["coverage@5"]["mean"] == 0.05
