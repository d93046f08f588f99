"""How the time of a request is divided."""

import pytest

from serving.runtime.budget import KNOWING_THE_USER, Budget, current, spending, trying, until


def test_what_is_tried_first_leaves_as_much_time_for_the_other_way_and_is_nobodys_failure() -> None:
    whole = Budget.of("reads", 100.0)
    with spending(whole), until(KNOWING_THE_USER):
        before = current()
        assert before is not None
        with trying(KNOWING_THE_USER):
            tried = current()
        assert current() == before
    assert tried is not None
    assert tried.left() == pytest.approx(before.left() / 2, rel=0.1)
    assert before.counts_as_failure
    assert not tried.counts_as_failure


def test_nothing_is_left_to_try_once_the_time_is_over() -> None:
    spent = Budget("reads", began_at=0.0, seconds=1.0, ends_at=1.0)
    with spending(spent), trying(KNOWING_THE_USER):
        tried = current()
    assert tried is not None
    assert tried.left() == 0.0
