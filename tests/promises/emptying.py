"""The database as it was before the last example, for machines that run many."""

from sqlalchemy import Engine, text

from batch.runs.model_runs import drop_partitions
from domain.identifiers import RunId

_TABLES = (
    "users, interactions, event_receipts, event_deletions, forgotten_users, history_changes,"
    " impressions, replaced_items,"
    " promotions, live_run, speed_progress, popular_refreshes, recent_transitions,"
    " item_changes,"
    " item_embedding_progress,"
    " user_interests, model_runs"
)


def empty(engine: Engine, *others: str) -> None:
    """Remove all runs, users and events, and the rows of the tables `others`."""
    with engine.connect() as connection:
        found = connection.execute(text("select run_id from model_runs order by run_id"))
        run_ids = [RunId(no) for no in found.scalars()]
        connection.execute(text("delete from live_run"))
        connection.commit()
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        for run_id in run_ids:
            drop_partitions(session, run_id)
        session.execute(text(f"truncate {', '.join((*others, _TABLES))}"))
