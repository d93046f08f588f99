"""Hidden items are left out of what was found; if too many are, it is searched without them."""

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.blend import CANDIDATES, SPEED
from domain.identifiers import ItemNo, RunId
from domain.rankings import Ranking
from serving.candidates import collect
from serving.candidates.catalogue_items import Columns
from serving.candidates.source import CandidateRequest
from serving.candidates.user_state import UserState


class Searching:
    """Finds the best of a thousand items that are not excluded."""

    name = SPEED

    def __init__(self, items: int) -> None:
        self.items = items
        self.searches = 0

    async def candidates(self, user: UserState, request: CandidateRequest) -> Ranking:
        self.searches += 1
        left = [no for no in range(1, self.items + 1) if no not in user.excluded]
        found = left[:CANDIDATES]
        nothing: list[Any] = [None] * len(found)
        names = [str(no) for no in found]
        request.lookup.add_found(
            Columns(found, nothing, names, names, nothing),
            new=Columns(found[-3:], nothing[:3], names[-3:], names[-3:], nothing[:3]),
        )
        scores = np.array([1.0 / no for no in found])
        return Ranking(np.array(found, dtype=np.int32), scores)


async def found(items: int, hidden: range) -> tuple[list[int], int]:
    source = Searching(items)
    user = UserState(Ranking.empty(), [1.0], 0, ())
    request = CandidateRequest(RunId(1), cast("Any", None), hidden=[*map(ItemNo, hidden)])
    candidates = await collect(user, request, [SPEED], [source])
    assert not {*candidates.new} & {*hidden}
    return candidates.rankings[SPEED].item_nos.tolist(), source.searches


@pytest.mark.parametrize(
    ("items", "hidden", "searches"),
    [
        (1_000, range(0), 1),
        (1_000, range(500, 900), 1),
        (1_000, range(1, 50), 1),
        (1_000, range(1, 150), 2),
        # There is nothing else to be found.
        (150, range(1, 120), 1),
    ],
)
async def test_what_is_hidden_is_searched_for_without_only_if_it_is_most_of_what_was_found(
    items: int, hidden: range, searches: int
) -> None:
    assert (await found(items, hidden))[1] == searches


@given(items=st.integers(1, 500), first=st.integers(1, 500), many=st.integers(0, 400))
async def test_what_is_found_is_the_beginning_of_what_a_search_without_it_finds(
    items: int, first: int, many: int
) -> None:
    hidden = range(first, first + many)
    left = [no for no in range(1, items + 1) if no not in hidden][:CANDIDATES]
    numbers, _ = await found(items, hidden)
    assert numbers == left[: len(numbers)]
    assert len(numbers) >= min(len(left), CANDIDATES // 2)
