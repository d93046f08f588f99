"""Chaos: an answer with a part from elsewhere than the run it names is found."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos import bulk_loading
from tests.chaos.answers import Answer
from tests.chaos.comparing import Comparison
from tests.chaos.contents import NOTHING, Interests, LogRow, RunContents
from tests.chaos.ledger import Sent, Stated
from tests.chaos.questions import Question, list_for
from tests.chaos.stage import (
    OLD_SCORES,
    POPULAR,
    Stage,
    answer_from,
    made_from,
    popular_from,
    similar,
)
from tests.chaos.versions import fault_of, line_error


@given(
    st.lists(st.floats(-100, 100), min_size=3, max_size=30, unique=True),
    st.floats(0.01, 100),
    st.floats(-10, 10),
)
@settings(max_examples=50)
def test_scores_on_a_line_over_the_stored_ones_are_no_error(
    stored: list[float], slope: float, start: float
) -> None:
    shown = [slope * score + start for score in stored]
    assert line_error(stored, shown) <= 1e-9 * max(1.0, slope)


def test_scores_of_another_list_are_off_the_line() -> None:
    drawn = np.random.default_rng(3)
    assert line_error(drawn.normal(size=20).tolist(), drawn.normal(size=20).tolist()) > 0.1


def test_scores_on_a_falling_line_are_those_of_another_list() -> None:
    assert line_error([1.0, 2.0, 3.0], [1.0, 0.5, 0.0]) == 1.0


def test_an_honest_answer_comes_from_its_run(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    assert fault_of(answer_from(run, log), run, log) is None


@pytest.mark.parametrize(
    "dishonest",
    [
        lambda answer: replace(answer, cut_off_at=datetime(2026, 1, 1, tzinfo=UTC)),
        lambda answer: replace(answer, scores=answer.scores[:, [0, 2, 2]]),
        lambda answer: replace(answer, scores=answer.scores[:, [0, 1, 1]]),
        lambda answer: replace(answer, items=tuple(reversed(answer.items))),
        lambda answer: replace(answer, items=("film-99", *answer.items[1:])),
        lambda answer: replace(answer, strategy="popular"),
    ],
    ids=["cut-off", "batch scores", "speed scores", "other items", "no such item", "popular"],
)
def test_an_answer_with_a_part_from_elsewhere_is_found(stage: Stage, dishonest: Any) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    assert fault_of(dishonest(answer_from(run, log)), run, log) is not None


def compared(stage: Stage, run: RunContents, log: list[LogRow], *answers: Answer) -> dict[str, int]:
    """What a comparison finds if the run was published."""
    comparison = Comparison({run.run_id: run}, {"ann": log}, stage.ledger)
    comparison.check_versions(answers, {run.run_id: "published"}, stage.violations)
    return dict(stage.violations.counts)


def test_an_answer_that_names_an_unpublished_run_is_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    honest = answer_from(run, log)
    comparison = Comparison({run.run_id: run}, {"ann": log}, stage.ledger)
    for answer, states in (
        (honest, {run.run_id: "failed"}),
        (honest, {}),
        (replace(honest, run_id=None), {run.run_id: "published"}),
    ):
        comparison.check_versions([answer], states, stage.violations)
    assert stage.violations.counts == {"mixed versions": 3}


def test_a_list_made_with_interests_that_may_stand_is_honest(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    declared = Interests(items=("film-29",))
    answer = answer_from(run, log, declared)
    stage.ledger.state(Stated("ann", (), ("film-29",), answer.began, None))
    assert compared(stage, run, log, answer, answer_from(run, log)) == {}


def test_a_list_made_with_interests_nobody_stated_is_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    answer = answer_from(run, log, Interests(items=("film-29",)))
    assert compared(stage, run, log, answer) == {"mixed versions": 1}


def test_interests_asked_for_must_be_in_the_vector_unless_there_was_no_time(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    # The word is, in this run, what the last film is.
    run = replace(run, phrases=replace(run.items, item_nos=run.items.item_nos - 1_000_000))
    run = replace(run, phrase_nos={"robot": run.item_nos["film-29"] - 1_000_000})
    asked = replace(list_for("ann", 20), interests=("robot",))
    assert fault_of(answer_from(run, log, Interests(("robot",)), asked), run, log) is None
    unheard = answer_from(run, log, NOTHING, asked)
    assert fault_of(unheard, run, log) is not None
    assert fault_of(replace(unheard, degraded="budget"), run, log) is None


def test_a_vector_made_for_one_request_may_know_all_that_a_bulk_load_brought(stage: Stage) -> None:
    stage.acknowledged(bulk_loading.EVENTS_OF_ONE + 3)
    run, log = stage.run()
    run = replace(run, cut_off_position=0)
    run = replace(run, phrases=replace(run.items, item_nos=run.items.item_nos - 1_000_000))
    run = replace(run, phrase_nos={"robot": run.item_nos["film-29"] - 1_000_000})
    asked = replace(list_for("ann", 20), interests=("robot",))
    answer = answer_from(run, log, Interests(("robot",)), asked)
    assert fault_of(replace(answer, events_since_cut_off=0), run, log) is None
    plain = answer_from(run, log)
    assert fault_of(replace(plain, events_since_cut_off=0), run, log) is not None


def test_only_a_list_that_can_know_a_deleted_event_is_excused(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    honest = answer_from(run, log)
    wrong = replace(honest, scores=honest.scores[:, [0, 1, 1]])
    deleted = Sent(str(uuid.uuid4()), "ann", "film-29", "view", None, True, honest.ended + 1.0)
    deleted.deleting_at = honest.ended + 2.0
    stage.ledger.send(deleted)
    assert compared(stage, run, log, wrong) == {"mixed versions": 1}
    later = replace(wrong, began=wrong.began + 1.0, ended=wrong.ended + 1.0)
    assert compared(stage, run, log, later) == {"mixed versions": 1}


def test_only_answers_whose_scores_are_compared_count(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    blend, nothing = answer_from(run, log), np.zeros((20, 3))
    answers = [
        made_from(run, Question("search", 20, words=("even",)), "search", np.ones((20, 3))),
        made_from(run, Question("latest", 20), "latest", nothing),
        made_from(run, Question("starter", 20), "starter", nothing),
        made_from(run, POPULAR, "popular", nothing),
        made_from(run, Question("similar", 20, seeds=("film-1",)), "similar", nothing),
        replace(blend, scores=nothing),
    ]
    comparison = Comparison({run.run_id: run}, {"ann": log}, stage.ledger)
    states = {run.run_id: "published"}
    assert comparison.check_versions(answers, states, stage.violations) == 0
    compared = [blend, popular_from(run, OLD_SCORES, POPULAR), similar(run, "film-1")]
    assert comparison.check_versions(compared, states, stage.violations) == 3
    assert not stage.violations.counts


def test_the_power_tells_what_a_comparison_with_the_run_beside_it_finds(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    backwards = dict(zip(run.lists["ann"], reversed(list(run.lists["ann"].values())), strict=True))
    other = replace(
        run,
        run_id=run.run_id + 1,
        lists={"ann": backwards},
        similarity_embeddings={
            item: similarity_embedding / np.float32(2)
            for item, similarity_embedding in run.similarity_embeddings.items()
        },
    )
    answers = [
        answer_from(run, log),
        popular_from(run, OLD_SCORES, POPULAR),
        similar(run, "film-1"),
    ]
    runs = {run.run_id: run, other.run_id: other}
    found = Comparison(runs, {"ann": log}, stage.ledger).power(answers)
    # Their popular lists are the same, so nobody could tell.
    assert found == {"blend": 1.0, "popular": 0.0, "similar": 1.0}
    alone = Comparison({run.run_id: run}, {"ann": log}, stage.ledger).power(answers)
    assert alone == {"blend": None, "popular": None, "similar": None}
