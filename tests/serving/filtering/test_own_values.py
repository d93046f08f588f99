"""What a filter compares with of the user's own, and how much of it."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import text

from domain.errors import StoreUnavailableError
from domain.identifiers import UserId
from serving.answering.own_values import OwnValues
from serving.answering.schemas import written_filter
from serving.candidates.filters import Filters
from serving.postgres.store import Store
from serving.runtime.breaker import Breaker, BreakerRules
from serving.runtime.budget import Budget, spending
from serving.runtime.faults import FaultyInputError

ANN = UserId("ann")


class Users:
    """One user, of whom this is said."""

    def __init__(self, **attributes: Any) -> None:
        self._attributes = attributes

    async def find_attributes(self, user_id: UserId) -> Mapping[str, Any]:
        assert user_id == ANN
        return self._attributes


async def resolved(written: str, **attributes: Any) -> Filters:
    own_values = OwnValues(Users(**attributes), may_see_users=True)
    return await own_values.resolved(Filters().also(written_filter(written)), ANN)


async def test_a_list_is_known_by_which_value_stands_where() -> None:
    written = "tag in user.liked and tag not in user.blocked"
    keys = {
        (await resolved(written, liked=liked, blocked=blocked)).key()
        for liked, blocked in (
            (["a", "b"], ["c"]), (["a"], ["b", "c"]), (["a", "b", "c"], []), ([], ["a", "b", "c"]),
        )
    }  # fmt: skip
    assert len(keys) == 4
    values = (1, "1", True, None, [])
    keys = {(await resolved("a = user.size", size=value)).key() for value in values}
    assert len(keys) == 4, "what the user lacks equals nothing, as what is empty"


async def test_all_of_a_long_list_counts_or_the_filter_is_refused() -> None:
    hidden = [f"film-{number}" for number in range(1_000)]
    path = (await resolved("item_id not in user.hidden", hidden=hidden)).parameters()["item_path"]
    assert '"film-999"' in path
    for written, more in (
        ("item_id not in user.hidden", [*hidden, "film-1000"]),
        ("item_id in user.hidden or title in user.hidden", hidden[:501]),
    ):
        with pytest.raises(FaultyInputError) as refused:
            await resolved(written, hidden=more)
        assert refused.value.faults[0].detail == (
            "It compares with more than 1,000 values of this user's attributes."
        )


async def test_a_filter_that_takes_too_long_does_not_look_like_an_outage(database_url: str) -> None:
    rules = BreakerRules(errors_in_row=3)
    store = Store.at(database_url, breaker=Breaker(rules))
    for _ in range(2 * rules.errors_in_row):
        with spending(Budget.of("reads", 0.3)):
            await resolved("year = 1990")
            with pytest.raises(StoreUnavailableError) as late:
                await store.rows(text("select pg_sleep(5)"))
        # Stalled: this very process had no time to look.
        assert late.value.reason in {"timeout", "stalled"}
    assert store.breaker.state == "closed"
    await store.close()
