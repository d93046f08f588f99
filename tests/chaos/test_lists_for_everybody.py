"""Chaos: a list for everybody that fits no version of what it was made from is found."""

from dataclasses import replace

import numpy as np
from sqlalchemy import Engine, text

from tests.chaos.comparing import check_starters
from tests.chaos.questions import Question
from tests.chaos.stage import OLD_SCORES, POPULAR, Stage, made_from, popular_from, similar
from tests.chaos.versions import fault_of

NEW_SCORES = [score**2 for score in OLD_SCORES]


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
    assert fault_of(replace(late, strategy="fallback"), run, None) is None
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


def test_similar_items_score_what_their_similarity_embeddings_say(stage: Stage) -> None:
    stage.acknowledged(5)
    run, _ = stage.run()
    assert fault_of(similar(run, "film-1"), run, None) is None
    several = similar(run, "film-1", "film-28")
    assert fault_of(several, run, None) is None
    of_another = replace(several, question=replace(several.question, seeds=("film-1",)))
    assert fault_of(of_another, run, None) is not None
    halved = {
        item: similarity_embedding / np.float32(2)
        for item, similarity_embedding in run.similarity_embeddings.items()
    }
    assert (
        fault_of(similar(run, "film-1"), replace(run, similarity_embeddings=halved), None)
        is not None
    )


def test_a_version_is_kept_whoever_of_the_processes_writes_it(
    stage: Stage, app_engine: Engine
) -> None:
    stage.acknowledged(5)
    run, _ = stage.run()
    with app_engine.begin() as connection:
        connection.execute(text("update popular_items set scores = scores || cast(0 as real)"))
    assert len(stage.with_popular(run).popular["popular"]) == 2
