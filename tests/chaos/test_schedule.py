"""Chaos: what the schedule promises, and what the ledger says of what was acknowledged."""

import random
import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.ledger import Ledger, Sent, Stated
from tests.chaos.questions import list_for
from tests.chaos.request_generator import RequestGenerator
from tests.chaos.schedule import KILLED, kills_within, schedule
from tests.chaos.stage import dataset_of

SECONDS = st.floats(min_value=10.0, max_value=3_600.0)
SEEDS = st.integers(min_value=0, max_value=2**32)


@given(SECONDS, SEEDS)
def test_every_kind_is_killed_and_no_kind_more_than_once_more_than_another(
    seconds: float, seed: int
) -> None:
    kills = Counter(planned.kind for planned in schedule(seconds, seed) if planned.act == "kill")
    assert set(kills) == set(KILLED)
    assert max(kills.values()) - min(kills.values()) <= 1


@given(SEEDS)
def test_ten_minutes_have_at_least_forty_kills(seed: int) -> None:
    assert sum(planned.act == "kill" for planned in schedule(600.0, seed)) >= 40


@given(SEEDS)
def test_a_minute_has_spells_in_which_each_store_is_slow_but_alive(seed: int) -> None:
    spells = Counter(planned.kind for planned in schedule(60.0, seed) if planned.act == "slow")
    assert spells == {"postgres": 3, "redis": 3}


@given(SECONDS, SEEDS)
def test_everything_happens_in_order_within_the_time_and_comes_back(
    seconds: float, seed: int
) -> None:
    made = schedule(seconds, seed)
    assert [planned.at_seconds for planned in made] == sorted(
        planned.at_seconds for planned in made
    )
    for planned in made:
        assert 0.0 <= planned.at_seconds <= seconds
        assert 0.0 < planned.away_seconds <= 3.0
        assert 0.0 <= planned.share < 1.0


@given(SECONDS, SEEDS)
def test_on_several_machines_the_pooler_is_killed_and_machines_are_cut_off(
    seconds: float, seed: int
) -> None:
    made = schedule(seconds, seed, hosts=True)
    assert [planned.kind for planned in made if planned.act == "cut off"].count("host") >= 1
    assert any(planned.act == "kill" and planned.kind == "pooler" for planned in made)
    others = [planned for planned in made if planned.kind not in {"pooler", "host"}]
    assert others == list(schedule(seconds, seed))
    assert all(0.0 < planned.away_seconds <= 8.0 for planned in made)


@given(SECONDS, SEEDS)
def test_the_same_seed_makes_the_same_schedule(seconds: float, seed: int) -> None:
    assert schedule(seconds, seed) == schedule(seconds, seed)
    assert kills_within(seconds) == sum(
        planned.act == "kill" for planned in schedule(seconds, seed)
    )


# --- the ledger


def sent(user: str = "ann", item: str = "film-0", *, at: float = 1.0, kind: str = "view") -> Sent:
    return Sent(str(uuid.uuid4()), user, item, kind, None, kind != "click", at)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger({"ann": frozenset({"film-9"})})


def test_an_item_is_seen_from_the_acknowledgement_on(ledger: Ledger) -> None:
    event = sent(at=1.0)
    ledger.send(event)
    assert "film-0" not in ledger.certainly_seen("ann", began=2.0, ended=3.0)
    ledger.acknowledge([event], 2.5)
    assert "film-0" not in ledger.certainly_seen("ann", began=2.0, ended=3.0)
    assert "film-0" in ledger.certainly_seen("ann", began=2.6, ended=3.0)


def test_an_item_is_not_certainly_seen_once_its_deletion_was_asked_for(ledger: Ledger) -> None:
    event = sent()
    ledger.send(event)
    ledger.acknowledge([event], 2.0)
    event.deleting_at = 5.0
    assert "film-0" in ledger.certainly_seen("ann", began=3.0, ended=4.0)
    assert "film-0" not in ledger.certainly_seen("ann", began=3.0, ended=6.0)
    assert list(ledger.certain()) == []


def test_a_second_event_keeps_an_item_seen_when_the_first_is_deleted(ledger: Ledger) -> None:
    first, second = sent(), sent()
    for event in (first, second):
        ledger.send(event)
        ledger.acknowledge([event], 2.0)
    first.deleting_at = first.deleted_at = 5.0
    assert ledger.certainly_seen("ann", began=6.0, ended=7.0)["film-0"] is second
    assert list(ledger.certainly_deleted()) == [first]


