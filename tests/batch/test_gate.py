"""The gate refuses what is worse, and says so in a sentence."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from batch.evaluation import Figures
from batch.gate import Comparison, Size, judge
from batch.settings import BatchSettings

SETTINGS = BatchSettings()
GROWN = Size(interactions=1000, served_interactions=900)
SHARES = st.floats(0, 1)


def figures(ndcg: float) -> Figures:
    return Figures(ndcg=ndcg, recall=0.1, coverage=0.2, users=50)


def comparison(candidate: float, popularity: float, served: float | None) -> Comparison:
    return Comparison(
        figures(candidate),
        figures(popularity),
        figures(1.0),
        None if served is None else figures(served),
    )


@given(candidate=SHARES, popularity=SHARES, served=st.none() | SHARES)
def test_a_run_passes_if_it_beats_popularity_and_is_hardly_worse_than_the_served(
    candidate: float, popularity: float, served: float | None
) -> None:
    verdict = judge(GROWN, comparison(candidate, popularity, served), SETTINGS)
    good = candidate >= popularity and (served is None or candidate >= served * 0.95)
    assert verdict.accepted == good
    assert f"{candidate:.4f}" in verdict.reason


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


def test_the_reason_names_both_figures_and_the_number_of_users() -> None:
    verdict = judge(GROWN, comparison(0.1, 0.2, None), SETTINGS)
    assert verdict.reason == (
        "Worse than the popular list: nDCG@20 0.1000 against 0.2000 for 50 users."
    )


def test_the_figures_are_stored_under_flat_names() -> None:
    stored = replace(comparison(0.3, 0.2, 0.1)).metrics()
    assert stored["ndcg@20"] == 0.3
    assert stored["popularity_ndcg@20"] == 0.2
    assert stored["served_ndcg@20"] == 0.1
    assert "served_ndcg@20" not in comparison(0.3, 0.2, None).metrics()
