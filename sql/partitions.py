"""A run's partitions: made and taken away beside those who read other runs."""

from sqlalchemy import Connection

from domain.identifiers import RunId
from sql.statements import statements

_LIVE = statements("live")


def create_partitions(connection: Connection, run_id: RunId) -> None:
    """Make the partitions a run is written into."""
    connection.execute(_LIVE["create_run_partitions"], {"run_id": run_id})


def drop_partitions(session: Connection, run_id: RunId) -> None:
    """Take a run's partitions away; harmless if some are gone already.

    `session` must be in autocommit. Nobody who reads another run waits for this; it waits itself
    for whoever reads just now, so give the session a lock timeout (OperationalError). Where it
    was broken off it goes on when it is called again.
    """
    # Each in a transaction of its own: it holds what all runs share only until that commits.
    while session.execute(_LIVE["detach_run_partition"], {"run_id": run_id}).scalar_one():
        pass
    session.execute(_LIVE["drop_run_partitions"], {"run_id": run_id})