def test_a_removal_of_the_user_counts_for_what_was_sent_before_its_end(ledger: Ledger) -> None:
    before, during, after = sent(at=1.0), sent(item="film-1", at=5.5), sent(item="film-2", at=7.0)
    for event, acknowledged in ((before, 2.0), (during, 5.8), (after, 8.0)):
        ledger.send(event)
        ledger.acknowledge([event], acknowledged)
    ledger.forget("ann", 5.0).done_at = 6.0
    assert list(ledger.certain()) == [after]
    assert list(ledger.certainly_deleted()) == [before]
    assert set(ledger.certainly_seen("ann", began=9.0, ended=9.5)) == {"film-2"}


def stated(*items: str, at: float, acknowledged: float | None = None) -> Stated:
    return Stated("ann", (), items, at, acknowledged)


def test_a_named_item_is_out_from_the_acknowledgement_on(ledger: Ledger) -> None:
    statement = stated("film-1", at=1.0)
    ledger.state(statement)
    assert "film-1" not in ledger.certainly_seen("ann", began=2.0, ended=3.0)
    statement.acknowledged_at = 2.5
    assert "film-1" not in ledger.certainly_seen("ann", began=2.0, ended=3.0)
    assert ledger.certainly_seen("ann", began=2.6, ended=3.0)["film-1"] is statement


def test_an_item_may_come_back_as_soon_as_interests_without_it_are_sent(ledger: Ledger) -> None:
    ledger.state(stated("film-1", "film-2", at=1.0, acknowledged=2.0))
    ledger.state(stated("film-2", "film-3", at=5.0))
    seen = ledger.certainly_seen("ann", began=4.0, ended=6.0)
    assert set(seen) == {"film-9", "film-2"}
    assert "film-1" in ledger.certainly_seen("ann", began=3.0, ended=4.9)


def test_what_may_stand_is_the_last_acknowledged_statement_and_those_after_it(
    ledger: Ledger,
) -> None:
    first, second, third = (
        stated("film-1", at=1.0, acknowledged=2.0),
        stated("film-2", at=3.0, acknowledged=4.0),
        stated("film-3", at=5.0),
    )
    for statement in (first, second, third):
        ledger.state(statement)
    assert ledger.may_stand("ann", 0.5, 0.6) == [None]
    assert ledger.may_stand("ann", 1.5, 1.6) == [None, first]
    assert ledger.may_stand("ann", 2.5, 3.5) == [first, second]
    assert ledger.may_stand("ann", 6.0, 6.0) == [second, third]


def test_nothing_may_stand_of_a_user_whose_removal_was_asked_for(ledger: Ledger) -> None:
    statement = stated("film-1", at=1.0, acknowledged=2.0)
    ledger.state(statement)
    ledger.forget("ann", 3.0)
    assert ledger.may_stand("ann", 4.0, 4.0) == [None, statement]
    assert "film-1" not in ledger.certainly_seen("ann", began=4.0, ended=4.0)


# --- the questions


def test_the_first_questions_are_one_of_each_kind() -> None:
    dataset = dataset_of(100, 10)
    for seed in range(20):
        request_generator = RequestGenerator(dataset, random.Random(seed))
        asked = {request_generator.anything("ann").endpoint for _ in range(9)}
        assert asked == {
            "recommendations", "popular", "trending", "latest", "starter", "similar", "search",
        }  # fmt: skip


def test_about_a_fifth_of_all_questions_ask_for_something_else_than_a_list() -> None:
    dataset = dataset_of(100, 10)
    request_generator = RequestGenerator(dataset, random.Random(1))
    asked = [request_generator.anything("ann") for _ in range(4_000)]
    plain = sum(question == list_for("ann", question.limit) for question in asked)
    assert 0.75 < plain / len(asked) < 0.85
    assert {question.endpoint for question in asked} == {
        "recommendations", "popular", "trending", "latest", "starter", "similar", "search",
    }  # fmt: skip
    assert {name for question in asked for name in question.parameters} == {
        "limit", "user_id", "category", "exclude_category", "max_per_category", "diversity",
        "explore", "interest", "window", "session", "item_id", "q", "exclude_seen",
    }  # fmt: skip


def test_every_word_stands_in_several_titles_so_that_a_night_learns_it() -> None:
    dataset = dataset_of(200, 10)
    titles = Counter(word for title in dataset.titles.values() for word in title.lower().split())
    assert set(titles) == set(dataset.words)
    assert min(titles.values()) > 1
    assert {len(title.split()) for title in dataset.titles.values()} == {2, 3}
