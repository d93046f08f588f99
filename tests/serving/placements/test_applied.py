"""Several placements saved and ended together: all, or none."""

import asyncio

import pytest
from sqlalchemy import Engine, text

from serving.access.acting import Actor
from serving.placements.definition import PlacementDefinition
from serving.placements.placement_keeping import PlacementChange, PlacementKeeping
from serving.postgres.store import Store
from serving.runtime.faults import PlacementConflictError


def of_limit(limit: int, *names: str) -> list[PlacementChange]:
    return [PlacementChange(name, 0, PlacementDefinition(limit=limit)) for name in names]


async def test_of_two_who_apply_at_once_one_gets_the_conflict_and_nothing_of_theirs_is_applied(
    engine: Engine, database_url: str
) -> None:
    store = Store.at(database_url)
    keeping = PlacementKeeping(store)
    # Each has what the other has not, and they name what both have in another order.
    files = {"ann": of_limit(1, "a", "b", "c"), "bob": of_limit(2, "c", "b", "d")}
    try:
        outcomes = await asyncio.gather(
            *(keeping.apply(changes, Actor(who), note="") for who, changes in files.items()),
            return_exceptions=True,
        )
        (error,) = [outcome for outcome in outcomes if outcome is not None]
        assert isinstance(error, PlacementConflictError)
        winner = "bob" if outcomes[0] is error else "ann"
        assert f"{winner} saved it at" in str(error)
        in_force = {each.name: each.saved_by for each in await keeping.list() if each.version}
        assert in_force == {change.name: winner for change in files[winner]}
        # Sent again because the answer was lost, it has been done already.
        await keeping.apply(files[winner], Actor(winner), note="")
        with pytest.raises(PlacementConflictError, match="Look at it"):
            await keeping.apply([*files[winner], *of_limit(3, "e")], Actor(winner), note="")
        ends = [PlacementChange("b", 1, None), PlacementChange("c", 1, PlacementDefinition())]
        await keeping.apply(ends, Actor(winner), note="")
        gone = PlacementChange("b", 1, PlacementDefinition())
        with pytest.raises(PlacementConflictError, match="no placement 'b' any more"):
            await keeping.apply([gone], Actor(winner), note="")
    finally:
        await store.close()
    with engine.connect() as connection:
        acts = connection.execute(text("select act, subject from audit_log order by audit_id"))
        ended = [("delete placement", "b"), ("save placement", "c")]
        saves = sorted(("save placement", change.name) for change in files[winner])
        assert [(act, subject) for act, subject in acts] == [*saves, *ended]
