"""Replay foresees what serving would have shown, and nothing it could not have known."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.fitting import Factors
from batch.history.event_file import read_event_file
from batch.history.interactions import Interactions
from batch.parameters import ListHyperparameters, RunParameters, SpaceParameters
from batch.replay.choosing_policy import CANDIDATES as BLENDS
from batch.replay.foresight import CANDIDATES, advise, by_segment, figures
from batch.replay.moments import Moments, joined, moments_of
from batch.replay.nights import fit_night
from batch.replay.ranking import LEARNED, MISSED, blended_ranks_of, ranks_of
from batch.replay.replaying import (
    POLICIES,
    Replay,
    ReplaySettings,
    replay,
)
from batch.replay.sources import FittedNight, batch_list, speed_list
from batch.space.validation_events import Timeline
from domain.blend import BlendPolicy
from domain.errors import InvalidInputError, NotEnoughHistoryError

SMALL = RunParameters(
    lists=ListHyperparameters(factors=8, iterations=3),
    space=SpaceParameters(factors=4, iterations=3, sequence_dimensions=4),
)

Make = Callable[..., Interactions]
Event = tuple[int, int, int, float]
EVENTS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 8), st.sampled_from([1, 4]), st.integers(0, 20)),
    min_size=1,
    max_size=50,
)


@given(events=EVENTS, share=st.floats(0, 1))
def test_an_interaction_counts_when_user_and_item_were_known_and_the_pair_is_new_and_liked(
    make_interactions: Make, events: list[Event], share: float
) -> None:
    timeline = Timeline(make_interactions(events))
    ordered = in_time_order(events)
    cut_off = int(share * len(ordered))
    expected = []
    for row in range(cut_off, len(ordered)):
        user, item, kind, _ = ordered[row]
        before = ordered[:row]
        new_pair = all((u, i) != (user, item) for u, i, _, _ in before)
        user_known = any(u == user for u, _, _, _ in before)
        item_known = any(i == item for _, i, _, _ in ordered[:cut_off])
        if kind == 1 and new_pair and user_known and item_known:
            expected.append(row)
    assert timeline.foreseeable(cut_off, len(ordered)).tolist() == expected


@given(events=EVENTS, share=st.floats(0, 1))
def test_a_validation_event_knows_exactly_what_its_user_did_before(
    make_interactions: Make, events: list[Event], share: float
) -> None:
    timeline = Timeline(make_interactions(events))
    ordered = in_time_order(events)
    cut_off = int(share * len(ordered))
    rows = timeline.foreseeable(cut_off, len(ordered))
    for event in timeline.events(rows, cut_off):
        user, item, _, _ = ordered[event.row]
        own = [(row, event) for row, event in enumerate(ordered[: event.row]) if event[0] == user]
        assert (event.user_no, event.item_no) == (user, item)
        assert event.history.item_nos.tolist() == [event[1] for _, event in own]
        assert event.since_cut_off == sum(row >= cut_off for row, _ in own)


def in_time_order(events: list[Event]) -> list[Event]:
    """By time, item, kind and user."""
    return sorted(events, key=lambda event: (event[3], event[1], event[2], event[0]))


@given(events=EVENTS, random=st.randoms(use_true_random=False))
def test_a_timeline_is_the_same_whatever_order_it_is_given(
    make_interactions: Make, events: list[Event], random: Random
) -> None:
    shuffled = random.sample(events, len(events))
    timelines = [Timeline(make_interactions(log)).interactions for log in (events, shuffled)]
    for name in ("user_nos", "item_nos", "kind_nos", "occurred_at"):
        once, again = (getattr(timeline, name) for timeline in timelines)
        assert np.array_equal(once, again)


def walks(users: int, steps: int) -> list[Event]:
    """Users who walk round a circle of twelve items from different positions, a step a day."""
    return [
        (user, 1 + (user + step) % 12, 1, step) for user in range(users) for step in range(steps)
    ]


def test_speed_foresees_the_next_step_where_popularity_cannot(make_interactions: Make) -> None:
    log = make_interactions([event for event in walks(60, 9) if event[0] % 12 != event[3] % 12])
    done = replay(log, SMALL, ReplaySettings(nights=2, sample=None, threads=1))
    hits = {name: (ranks == 0).mean() for name, ranks in done.ranks.items()}
    assert hits["speed"] > 2 * hits["popular"]
    assert set(done.ranks) == {"popular", "batch", "speed", *POLICIES, LEARNED}


def test_a_seen_item_is_in_no_list(make_interactions: Make) -> None:
    timeline = Timeline(make_interactions(walks(30, 8)))
    cut_off = int(0.7 * len(timeline))
    night = fit_night(timeline, cut_off, SMALL, threads=1)
    rows = timeline.foreseeable(cut_off, len(timeline))
    for event in timeline.events(rows, cut_off):
        for source in (batch_list(night, event), speed_list(night, event)):
            assert not set(source.item_nos.tolist()) & set(event.history.item_nos.tolist())


def test_the_ranks_a_night_chooses_a_blend_by_are_those_of_the_lists(
    make_interactions: Make,
) -> None:
    timeline = Timeline(make_interactions(walks(30, 8)))
    cut_off = int(0.7 * len(timeline))
    night = fit_night(timeline, cut_off, SMALL, threads=1)
    # Without a list of a source, and without any, too: popular stands in then.
    nobody = Factors(night.lists.users * 0.0, night.lists.items)
    policies = {**BLENDS, "neighbours": BlendPolicy("fixed", more={"neighbours": 0.5})}
    events = list(timeline.events(timeline.foreseeable(cut_off, len(timeline)), cut_off))
    assert events
    for known in (night, replace(night, lists=nobody), night_of_strangers(night)):
        for event in events:
            ranks = ranks_of(known, event, policies)
            expected = {name: ranks[name] for name in policies}
            assert blended_ranks_of(known, event, policies) == expected


def night_of_strangers(night: FittedNight) -> FittedNight:
    """The night of other users, with items that no history has: only popular has anything."""
    strangers = replace(night.matrix, user_nos=night.matrix.user_nos + 1_000)
    nothing = replace(night.space.items, item_nos=night.space.items.item_nos + 1_000)
    return replace(night, matrix=strangers, space=replace(night.space, items=nothing))


def test_the_future_of_a_night_changes_nothing_of_what_it_knows(make_interactions: Make) -> None:
    events = walks(30, 8)
    other = [event if event[3] < 6 else (event[0], 1, 1, event[3]) for event in events]
    nights = []
    for log in (events, other):
        timeline = Timeline(make_interactions(log))
        cut_off = sum(event[3] < 6 for event in log)
        nights.append(fit_night(timeline, cut_off, SMALL, threads=1))
    assert np.array_equal(nights[0].lists.items, nights[1].lists.items)
    assert np.array_equal(nights[0].space.items.vectors, nights[1].space.items.vectors)


def test_the_same_seed_gives_the_same_replay(make_interactions: Make) -> None:
    log = make_interactions(walks(40, 8))
    asked = ReplaySettings(nights=2, sample=30, seed=3, threads=1)
    once, again = (replay(log, SMALL, asked) for _ in range(2))
    assert len(once.earlier) == len(once.moments.user_nos) == 30
    for name, ranks in once.ranks.items():
        assert np.array_equal(ranks, again.ranks[name])


def test_a_log_in_which_nothing_can_be_foreseen_says_so(make_interactions: Make) -> None:
    log = make_interactions([(user, user, 1, user) for user in range(1, 20)])
    with pytest.raises(NotEnoughHistoryError, match="comes back"):
        replay(log, SMALL, ReplaySettings(threads=1))


def replayed(ranks: dict[str, list[int]], user_nos: list[int] | None = None) -> Replay:
    arrays = {name: np.array(values) for name, values in ranks.items()}
    earlier = np.arange(len(next(iter(arrays.values()))))
    users = earlier if user_nos is None else np.array(user_nos)
    nothing = np.zeros(len(earlier), dtype=np.int64)
    moments = Moments(users.astype(np.int32), nothing > 0, nothing, nothing > 0)
    return Replay(arrays, earlier, 0.0, 0.0, moments)


def test_hit_rate_and_ndcg_by_hand() -> None:
    figures_of_ranks = figures(np.array([0, 1, 19, 20, MISSED]))
    assert figures_of_ranks["hr@20"] == pytest.approx(3 / 5)
    assert figures_of_ranks["ndcg@20"] == pytest.approx((1 + 1 / np.log2(3) + 1 / np.log2(21)) / 5)


def test_segments_go_by_the_number_of_earlier_interactions() -> None:
    figures_of_ranks = by_segment(replayed({"popular": [0] * 5 + [50] * 15 + [0] * 10}))["popular"]
    assert [figures_of_ranks[name]["hr@20"] for name in ("new", "light", "heavy")] == [
        1.0,
        0.0,
        1.0,
    ]


def test_advice_names_the_setting_of_a_policy_that_is_better_beyond_noise() -> None:
    ranks = {name: [30] * 200 for name in CANDIDATES} | {"now": [30] * 200}
    ranks["adaptive 3"] = [0, 30] * 100
    advice = advise(replayed(ranks), BlendPolicy())
    assert advice.convincing
    assert advice.policy == CANDIDATES["adaptive 3"]
    assert "TANDEM_BLEND_POLICY=adaptive" in advice.sentence
    assert "TANDEM_BLEND_HALF_LIFE_EVENTS=3" in advice.sentence


def test_advice_leaves_the_settings_alone_when_the_difference_is_noise() -> None:
    ranks = {name: [30] * 200 for name in CANDIDATES} | {"now": [30] * 200}
    ranks["fixed 0.5"] = [0] + [30] * 199
    advice = advise(replayed(ranks), BlendPolicy())
    assert not advice.convincing
    assert "leave the settings" in advice.sentence


def test_what_one_user_does_many_times_convinces_nobody() -> None:
    ranks = {name: [30] * 200 for name in CANDIDATES} | {"now": [30] * 200}
    ranks["fixed 0.5"] = [0] * 150 + [30] * 50
    assert advise(replayed(ranks), BlendPolicy()).convincing
    advice = advise(replayed(ranks, [0] * 150 + list(range(1, 51))), BlendPolicy())
    assert advice.gain == pytest.approx(0.75)
    assert not advice.convincing


def test_moments_by_second_days_and_list(make_interactions: Make) -> None:
    second = 1 / 86_400
    log = [(1, 1, 1, 0.0), (2, 1, 1, 0.0), (1, 2, 1, 0.4 * second), (1, 3, 1, 1.0 + second)]
    log += [(2, 2, 1, 7.9), (2, 3, 1, 8.0 + 7.9), (2, 4, 1, 100.0)]
    timeline = Timeline(make_interactions(log))
    rows = np.array([2, 3, 4, 5, 6])
    first, second_night = (
        moments_of(timeline, part, np.array(listed, dtype=np.int32))
        for part, listed in ((rows[:2], [2]), (rows[2:], [1, 2]))
    )
    moments = joined([first, second_night])
    assert moments.user_nos.tolist() == [1, 1, 2, 2, 2]
    assert moments.same_second.tolist() == [True, False, False, False, False]
    assert moments.days.tolist() == [0, 1, 7, 8, 84]
    assert moments.with_list.tolist() == [False, False, True, True, True]
    found = moments.segments(np.array([1, 2, 1, 2, 3]))
    members = {name: indexes.tolist() for name, indexes in found.items()}
    assert members == {
        "all": [0, 1, 2, 3, 4],
        "new": [0, 1, 2, 3, 4],
        "same second": [0],
        "other second": [1, 2, 3, 4],
        "with nightly list": [2, 3, 4],
        "without nightly list": [0, 1],
        "0 days": [0],
        "1-7 days": [1, 2],
        "8-30 days": [3],
        "over 30 days": [4],
    }


@settings(deadline=None, max_examples=20)
@given(
    lines=st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 9)), min_size=1, max_size=30
    ),
    separator=st.sampled_from([",", "\t"]),
)
def test_a_file_is_read_in_time_order_with_each_pair_at_its_first_time(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[int, int, int]], separator: str
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.csv"
    header = separator.join(["timestamp", "userId", "rating", "movieId"])
    body = [separator.join([str(time), f"u{user}", "5", f"i{item}"]) for user, item, time in lines]
    path.write_text("\n".join([header, *body]) + "\n")
    log = read_event_file(path)
    expected, seen = [], set()
    for user, item, time in sorted(lines, key=lambda line: line[2]):
        if (user, item) not in seen:
            expected.append(time)
            seen.add((user, item))
    seconds = log.occurred_at.astype("datetime64[s]").astype(int)
    assert seconds.tolist() == expected
    assert len(set(zip(log.user_nos.tolist(), log.item_nos.tolist(), strict=True))) == len(log)


def test_iso_times_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user_id,item_id,timestamp\na,x,2026-01-02T00:00:00Z\na,y,2026-01-01\n")
    assert read_event_file(path).occurred_at.astype(str).tolist()[0].startswith("2026-01-01")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("user_id,item_id\na,x\n", "lacks the column timestamp"),
        ("user_id,item_id,timestamp\na,x,1\nb,y,soon\n", "line 3"),
        ("", "cannot be read"),
    ],
)
def test_a_file_that_is_no_log_is_a_clear_error(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=says):
        read_event_file(path)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_event_file(tmp_path / "missing.csv")


def test_the_order_of_the_lines_of_a_file_says_nothing(tmp_path: Path) -> None:
    lines = ["a,y,1", "b,x,1", "a,x,1", "a,z,0", "b,y,2"]
    logs = []
    for no, order in enumerate((lines, lines[::-1])):
        path = tmp_path / f"{no}.csv"
        path.write_text("\n".join(["user_id,item_id,timestamp", *order]) + "\n")
        logs.append(read_event_file(path))
    once, again = ([log.user_nos.tolist(), log.item_nos.tolist()] for log in logs)
    assert once == again == [[0, 0, 1, 0, 1], [2, 0, 0, 1, 1]]
