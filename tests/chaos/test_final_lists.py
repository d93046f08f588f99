"""Chaos: a list that does not show all that is known, after all has settled, is found."""

from dataclasses import replace

import pytest

from tests.chaos.answers import Answer
from tests.chaos.comparing import Comparison
from tests.chaos.contents import NOTHING, Interests, LogRow, RunContents
from tests.chaos.stage import Stage, answer_from


def found(
    stage: Stage, run: RunContents, log: list[LogRow], answer: Answer, declared: Interests = NOTHING
) -> list[str]:
    """What is found if the run is served and so much is in the store."""
    comparison = Comparison({run.run_id: run}, {"ann": log}, stage.ledger)
    comparison.check_final_lists([answer], run.run_id, {"ann": declared}, stage.violations)
    return list(stage.violations.counts)


def test_a_final_list_with_all_that_is_known_is_honest(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    declared = Interests(items=("film-29",))
    assert found(stage, run, log, answer_from(run, log)) == []
    assert found(stage, run, log, answer_from(run, log, declared), declared) == []


def test_a_final_list_of_a_run_that_is_not_served_is_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    stale = replace(answer_from(run, log), run_id=run.run_id - 1)
    assert found(stage, run, log, stale) == ["effect wrong"]


def test_a_final_list_that_does_not_know_the_newest_event_is_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    answer = answer_from(run, log)
    late = replace(log[-1], position=run.cut_off_position + 1)
    assert found(stage, run, [*log[:-1], late], answer) == ["effect wrong"]


@pytest.mark.parametrize("given", [NOTHING, Interests(items=("film-1",))])
@pytest.mark.parametrize("strategy", ["blend", "speed"])
def test_a_final_list_made_with_other_interests_is_found(
    stage: Stage, given: Interests, strategy: str
) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    declared = Interests(items=("film-29",))
    answer = replace(answer_from(run, log, given), strategy=strategy)
    assert found(stage, run, log, answer, declared) == ["effect wrong"]


def test_a_final_list_without_the_live_vector_is_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    bare = answer_from(run, log)
    bare = replace(bare, scores=bare.scores * [1.0, 1.0, 0.0])
    assert found(stage, run, log, bare) == ["effect wrong"]
