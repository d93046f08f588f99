"""Choosing by validation events: what is planted is found, and what is noise moves nothing."""

from dataclasses import replace

import numpy as np
import pytest

from batch.choosing.lists import ChosenLists, choose_lists, choose_popular
from batch.choosing.live_weights import DEFAULT, choose_weights
from batch.choosing.paired import choices_in, paired_difference
from batch.choosing.validation import Validation, _sample
from batch.engines.implicit_engine import ImplicitEngine
from batch.history.interactions import Interactions
from batch.history.splitting import split_by_time
from batch.lists.listing import fit_lists
from batch.parameters import ListHyperparameters, RunParameters, SpaceParameters
from batch.replay.choosing_policy import ChosenPolicy, choose_policy
from batch.replay.nights import (
    Choices,
    choices_of,
    default_settings,
    fit_night,
    validation_of_night,
)
from batch.replay.ranking import LEARNED, lists_of
from batch.space.validation_events import Timeline
from tests.used_items import used_items

SMALL = RunParameters(
    lists=ListHyperparameters(factors=40, iterations=3),
    space=SpaceParameters(factors=8, iterations=3, sequence_dimensions=8),
)
SECONDS_A_DAY = 86_400


def interactions(rows: list[tuple[int, int, float]]) -> Interactions:
    """Rows of user, item and day."""
    return used_items(*zip(*rows, strict=True))


def chained(users: int = 600, items: int = 60, length: int = 12, seed: int = 0) -> Interactions:
    """A log in which item k is nearly always followed by a certain one, whoever uses it."""
    random = np.random.default_rng(seed)
    after = random.permutation(items)
    rows = []
    for user in range(users):
        item, day = int(random.integers(items)), float(random.uniform(0, 100))
        for _ in range(length):
            rows.append((user, item, day))
            item = int(after[item]) if random.random() < 0.9 else int(random.integers(items))
            day += float(random.uniform(0.01, 0.1))
    return interactions(rows)


def trending(users: int = 300, items: int = 150, seed: int = 0) -> Interactions:
    """A log in which everybody uses what is in fashion: each item for some days of a hundred."""
    random = np.random.default_rng(seed)
    days = random.uniform(0, 100, 8_000)
    item_nos = np.clip(days * items / 110 + random.normal(0, 6, len(days)), 0, items - 1)
    drawn = random.integers(0, users, len(days))
    return interactions(list(zip(drawn, item_nos.astype(int), days, strict=True)))


