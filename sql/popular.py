"""Popular lists of a run: made from the log by the night, and again by the speed worker."""

import json
from collections.abc import Mapping
from typing import Literal

from sqlalchemy import Connection

from domain.identifiers import RunId
from sql.locks import POPULAR_LISTS, try_lock
from sql.statements import statements

_POPULAR = statements("popular")

Part = Literal["ever", "lately"]
"""The list of all time; all the others."""

RESTS = 40
"""So many times what a part took is waited before it is made again: two parts take 5 % at most."""


def refresh_part(connection: Connection, run_id: RunId, part: Part) -> bool:
    """Make a part of a run's lists anew from the log; False: the run is no longer kept.

    Recomputed, so harmless twice. The transaction must be READ COMMITTED: the log is read after the
    position up to which it is complete.
    """
    parameters = {"run_id": run_id, "part": part}
    return bool(connection.execute(_POPULAR["refresh_popular_items"], parameters).scalar_one())


def claim_due_part(connection: Connection, run_id: RunId, *, seconds: float) -> Part | None:
    """A part that lags behind the log and has rested for `seconds`, and RESTS times what it took.

    None too if somebody else refreshes this run just now; nobody does until the transaction ends.
    """
    if not try_lock(connection, POPULAR_LISTS, run_id):
        return None
    parameters = {"run_id": run_id, "seconds": seconds, "rests": RESTS}
    due: Part | None = connection.execute(
        _POPULAR["find_due_part"], parameters
    ).scalar_one_or_none()
    return due


def store_parameters(
    connection: Connection, run_id: RunId, parameters: Mapping[str, float]
) -> None:
    """Note in the row of a run how its lists are made, for whoever makes them again."""
    noted = {"run_id": run_id, "popular": json.dumps(dict(parameters))}
    connection.execute(_POPULAR["store_popular_parameters"], noted)


def store_well_known(connection: Connection, run_id: RunId) -> None:
    """Keep the popular lists as they are now, for choices that are to stay the same."""
    connection.execute(_POPULAR["store_well_known"], {"run_id": run_id})


def count_lists(connection: Connection, run_id: RunId) -> int:
    """How many lists a run has."""
    return int(connection.execute(_POPULAR["count_popular_lists"], {"run_id": run_id}).scalar_one())
