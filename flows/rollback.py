"""Rollback from the Prefect UI: an earlier run is served again."""

from typing import Annotated

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from pydantic import Field
from sqlalchemy.pool import NullPool

from domain.identifiers import RunId
from sql.engine import FLOW, make_engine
from sql.rollback import roll_back
from sql.settings import DatabaseSettings


@flow(
    name="rollback",
    description="Serve an earlier model run again, with all that its users have done since.",
    flow_run_name="back to run {run}",
    persist_result=False,
)
def rollback(*, run: Annotated[int, Field(ge=1, le=2**31 - 1)]) -> RunId:
    """Serve a retained run; the number of it.

    Nothing is learned again. The run served until now stays retained. A run that cannot be served
    is refused with the reason, and nothing changes.

    Args:
        run: the number of the run, as in the list of runs

    """
    log = get_run_logger()
    url = DatabaseSettings().database_url.get_secret_value()
    engine = make_engine(url, application_name=FLOW, poolclass=NullPool)
    roll_back(
        engine.begin,
        RunId(run),
        by=f"Prefect, flow run {flow_run.get_name()}",
        on_users=lambda done, of: log.info("%s of %s users are up to date.", done, of),
    )
    log.info("Run %s is served from now on.", run)
    return RunId(run)
