"""A run's partitions: made and taken away beside those who read other runs."""

from sqlalchemy import Connection, text

from domain.identifiers import RunId
from sql.statements import statements

_LIVE = statements("live")

PARENTS = (
    "batch_recommendations",
    "item_embeddings",
    "user_embeddings",
    "popular_items",
    "term_embeddings",
    "item_likenesses",
)
"""Tables with a partition a run."""


def create_partitions(connection: Connection, run_id: RunId) -> None:
    """Make the partitions a run is written into."""
    connection.execute(_LIVE["create_run_partitions"], {"run_id": run_id})


def drop_partitions(session: Connection, run_id: RunId) -> None:
    """Take a run's partitions away; harmless if some are gone already.

    `session` must be in autocommit. Nobody who reads another run waits for this; it waits itself
    for whoever reads just now, so give the session a lock timeout (OperationalError). Where it
    was broken off it goes on when it is called again.
    """
    for parent in PARENTS:
        _detach(session, parent, run_id)
    session.execute(_LIVE["drop_run_partitions"], {"run_id": run_id})


def _detach(session: Connection, parent: str, run_id: RunId) -> None:
    # PostgreSQL detaches one partition of a table at a time: what an earlier attempt has left half
    # detached comes first, whichever run it belongs to.
    pending = session.execute(_LIVE["find_half_detached"], {"parent": parent}).scalars().all()
    for partition in pending:
        session.execute(text(f"alter table {parent} detach partition {partition} finalize"))
    partition = f"{parent}_{run_id}"
    if session.execute(_LIVE["is_attached"], {"partition": partition}).scalar_one():
        # In no function and no transaction: it commits in between.
        session.execute(text(f"alter table {parent} detach partition {partition} concurrently"))