def fashions(users: int = 400, groups: int = 8, items: int = 160, seed: int = 0) -> Interactions:
    """A log in which each group of users uses what is in fashion in it."""
    random = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        for day in random.uniform(0, 100, 25):
            newest = day * items / groups / 110
            own = int(np.clip(newest + random.normal(0, 1.5), 0, items // groups - 1))
            rows.append((user, own * groups + user % groups, float(day)))
    return interactions(rows)


def validation_of(log: Interactions) -> Validation:
    found = validation_of_night(log, SMALL, seed=0, threads=1)
    assert found is not None
    return found


def test_what_follows_what_is_found_and_gets_weight() -> None:
    chosen = choose_weights(validation_of(chained()), SMALL.space)
    assert chosen.weights.transitions > 0.0
    found = chosen.evidence
    assert found.gain > found.default_gain + 2 * found.error
    assert choose_weights(None, SMALL.space).weights == DEFAULT


def test_what_follows_what_only_since_the_split_gets_weight() -> None:
    rows, items, step = list[tuple[int, int, float]](), 60, 7
    for user in range(600):
        # Of the last users, who are held out, each item is followed by another than before.
        next_of = step if user >= 540 else 1
        rows += [(user + 1, (user + k * next_of) % items + 1, 12.0 * user + k) for k in range(12)]
    chosen = choose_weights(validation_of(interactions(rows)), SMALL.space)
    assert chosen.weights.recent > 0.0
    assert chosen.evidence.gain > chosen.evidence.default_gain


def test_what_is_in_fashion_counts_more_where_it_is_liked_anyway() -> None:
    chosen = choose_weights(validation_of(fashions()), SMALL.space)
    assert max(chosen.weights.trend_exponents) > 0.0
    found = chosen.evidence
    assert found.gain > found.default_gain + 2 * found.error


def test_lists_and_the_popular_list_follow_a_log_of_trends() -> None:
    validation = validation_of(trending())
    default = replace(SMALL.lists, trend_exponent=0.0)
    chosen = choose_lists(validation, default, engine=ImplicitEngine(1))
    assert chosen.hyperparameters.trend_exponent > 0.0
    assert chosen.evidence.gain > chosen.evidence.default_gain
    assert chosen.fitted is not None
    assert chosen.fitted.users.shape[0] == len(validation.past.user_nos)
    # Of as good ones that with the fewest factors is taken.
    assert chosen.hyperparameters.factors == 32
    settings = default_settings()
    popular = choose_popular(validation, settings)
    assert popular.popular_half_life_days < settings.popular_half_life_days


def test_lists_know_what_comes_next_where_it_foresees_more() -> None:
    log = chained(users=300, length=24)
    days = log.occurred_at.astype("datetime64[s]").astype(float) / SECONDS_A_DAY
    # Each user pauses in the middle of the chain: the night knows whoever comes back.
    spread = interactions(list(zip(log.user_nos, log.item_nos, days * 40 % 101, strict=True)))
    chosen = choose_lists(validation_of(spread), SMALL.lists, engine=ImplicitEngine(1))
    assert chosen.hyperparameters.sequence_weight > 0.0


def test_a_sequence_weight_that_is_set_is_measured_and_fitted() -> None:
    validation = validation_of(trending())
    default = replace(SMALL.lists, factors=32, sequence_weight=2.0)
    chosen = choose_lists(validation, default, engine=ImplicitEngine(1))
    assert chosen.hyperparameters.sequence_weight == 2.0
    plain = choose_lists(
        validation, replace(default, sequence_weight=0.0), engine=ImplicitEngine(1)
    )
    assert chosen.evidence.default_gain != plain.evidence.default_gain
    again = fit_lists(
        validation.past,
        validation.split.past,
        validation.split.moment,
        chosen.hyperparameters,
        sequence=validation.components.sequence,
        engine=ImplicitEngine(1),
    )
    assert chosen.fitted is not None
    assert chosen.fitted.items.shape == again.items.shape
    assert np.allclose(chosen.fitted.items, again.items)


def test_what_a_choice_rests_on_is_of_both_samples_and_each_fit_is_told_of() -> None:
    reported: list[int] = []
    validation = validation_of(trending())
    default = replace(SMALL.lists, trend_exponent=0.0)
    chosen = choose_lists(validation, default, engine=ImplicitEngine(1), on_fit=reported.append)
    factors = chosen.hyperparameters.factors
    # Two fits are compared, and one more is judged by what each user did last.
    assert reported == [32, 34, factors]
    assert chosen.by_user.events > chosen.evidence.events
    assert chosen.by_user.gain > chosen.by_user.default_gain + chosen.by_user.error > 0.0
    figures = choices_in(chosen.described())
    assert figures["lists"]["gain"] == chosen.evidence.gain
    assert figures["lists_by_user"]["gain"] == chosen.by_user.gain


def test_of_one_user_a_difference_is_not_certain() -> None:
    random = np.random.default_rng(0)
    gains, others = random.random((2, 400))
    mean, error = paired_difference(gains, others, np.full(400, 7))
    assert error == pytest.approx((gains - others).std() / 20)
    assert abs(mean) < 3 * error


def test_with_few_events_everything_stays() -> None:
    whole = validation_of(trending())
    validation = replace(whole, events=whole.events[:50])
    chosen = choose_lists(validation, SMALL.lists, engine=ImplicitEngine(1))
    assert chosen == ChosenLists(SMALL.lists)
    settings = default_settings()
    assert choose_popular(validation, settings) is settings
    assert choose_policy(None, whole.events) == ChosenPolicy()
    assert choices_of(None, SMALL) == Choices()


def test_rare_items_are_as_often_foreseen_of_users_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    users, rare, popular, events = 4_000, 2_000, 40, 60_000
    is_rare = random.random(events) < 0.5
    item_nos = np.where(
        is_rare, random.integers(0, rare, events), rare + random.integers(0, popular, events)
    )
    log = used_items(random.integers(0, users, events), item_nos, np.arange(events))
    split = split_by_time(log, 0.5)
    shares = []
    for most in (events, events // 10):
        monkeypatch.setattr("batch.choosing.validation.MOST_INTERACTIONS", most)
        sample = _sample(split, seed=1).events
        assert len(sample) > 1_500
        shares.append(np.mean([event.item_no < rare for event in sample]))
    assert shares[1] == pytest.approx(shares[0], abs=0.05)


def test_the_learned_blend_leaves_out_a_nightly_list_that_says_nothing() -> None:
    log = chained()
    choices = choices_of(validation_of(log), SMALL, threads=1)
    assert choices.policy is not None
    assert choices.policy.weights(3)["batch"] < 0.7
    timeline = Timeline(log)
    night = fit_night(timeline, int(0.8 * len(log)), SMALL, threads=1)
    rows = timeline.foreseeable(night.cut_off, len(log))[:1]
    (event,) = timeline.events(rows, night.cut_off)
    assert LEARNED in lists_of(night, event, {})


def test_the_error_of_a_difference_is_that_of_users_not_of_events() -> None:
    gains = np.array([1.0, 1.0, 1.0, 0.0])
    mean, error = paired_difference(gains, np.zeros(4), np.array([1, 1, 1, 2]))
    assert mean == pytest.approx(0.75)
    # Sums by user of what differs from the mean: 3 * 0.25 and -0.75.
    assert error == pytest.approx(np.sqrt(0.75**2 + 0.75**2) / 4)
