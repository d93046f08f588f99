"""Publishing: the first time a run is served."""

from sqlalchemy import Connection

from batch.runs.forgetting import clear_forgotten
from domain.errors import TandemError
from domain.identifiers import Position, RunId
from sql.live_vectors import RunSpace
from sql.promotion import lock_promotion, serve
from sql.statements import statements

_BATCH = statements("batch")

SHARDS = 8
"""Into how many shares the speed workers divide the users of a run: `user_no % SHARDS`."""

BY = "nightly"


class RunNotReadyError(TandemError):
    """The run is not ready to be published."""


def begin_progress(connection: Connection, run_id: RunId, position: Position) -> None:
    """Note that the live vectors of all users know the log up to `position`; harmless twice."""
    parameters = {"run_id": run_id, "position": position, "shards": SHARDS}
    connection.execute(_BATCH["begin_progress"], parameters)


def publish_run(connection: Connection, run: RunSpace) -> None:
    """Serve the run from the commit on, with the whole log in its live vectors.

    RunNotReadyError if the run did not pass the promotion gate, or somebody ended it meanwhile. A
    run that is published already stays as it is: the connection may have been lost after the
    commit.
    """
    lock_promotion(connection)
    state = connection.execute(_BATCH["mark_published"], {"run_id": run.run_id}).scalar_one()
    if state == "evaluated":
        clear_forgotten(connection, run.run_id)
        serve(connection, run, how="published", by=BY)
    elif state != "published":
        raise RunNotReadyError(f"Run {run.run_id} is {state}, not ready to be published.")
