"""The run that a nightly flow has made."""

from sql.runs import newest_run_no
from stack.database import using_engine
from stack.runs import RunRecord, find_run


def newest_run(database_url: str) -> int:
    """The number of the newest run; 0 if there is none."""
    with using_engine(database_url) as engine, engine.connect() as connection:
        return newest_run_no(connection)


def find_run_after(database_url: str, before: int) -> RunRecord | None:
    """The newest run, if it is newer than this one."""
    with using_engine(database_url) as engine, engine.connect() as connection:
        newest = newest_run_no(connection)
        return find_run(connection, newest) if newest > before else None
