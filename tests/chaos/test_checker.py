"""Chaos: violations that are planted are found, in the store and in the shape of answers."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from domain.rankings import Ranking
from tests.chaos import checking
from tests.chaos.answers import Answer, check_seen
from tests.chaos.contents import NOTHING, Interests
from tests.chaos.ledger import Stated
from tests.chaos.questions import Question, list_for
from tests.chaos.shape import check_shape
from tests.chaos.stage import Stage, answer_from
from tests.chaos.versions import vector_and_following_as_of
from tests.events import user_no_of


def test_an_honest_log_has_no_violation(stage: Stage) -> None:
    stage.acknowledged(5)
    assert stage.check_log() == {}


def test_a_lost_event_is_found(stage: Stage) -> None:
    lost = stage.acknowledged(5)[2]
    stage.execute("delete from interactions where event_id = :id", id=lost.event_id)
    assert stage.check_log() == {"lost": 1}
    assert lost.event_id in stage.violations.path.read_text()


def test_an_event_stored_twice_is_found(stage: Stage) -> None:
    twice = stage.acknowledged(5)[2]
    stage.execute(
        "insert into interactions (position, event_id, user_no, item_no, kind_no, occurred_at)"
        " select position + 1000, event_id, user_no, item_no, kind_no, occurred_at"
        " from interactions where event_id = :id",
        id=twice.event_id,
    )
    assert stage.check_log() == {"duplicated": 1}


def test_an_event_stored_as_another_is_found(stage: Stage) -> None:
    changed = stage.acknowledged(5)[2]
    stage.execute("update interactions set kind_no = 3 where event_id = :id", id=changed.event_id)
    assert stage.check_log() == {"stored wrong": 1}


def test_a_deleted_event_that_stays_is_found(stage: Stage) -> None:
    kept = stage.acknowledged(5)[2]
    kept.deleting_at, kept.deleted_at = 3.0, 4.0
    assert stage.check_log() == {"undone effect wrong": 1}


def test_a_seen_item_that_is_shown_is_found(stage: Stage) -> None:
    stage.acknowledged(8)
    run, log = stage.run()
    answer = answer_from(run, log)
    check_seen(answer, stage.ledger, stage.violations)
    assert stage.violations.counts == {"seen item shown": 3}
    check_seen(replace(answer, began=1.5), stage.ledger, stage.violations)
    assert stage.violations.counts == {"seen item shown": 3}


def test_a_seen_item_in_an_answer_that_does_not_know_is_counted_and_no_violation(
    stage: Stage,
) -> None:
    stage.acknowledged(8)
    run, log = stage.run()
    answer = replace(answer_from(run, log), exclusions="unknown")
    assert check_seen(answer, stage.ledger, stage.violations) == (0, 3)
    assert stage.violations.counts == {}


def test_a_named_item_that_is_shown_is_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    answer = answer_from(run, log)
    stage.ledger.state(Stated("ann", (), ("film-7",), 1.0, 2.0))
    assert check_seen(answer, stage.ledger, stage.violations) == (1, 0)
    assert stage.violations.counts == {"seen item shown": 1}


def test_a_live_vector_that_lacks_an_event_or_an_interest_is_found(stage: Stage) -> None:
    stage.acknowledged(20)
    run, log = stage.run()
    declared = Interests(items=("film-29",))

    class Row:
        events_since_cut_off = 0

        def __init__(self, vector: Any, following: Ranking) -> None:
            self.embedding = type("Stored", (), {"to_numpy": lambda _self: vector})()
            self.next_item_nos = following.item_nos.tolist()

    whole = vector_and_following_as_of(run, log, None, declared)
    assert len(whole[1])
    for stored in (
        whole,
        (whole[0], Ranking.empty()),
        vector_and_following_as_of(run, log[:-1], None, declared),
        vector_and_following_as_of(run, log, None),
    ):
        checking.check_vectors(
            {"ann": Row(*stored)},
            run=run,
            logs={"ann": log},
            interests={"ann": declared},
            users=["ann"],
            violations=stage.violations,
            at=0.0,
        )
    assert stage.violations.counts == {"effect wrong": 3}


# --- interests


def state(stage: Stage, *items: str, acknowledged: bool = True) -> None:
    """Ann's interests in the store and in the ledger."""
    with stage.engine.begin() as connection:
        user_no = user_no_of(connection, "ann")
    nos = [stage.dataset.item_nos[item] for item in items]
    stage.execute(
        "insert into user_interests (user_no, words, item_nos, position)"
        " values (:user_no, array['robot'], cast(:nos as integer[]),"
        " nextval('interaction_positions'))"
        " on conflict (user_no) do update set item_nos = excluded.item_nos",
        user_no=user_no,
        nos=nos,
    )
    sent_at = time.monotonic()
    stage.ledger.state(Stated("ann", ("robot",), items, sent_at, sent_at if acknowledged else None))


