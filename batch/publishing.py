"""Publishing: the switch, in one transaction of the caller's."""

from sqlalchemy import Connection

from domain.errors import TandemError
from domain.identifiers import Position, RunId
from sql.statements import statements

_BATCH = statements("batch")

SHARDS = 8
"""Into how many shares the speed workers divide the users of a run: `user_no % SHARDS`."""


class RunNotReadyError(TandemError):
    """The run is not ready to be published."""


def publish_run(connection: Connection, run_id: RunId, position: Position) -> None:
    """Serve the run from the commit on; all its live vectors know the log up to `position`.

    RunNotReadyError if the run did not pass the gate, or somebody ended it meanwhile.
    """
    if connection.execute(_BATCH["mark_published"], {"run_id": run_id}).one_or_none() is None:
        raise RunNotReadyError(f"Run {run_id} is not ready to be published.")
    parameters = {"run_id": run_id, "position": position, "shards": SHARDS}
    connection.execute(_BATCH["store_progress"], parameters)
    connection.execute(_BATCH["switch_live_run"], {"run_id": run_id})
