"""The weekly search for the hyperparameters of the nightly lists that suit the history best."""

from contextlib import closing
from functools import partial
from typing import Annotated, Any, cast

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field
from sqlalchemy.pool import NullPool

from batch.engines.implicit_engine import ONE_MACHINE
from batch.settings import BatchSettings, TuneSettings
from batch.tuning.search import Found
from batch.tuning.search_store import tuning_lock
from flows import tuning_tasks
from flows.artifacts_of_tuning import publish_found
from flows.giving_way import unless_needless
from flows.nightly_context import (
    Listener,
    NightlyContext,
    OnFailed,
    OnStep,
    ignore_failure,
    listener,
)
from flows.run_names import by_day
from sql.engine import FLOW, make_engine
from sql.settings import DatabaseSettings


@flow(
    name="tune",
    description="Search for the hyperparameters of the nightly lists that suit the history best.",
    flow_run_name=by_day("search"),
    persist_result=False,
)
def tune(
    *,
    budget_seconds: Annotated[float | None, Field(gt=0)] = None,
    explored_trials: Annotated[int | None, Field(ge=1)] = None,
    verified_trials: Annotated[int | None, Field(ge=1)] = None,
) -> Found | State[Any]:
    """Search, and keep what is better than the settings for the next night. Nothing served changes.

    Left empty, a parameter is as set up. A search that was stopped within the last day goes on.
    A run of the deployment ends as cancelled while another search is in progress.

    Args:
        budget_seconds: how long the search may take
        explored_trials: how many configurations are tried at few factors, at the most
        verified_trials: how many are tried at as many factors as the lists have

    """
    asked = {
        "budget_seconds": budget_seconds,
        "explored_trials": explored_trials,
        "verified_trials": verified_trials,
    }
    chosen = {name: value for name, value in asked.items() if value is not None}
    settings = TuneSettings.model_validate(TuneSettings().model_dump() | chosen)
    return unless_needless(partial(_search, settings))


def _search(settings: TuneSettings) -> Found:
    """The only search at this time."""
    url = DatabaseSettings().database_url.get_secret_value()
    engine = make_engine(url, application_name=FLOW, poolclass=NullPool)
    with engine.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        context = NightlyContext(engine, url, BatchSettings(), ONE_MACHINE)
        with tuning_lock(session), closing(context):
            return _run(context, settings)


def tune_now(
    on_step: OnStep, *, on_failed: OnFailed = ignore_failure, **parameters: float | None
) -> Found:
    """Search in this process, as a flow run of the server Prefect is set up with.

    `on_step` is told each step and trial, `on_failed` of steps that failed. Raises
    TuningInProgressError, NotEnoughHistoryError, or what went wrong.
    """
    token = listener.set(Listener(on_step, on_failed))
    try:
        # A state is what a run of a deployment may end in, and this is none.
        return cast("Found", tune(**parameters))  # type: ignore[arg-type]
    finally:
        listener.reset(token)


def _run(context: NightlyContext, settings: TuneSettings) -> Found:
    """One search from beginning to end."""
    until = tuning_tasks.begin(context)
    history = tuning_tasks.read_history(context, until)
    fold = tuning_tasks.split(context, history, settings)
    found = tuning_tasks.search(context, settings, history, until, fold)
    publish_found(found)
    return found
