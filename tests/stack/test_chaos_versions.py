"""Chaos: an answer with a part from elsewhere than the run it names is found."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import Engine

from stack.chaos.answers import Answer
from stack.chaos.comparing import Comparison, check_starters
from stack.chaos.contents import NOTHING, Interests, LogRow, RunContents
from stack.chaos.ledger import Sent, Stated
from stack.chaos.questions import Question, list_for
from stack.chaos.versions import fault_of, line_error
from tests.stack.chaos_stage import FILMS, Stage, answer_from, made_from, popular_from

POPULAR = Question("popular", 20)
OLD_SCORES = [float(FILMS - place) for place in range(FILMS)]
"""As the run of the stage has them."""
NEW_SCORES = [score**2 for score in OLD_SCORES]


@pytest.fixture
def stage(engine: Engine, film_nos: list[int], tmp_path: Path) -> Stage:
    return Stage(engine, film_nos, tmp_path)


@given(
    some.lists(some.floats(-100, 100), min_size=3, max_size=30, unique=True),
    some.floats(0.01, 100),
    some.floats(-10, 10),
)
@settings(max_examples=50)
def test_scores_on_a_line_over_the_stored_ones_are_no_error(
    stored: list[float], slope: float, start: float
) -> None:
    told = [slope * score + start for score in stored]
    assert line_error(stored, told) <= 1e-9 * max(1.0, slope)


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
        lambda one: replace(one, cut_off_at=datetime(2026, 1, 1, tzinfo=UTC)),
        lambda one: replace(one, scores=one.scores[:, [0, 2, 2]]),
        lambda one: replace(one, scores=one.scores[:, [0, 1, 1]]),
        lambda one: replace(one, items=tuple(reversed(one.items))),
        lambda one: replace(one, items=("film-99", *one.items[1:])),
        lambda one: replace(one, level="popular"),
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


# --- interests


def test_a_list_made_with_interests_that_may_stand_is_honest(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    said = Interests(items=("film-29",))
    answer = answer_from(run, log, said)
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


# --- lists read after everything has settled


def settled(
    stage: Stage, run: RunContents, log: list[LogRow], answer: Answer, said: Interests = NOTHING
) -> list[str]:
    """What is found if the run is served and so much is in the store."""
    comparison = Comparison({run.run_id: run}, {"ann": log}, stage.ledger)
    comparison.check_settled([answer], run.run_id, {"ann": said}, stage.violations)
    return list(stage.violations.counts)


def test_a_settled_list_with_all_that_is_known_is_honest(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    said = Interests(items=("film-29",))
    assert settled(stage, run, log, answer_from(run, log)) == []
    assert settled(stage, run, log, answer_from(run, log, said), said) == []


def test_a_settled_list_of_a_run_that_is_not_served_is_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    stale = replace(answer_from(run, log), run_id=run.run_id - 1)
    assert settled(stage, run, log, stale) == ["effect wrong"]


def test_a_settled_list_that_does_not_know_the_newest_event_is_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    answer = answer_from(run, log)
    late = replace(log[-1], position=run.cut_off_position + 1)
    assert settled(stage, run, [*log[:-1], late], answer) == ["effect wrong"]


@pytest.mark.parametrize("given", [NOTHING, Interests(items=("film-1",))])
@pytest.mark.parametrize("level", ["blend", "speed"])
def test_a_settled_list_made_with_other_interests_is_found(
    stage: Stage, given: Interests, level: str
) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    said = Interests(items=("film-29",))
    answer = replace(answer_from(run, log, given), level=level)
    assert settled(stage, run, log, answer, said) == ["effect wrong"]


def test_a_settled_list_without_the_live_vector_is_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    bare = answer_from(run, log)
    bare = replace(bare, scores=bare.scores * [1.0, 1.0, 0.0])
    assert settled(stage, run, log, bare) == ["effect wrong"]


# --- events that were taken out again


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


# --- what counts as compared


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
    compared = [blend, popular_from(run, OLD_SCORES, POPULAR), alike(run, "film-1")]
    assert comparison.check_versions(compared, states, stage.violations) == 3
    assert not stage.violations.counts


# --- lists for everybody


def test_a_popular_list_fits_the_version_it_was_made_from(stage: Stage) -> None:
    stage.acknowledged(5)
    run, _ = stage.run()
    before = popular_from(run, OLD_SCORES, POPULAR)
    assert fault_of(before, run, None) is None
    stage.refresh(run, NEW_SCORES)
    run = stage.with_popular(run)
    assert len(run.popular["popular"]) == 2
    assert fault_of(before, run, None) is None
    assert fault_of(popular_from(run, NEW_SCORES, POPULAR), run, None) is None


def test_scores_of_no_version_of_the_list_are_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, _ = stage.run()
    assert fault_of(popular_from(run, NEW_SCORES, POPULAR), run, None) is not None
    assert fault_of(popular_from(run, OLD_SCORES[::-1], POPULAR), run, None) is not None


def test_a_version_is_not_to_be_seen_before_it_is_written(stage: Stage) -> None:
    stage.acknowledged(5)
    run, _ = stage.run()
    early = popular_from(run, NEW_SCORES, POPULAR)
    early = replace(early, began=early.began - 1.0, ended=early.ended - 1.0)
    stage.refresh(run, NEW_SCORES)
    run = stage.with_popular(run)
    assert fault_of(early, run, None) is not None


def test_a_version_long_replaced_is_found_unless_the_list_was_kept(stage: Stage) -> None:
    stage.acknowledged(5)
    run, _ = stage.run()
    stage.refresh(run, NEW_SCORES)
    run = stage.with_popular(run)
    late = popular_from(run, OLD_SCORES, POPULAR)
    late = replace(late, began=late.began + 60.0, ended=late.ended + 60.0)
    assert fault_of(late, run, None) is not None
    assert fault_of(replace(late, level="held"), run, None) is None
    assert fault_of(replace(late, source="cache"), run, None) is None


def test_a_list_of_one_window_is_no_list_of_another(stage: Stage) -> None:
    stage.acknowledged(5)
    run, _ = stage.run()
    stage.execute(
        "insert into popular_items (run_id, list, item_nos, scores)"
        " select run_id, 'popular_week', item_nos, cast(:scores as real[]) from popular_items"
        " where run_id = :run_id and list = 'popular'",
        scores=NEW_SCORES,
        run_id=run.run_id,
    )
    run = stage.with_popular(run)
    weekly = Question("popular", 20, window="week")
    assert fault_of(popular_from(run, NEW_SCORES, weekly), run, None) is None
    assert fault_of(popular_from(run, NEW_SCORES, POPULAR), run, None) is not None
    daily = replace(weekly, window="day")
    assert fault_of(popular_from(run, NEW_SCORES, daily), run, None) is not None
    # What stands in for a window of which there is nothing.
    assert fault_of(popular_from(run, OLD_SCORES, weekly), run, None) is None


def test_starters_of_one_session_differ_in_nothing_but_their_length(stage: Stage) -> None:
    stage.acknowledged(5)
    run, _ = stage.run()
    question = Question("starter", 5, session="anna")
    long = made_from(run, question, "starter", np.zeros((5, 3)))
    short = replace(long, items=long.items[:3])
    other = replace(long, items=long.items[::-1])
    assert check_starters([long, short], stage.violations) == 1
    assert not stage.violations.counts
    elsewhere = replace(other, question=replace(question, session="ben"))
    assert check_starters([long, elsewhere], stage.violations) == 0
    check_starters([long, other], stage.violations)
    assert stage.violations.counts == {"another starter": 1}


# --- items like others


def alike(run: RunContents, *seeds: str) -> Answer:
    """An honest answer."""
    middle = np.mean([run.likenesses[seed] for seed in seeds], axis=0)
    scores = [[float(run.likenesses[f"film-{place}"] @ middle), 0, 0] for place in range(5, 25)]
    return made_from(run, Question("similar", 20, seeds=seeds), "similar", scores)


def test_similar_items_score_what_their_likenesses_say(stage: Stage) -> None:
    stage.acknowledged(5)
    run, _ = stage.run()
    assert fault_of(alike(run, "film-1"), run, None) is None
    several = alike(run, "film-1", "film-28")
    assert fault_of(several, run, None) is None
    of_another = replace(several, question=replace(several.question, seeds=("film-1",)))
    assert fault_of(of_another, run, None) is not None
    halved = {item: likeness / 2 for item, likeness in run.likenesses.items()}
    assert fault_of(alike(run, "film-1"), replace(run, likenesses=halved), None) is not None


# --- the power of all this


def test_the_power_tells_what_a_comparison_with_the_run_beside_it_finds(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    backwards = dict(zip(run.lists["ann"], reversed(run.lists["ann"].values()), strict=True))
    other = replace(
        run,
        run_id=run.run_id + 1,
        lists={"ann": backwards},
        likenesses={item: likeness / 2 for item, likeness in run.likenesses.items()},
    )
    answers = [
        answer_from(run, log),
        popular_from(run, OLD_SCORES, POPULAR),
        alike(run, "film-1"),
    ]
    runs = {run.run_id: run, other.run_id: other}
    found = Comparison(runs, {"ann": log}, stage.ledger).power(answers)
    # Their popular lists are the same, so nobody could tell.
    assert found == {"blend": 1.0, "popular": 0.0, "similar": 1.0}
    alone = Comparison({run.run_id: run}, {"ann": log}, stage.ledger).power(answers)
    assert alone == {"blend": None, "popular": None, "similar": None}
