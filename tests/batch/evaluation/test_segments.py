"""Every evaluated user is in one segment, by what the user had done before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from batch.evaluation.segments import ALL, segments


def segment_of(past_items: int) -> str:
    if past_items < 5:
        return "new"
    return "light" if past_items < 20 else "heavy"


@given(past_items=st.lists(st.integers(0, 30), min_size=1))
def test_everybody_is_in_all_and_in_the_segment_of_their_past(past_items: list[int]) -> None:
    members = segments(np.array(past_items))
    assert members.pop(ALL).tolist() == list(range(len(past_items)))
    found = {index: name for name, indexes in members.items() for index in indexes}
    assert found == {index: segment_of(items) for index, items in enumerate(past_items)}
    assert all(len(indexes) for indexes in members.values())