def test_honest_interests_have_no_violation(stage: Stage) -> None:
    stage.acknowledged(1)
    state(stage, "film-3", "film-1")
    state(stage, "film-2", acknowledged=False)
    assert stage.check_interests() == {}


def test_interests_that_are_gone_are_found(stage: Stage) -> None:
    stage.acknowledged(1)
    state(stage, "film-3")
    stage.execute("delete from user_interests")
    assert stage.check_interests() == {"interests lost": 1}


def test_interests_that_were_replaced_by_older_ones_are_found(stage: Stage) -> None:
    stage.acknowledged(1)
    state(stage, "film-3")
    state(stage, "film-4")
    stage.execute(
        "update user_interests set item_nos = array[cast(:no as integer)]", no=stage.film_nos[3]
    )
    assert stage.check_interests() == {"interests lost": 1}


# --- the shape of answers


def shaped(question: Question, items: list[int], **changed: Any) -> Answer:
    return Answer(
        **{
            "question": question,
            "worker": "api-1",
            "began": 5.0,
            "ended": 5.1,
            "strategy": question.endpoint,
            "source": question.endpoint,
            "degraded": None,
            "run_id": 1,
            "cut_off_at": None,
            "events_since_cut_off": 0,
            "items": tuple(f"film-{index}" for index in items),
            "scores": np.zeros((len(items), 3)),
            **changed,
        }
    )


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (shaped(list_for("ann", 4), [1, 2, 3, 4]), {}),
        (shaped(list_for("ann", 4), [1, 2, 2, 4]), {"item twice in a list": 1}),
        (shaped(list_for("ann", 4), [1, 2, 3]), {"list too short": 1}),
        (shaped(list_for("ann", 4), [1, 2, 3], strategy="fallback"), {}),
        (shaped(list_for("ann", 4), [1, 2, 3], degraded="budget"), {}),
        (shaped(list_for("ann", 4), [], strategy="fallback"), {"list too short": 1}),
        (shaped(Question("popular", 3, categories=("group-1",)), [1, 4, 7]), {}),
        (shaped(Question("popular", 3, categories=("group-1",)), [1, 4, 6]), {"filter ignored": 1}),
        (shaped(Question("popular", 20, categories=("group-1",)), list(range(1, 30, 3))), {}),
        (
            shaped(Question("similar", 3, no_categories=("group-1",)), [2, 3, 4]),
            {"filter ignored": 1},
        ),
        (shaped(Question("similar", 2, seeds=("film-0",)), [0, 3]), {"filter ignored": 1}),
        (
            shaped(Question("recommendations", 4, "ann", most_per_category=2), [0, 3, 6, 1]),
            {"filter ignored": 1},
        ),
        (shaped(Question("latest", 3), [29, 28, 27]), {}),
        (shaped(Question("latest", 3), [29, 27, 28]), {"not the newest first": 1}),
        (shaped(Question("search", 2, words=("even",)), [1, 2]), {"words not found": 1}),
        (shaped(Question("search", 2, words=("even",)), [1, 2], strategy="fallback"), {}),
        (shaped(Question("search", 2, words=("film", "ev")), [1, 2], by_words=("film-1",)), {}),
        (
            shaped(Question("search", 2, words=("even",)), [1, 2], by_words=("film-1",)),
            {"found without its words": 1},
        ),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_what_was_asked_for_is_found(
    stage: Stage, answer: Answer, kinds: dict[str, int]
) -> None:
    check_shape(answer, stage.dataset, stage.ledger, stage.violations)
    assert dict(stage.violations.counts) == kinds


def test_a_list_owes_no_items_that_the_user_has_seen_or_named(stage: Stage) -> None:
    stage.acknowledged(10)
    stage.ledger.state(Stated("ann", (), ("film-10", "film-11"), 3.0))
    check_shape(
        shaped(list_for("ann", 50), list(range(12, 30))),
        stage.dataset,
        stage.ledger,
        stage.violations,
    )
    assert not stage.violations.counts


def test_an_interest_is_something_and_no_interest_is_nothing() -> None:
    assert not NOTHING
    assert NOTHING.with_words(["robot"]) == Interests(("robot",))
