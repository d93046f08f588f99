"""The blend, by its properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.blend import BlendPolicy, Weights, blend, effective_weights
from domain.rankings import Ranking

scores = st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 3))
rankings = st.dictionaries(st.integers(1, 60), scores, max_size=40).map(
    lambda d: Ranking.of(np.array(list(d), dtype=np.int32), np.array(list(d.values())))
)
weights = st.floats(0, 1).map(lambda w: Weights(w, 1 - w))
sharpness = st.sampled_from([1.0, 2.0, 4.0])


def test_seventy_thirty_to_the_power_of_four_by_hand() -> None:
    batch = Ranking.of(np.array([1, 2, 3]), np.array([10.0, 5.0, 0.0]))
    speed = Ranking.of(np.array([3, 4, 5]), np.array([2.0, 1.5, 1.0]))
    blended = blend(batch, speed, Weights(0.7, 0.3), 4.0)
    assert blended.item_nos.tolist() == [1, 3, 2, 4, 5]
    assert blended.scores == pytest.approx([0.7, 0.3, 0.7 * 0.5**4, 0.3 * 0.5**4, 0.0])


@given(rankings, rankings, weights, sharpness)
def test_a_blend_holds_each_item_of_either_source_once(
    batch: Ranking, speed: Ranking, given_weights: Weights, power: float
) -> None:
    blended = blend(batch, speed, given_weights, power)
    either = set(batch.item_nos.tolist()) | set(speed.item_nos.tolist())
    assert sorted(blended.item_nos.tolist()) == sorted(either)


@given(rankings, rankings, weights, sharpness)
def test_the_score_is_the_weighted_sum_of_the_sharpened_parts_and_falls(
    batch: Ranking, speed: Ranking, given_weights: Weights, power: float
) -> None:
    blended = blend(batch, speed, given_weights, power)
    expected = (
        given_weights.batch * blended.batch_scores**power
        + given_weights.speed * blended.speed_scores**power
    )
    assert blended.scores == pytest.approx(expected)
    order = list(zip(-blended.scores, blended.item_nos, strict=True))
    assert order == sorted(order)
    assert ((blended.scores >= 0) & (blended.scores <= 1 + 1e-9)).all()


@given(rankings, sharpness)
def test_one_source_alone_keeps_its_order(source: Ranking, power: float) -> None:
    nothing = Ranking.empty()
    for batch, speed in ((source, nothing), (nothing, source)):
        whole = effective_weights(batch, speed, Weights(0.7, 0.3))
        blended = blend(batch, speed, whole, power)
        best = blended.top(1).item_nos.tolist()
        assert best == source.top(1).item_nos.tolist()
        if len(source):
            assert blended.scores[0] == pytest.approx(1.0)


@given(rankings, rankings, weights, st.floats(0.1, 10), st.integers(-50, 50))
def test_shifting_and_stretching_a_source_changes_nothing(
    batch: Ranking, speed: Ranking, given_weights: Weights, stretch: float, shift: int
) -> None:
    moved = Ranking.of(batch.item_nos, batch.scores * stretch + shift)
    before = blend(batch, speed, given_weights, 4.0)
    after = blend(moved, speed, given_weights, 4.0)
    by_item = dict(zip(after.item_nos.tolist(), after.scores.tolist(), strict=True))
    for item_no, score in zip(before.item_nos.tolist(), before.scores.tolist(), strict=True):
        assert by_item[item_no] == pytest.approx(score, abs=1e-6)


def test_the_weight_goes_to_the_source_that_has_something() -> None:
    something = Ranking.of(np.array([1]), np.array([1.0]))
    nothing = Ranking.empty()
    asked = Weights(0.7, 0.3)
    assert effective_weights(nothing, something, asked) == Weights(0.0, 1.0)
    assert effective_weights(something, nothing, asked) == Weights(1.0, 0.0)
    assert effective_weights(something, something, asked) == asked
    assert effective_weights(nothing, nothing, asked) == asked


def test_the_adaptive_policy_halves_the_batch_weight_with_every_h_events() -> None:
    policy = BlendPolicy(policy="adaptive", batch_weight=0.7, half_life_events=3.0)
    assert policy.weights(0).batch == pytest.approx(0.7)
    assert policy.weights(3).batch == pytest.approx(0.35)
    assert policy.weights(6) == Weights(pytest.approx(0.175), pytest.approx(0.825))


@given(st.integers(0, 10_000))
def test_the_fixed_policy_keeps_its_weights(events: int) -> None:
    assert BlendPolicy().weights(events) == Weights(0.7, pytest.approx(0.3))


@given(rankings, st.sets(st.integers(1, 60)))
def test_leaving_out_and_keeping_split_a_ranking(source: Ranking, chosen: set[int]) -> None:
    some = np.array(sorted(chosen), dtype=np.int32)
    kept, left = source.only(some), source.without(some)
    assert set(kept.item_nos.tolist()) <= chosen
    assert not set(left.item_nos.tolist()) & chosen
    assert len(kept) + len(left) == len(source)
