"""How long a write waits for requests that are likely to join it."""

from hypothesis import given
from hypothesis import strategies as st

from serving.events.gathering import Gathering


def after_writes(*at_hand: int) -> Gathering:
    gathering = Gathering()
    for requests in at_hand:
        gathering.note_begun(requests)
        gathering.note_committed()
    return gathering


@given(st.lists(st.just(1), max_size=5))
def test_who_is_alone_waits_for_nobody(before: list[int]) -> None:
    assert after_writes(*before).seconds(1) == 0


@given(st.integers(2, 100))
def test_who_comes_after_several_waits_for_as_many_but_a_moment(
    several: int,
) -> None:
    gathering = after_writes(several)
    assert 0 < gathering.seconds(several - 1) <= 0.005
    assert gathering.seconds(several) == 0


def test_a_crowd_is_forgotten_once_it_is_gone() -> None:
    assert after_writes(64, *[1] * 30).seconds(1) == 0
