"""The blend, by its properties."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.blend import AlignedRankings, BlendPolicy, blend, renormalized
from domain.rankings import Ranking

scores = st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 3))
rankings = st.dictionaries(st.integers(1, 60), scores, max_size=40).map(
    lambda d: Ranking.of(np.array(list(d), dtype=np.int32), np.array(list(d.values())))
)
NAMES = ["batch", "speed", "neighbours", "another"]
sources = st.dictionaries(st.sampled_from(NAMES), rankings, min_size=1)
weights = st.fixed_dictionaries({name: st.floats(0, 1) for name in NAMES})
two_weights = st.floats(0, 1).map(lambda w: {"batch": w, "speed": round(1.0 - w, 12)})
sharpness = st.sampled_from([1.0, 2.0, 4.0])

SOMETHING = Ranking.of(np.array([1]), np.array([1.0]))
NOTHING = Ranking.empty()


def test_seventy_thirty_to_the_power_of_four_by_hand() -> None:
    batch = Ranking.of(np.array([1, 2, 3]), np.array([10.0, 5.0, 0.0]))
    speed = Ranking.of(np.array([3, 4, 5]), np.array([2.0, 1.5, 1.0]))
    blended = blend({"batch": batch, "speed": speed}, {"batch": 0.7, "speed": 0.3}, 4.0)
    assert blended.item_nos.tolist() == [1, 3, 2, 4, 5]
    assert blended.scores == pytest.approx([0.7, 0.3, 0.7 * 0.5**4, 0.3 * 0.5**4, 0.0])


def test_a_third_source_by_hand() -> None:
    found = {
        "batch": Ranking.of(np.array([1, 2]), np.array([2.0, 1.0])),
        "speed": Ranking.of(np.array([2, 3]), np.array([2.0, 1.0])),
        "neighbours": Ranking.of(np.array([3, 4]), np.array([5.0, 1.0])),
    }
    weights = {"batch": 0.7, "speed": 0.3, "neighbours": 0.25}
    blended = blend(found, weights, 4.0)
    assert blended.item_nos.tolist() == [1, 2, 3, 4]
    assert blended.scores == pytest.approx([0.7 / 1.25, 0.3 / 1.25, 0.25 / 1.25, 0.0])
    assert blended.by_source["neighbours"].tolist() == [0.0, 0.0, 1.0, 0.0]
    assert blended.weights == pytest.approx({"batch": 0.56, "speed": 0.24, "neighbours": 0.2})


few_scores = st.sampled_from([0.0, 1.0, 2.0])
tied_rankings = st.dictionaries(st.integers(1, 12), few_scores, max_size=12).map(
    lambda d: Ranking.of(np.array(list(d), dtype=np.int32), np.array(list(d.values())))
)


@given(st.dictionaries(st.sampled_from(NAMES), rankings | tied_rankings), weights, sharpness)
def test_the_rank_of_an_item_is_where_the_blended_list_has_it(
    found: dict[str, Ranking], asked: dict[str, float], power: float
) -> None:
    aligned = AlignedRankings.of(found)
    listed = aligned.blended(asked, power).item_nos.tolist()
    for rank, item_no in enumerate(listed):
        assert aligned.rank_of(item_no, asked, power) == rank
    for absent in {0, 61, *range(1, 13)} - set(listed):
        assert aligned.rank_of(absent, asked, power) is None


@given(rankings, rankings, two_weights, sharpness)
def test_of_batch_and_speed_the_blend_is_to_the_last_bit_the_formula_of_two_sources(
    batch: Ranking, speed: Ranking, asked: dict[str, float], power: float
) -> None:
    w_batch, w_speed = asked["batch"], asked["speed"]
    if not len(batch) and len(speed):
        w_batch, w_speed = 0.0, 1.0
    if not len(speed) and len(batch):
        w_batch, w_speed = 1.0, 0.0
    item_nos = np.union1d(batch.item_nos, speed.item_nos).astype(np.int32)
    of_batch, of_speed = np.zeros(len(item_nos)), np.zeros(len(item_nos))
    of_batch[np.searchsorted(item_nos, batch.item_nos)] = batch.scaled()
    of_speed[np.searchsorted(item_nos, speed.item_nos)] = speed.scaled()
    expected = w_batch * of_batch**power + w_speed * of_speed**power
    order = np.lexsort((item_nos, -expected))
    blended = blend({"batch": batch, "speed": speed}, asked, power)
    assert blended.item_nos.tolist() == item_nos[order].tolist()
    assert blended.scores.tolist() == expected[order].tolist()
    assert blended.by_source["batch"].tolist() == of_batch[order].tolist()
    assert blended.by_source["speed"].tolist() == of_speed[order].tolist()


@given(sources, weights, sharpness)
def test_a_blend_holds_each_item_of_any_source_once(
    found: Mapping[str, Ranking], asked: dict[str, float], power: float
) -> None:
    blended = blend(found, asked, power)
    anywhere = {no for ranking in found.values() for no in ranking.item_nos.tolist()}
    assert sorted(blended.item_nos.tolist()) == sorted(anywhere)


@given(sources, weights, sharpness)
def test_the_score_is_the_weighted_sum_of_the_sharpened_parts_and_falls(
    found: Mapping[str, Ranking], asked: dict[str, float], power: float
) -> None:
    blended = blend(found, asked, power)
    parts = [blended.weights[name] * blended.by_source[name] ** power for name in found]
    assert blended.scores == pytest.approx(sum(parts))
    order = list(zip(-blended.scores, blended.item_nos, strict=True))
    assert order == sorted(order)
    assert ((blended.scores >= 0) & (blended.scores <= 1 + 1e-9)).all()


@given(sources, weights)
def test_weights_go_to_the_sources_that_have_something_in_their_proportions(
    found: Mapping[str, Ranking], asked: dict[str, float]
) -> None:
    applied = renormalized(asked, found)
    having = [name for name in found if len(found[name])]
    assert applied.keys() == found.keys()
    assert all(applied[name] == 0.0 for name in found if name not in having)
    assert sum(applied.values()) == pytest.approx(1.0 if having else 0.0)
    total = sum(asked[name] for name in having)
    if total > 1e-6:
        for name in having:
            assert applied[name] == pytest.approx(asked[name] / total)


@given(sources, weights, sharpness)
def test_a_source_that_has_nothing_changes_nothing(
    found: Mapping[str, Ranking], asked: dict[str, float], power: float
) -> None:
    less = {name: ranking for name, ranking in found.items() if len(ranking)}
    whole, without = blend(found, asked, power), blend(less, asked, power)
    assert whole.item_nos.tolist() == without.item_nos.tolist()
    assert whole.scores.tolist() == without.scores.tolist()


@given(rankings, st.sampled_from(NAMES), sharpness)
def test_one_source_alone_keeps_its_order(source: Ranking, name: str, power: float) -> None:
    found = {**dict.fromkeys(NAMES, NOTHING), name: source}
    blended = blend(found, dict.fromkeys(NAMES, 0.25), power)
    assert blended.top(1).item_nos.tolist() == source.top(1).item_nos.tolist()
    if len(source):
        assert blended.scores[0] == pytest.approx(1.0)


@given(rankings, rankings, two_weights, st.floats(0.1, 10), st.integers(-50, 50))
def test_shifting_and_stretching_a_source_changes_nothing(
    batch: Ranking, speed: Ranking, asked: dict[str, float], stretch: float, shift: int
) -> None:
    moved = Ranking.of(batch.item_nos, batch.scores * stretch + shift)
    before = blend({"batch": batch, "speed": speed}, asked, 4.0)
    after = blend({"batch": moved, "speed": speed}, asked, 4.0)
    by_item = dict(zip(after.item_nos.tolist(), after.scores.tolist(), strict=True))
    for item_no, score in zip(before.item_nos.tolist(), before.scores.tolist(), strict=True):
        assert by_item[item_no] == pytest.approx(score, abs=1e-6)


def test_the_weight_goes_to_the_source_that_has_something() -> None:
    asked = {"batch": 0.7, "speed": 0.3}
    for batch, speed, expected in (
        (NOTHING, SOMETHING, {"batch": 0.0, "speed": 1.0}),
        (SOMETHING, NOTHING, {"batch": 1.0, "speed": 0.0}),
        (SOMETHING, SOMETHING, asked),
        (NOTHING, NOTHING, {"batch": 0.0, "speed": 0.0}),
    ):
        assert renormalized(asked, {"batch": batch, "speed": speed}) == expected
    only_batch = {"batch": 1.0, "speed": 0.0}
    found = {"batch": NOTHING, "speed": SOMETHING}
    assert renormalized(only_batch, found) == {"batch": 0.0, "speed": 1.0}


def test_the_adaptive_policy_halves_the_batch_weight_with_every_h_events() -> None:
    policy = BlendPolicy(policy="adaptive", batch_weight=0.7, half_life_events=3.0)
    assert policy.weights(0)["batch"] == pytest.approx(0.7)
    assert policy.weights(3)["batch"] == pytest.approx(0.35)
    assert policy.weights(6) == pytest.approx({"batch": 0.175, "speed": 0.825})


@given(st.integers(0, 10_000))
def test_the_fixed_policy_keeps_its_weights(events: int) -> None:
    assert BlendPolicy().weights(events) == {"batch": 0.7, "speed": pytest.approx(0.3)}


def test_a_further_source_is_named_only_if_it_weighs_something() -> None:
    assert "neighbours" not in BlendPolicy(more={"neighbours": 0.0}).weights(0)
    assert BlendPolicy(more={"neighbours": 0.2}).weights(0)["neighbours"] == 0.2


@given(rankings, st.sets(st.integers(1, 60)))
def test_leaving_out_and_keeping_split_a_ranking(source: Ranking, chosen: set[int]) -> None:
    subset = np.array(sorted(chosen), dtype=np.int32)
    kept, left = source.only(subset), source.without(subset)
    assert set(kept.item_nos.tolist()) <= chosen
    assert not set(left.item_nos.tolist()) & chosen
    assert len(kept) + len(left) == len(source)


def test_the_learned_policy_is_what_the_night_found_best_or_else_the_fixed_one() -> None:
    asked = BlendPolicy(policy="learned", batch_weight=0.6, more={"neighbours": 0.2})
    found = BlendPolicy(policy="adaptive", batch_weight=0.3, half_life_events=3.0)
    assert asked.resolved(found) == replace(found, more={"neighbours": 0.2})
    assert asked.resolved(None) == replace(asked, policy="fixed")
    assert asked.weights(5) == asked.resolved(None).weights(5)
    assert found.resolved(asked) is found
