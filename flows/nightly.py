"""The nightly run: from the whole history to a new version of everything that is served."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any, cast

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field
from sqlalchemy.pool import NullPool

from batch import runs
from batch.comparison import Comparison
from batch.gate import Size
from batch.history import Interactions
from batch.runs import Run, find_served_run, nightly_lock
from batch.settings import BatchSettings
from batch.trial import Trial
from domain.errors import NightMadeUpForError, RunRefusedError
from domain.identifiers import RunId
from flows import judging_tasks, learning_tasks, publishing_tasks
from flows.artifacts import publish_figures
from flows.giving_way import due_by_schedule, unless_needless
from flows.night import Listener, Night, OnFailed, OnStep, ignore_failure, listener
from sql.engine import FLOW, make_engine
from sql.settings import DatabaseSettings

_OF_RECIPE = {"factors", "iterations", "threshold", "confidence"}
"""Parameters that change the recipe of the lists, whether it was tuned or not."""


@flow(
    name="nightly",
    description="Learn from the whole history and publish it, if it stands the comparison.",
    persist_result=False,
)
def nightly(
    *,
    factors: Annotated[int | None, Field(ge=1, le=1999)] = None,
    iterations: Annotated[int | None, Field(ge=1)] = None,
    threshold: Annotated[float | None, Field(gt=0, lt=1)] = None,
    confidence: Annotated[float | None, Field(gt=0)] = None,
    holdout_share: Annotated[float | None, Field(gt=0, lt=1)] = None,
    gate_margin: Annotated[float | None, Field(ge=0, le=1)] = None,
    retained_runs: Annotated[int | None, Field(ge=1)] = None,
    retained_days: Annotated[float | None, Field(gt=0)] = None,
) -> RunId | State[Any]:
    """Run the night; the number of the published run. Left empty, a parameter is as set up.

    A scheduled run ends as cancelled while another is in progress, or if one that began after this
    one was due has learned all there was.

    Args:
        factors: numbers that describe a user or an item
        iterations: rounds of alternating least squares
        threshold: pull of all factors towards zero, as a share of the confidence
        confidence: how much more an interaction counts than none
        holdout_share: share of the interactions, the newest, that is held out to judge the run
        gate_margin: how much worse than the served run the new one may be, 0.05 is 5 %
        retained_runs: how many published runs are kept to roll back to
        retained_days: days after its publication a run is dropped even so, unless it is served

    """
    asked = {
        "factors": factors,
        "iterations": iterations,
        "threshold": threshold,
        "confidence": confidence,
        "holdout_share": holdout_share,
        "gate_margin": gate_margin,
        "retained_runs": retained_runs,
        "retained_days": retained_days,
    }
    chosen = {name: value for name, value in asked.items() if value is not None}
    settings = BatchSettings.model_validate(BatchSettings().model_dump() | chosen)
    recipe = {name: chosen[name] for name in _OF_RECIPE & chosen.keys()}
    return unless_needless(partial(_learn, settings, recipe))


def run_now(
    on_step: OnStep, *, on_failed: OnFailed = ignore_failure, **parameters: float | None
) -> RunId:
    """Run the night in this process, as a flow run of the server Prefect is set up with.

    `on_step` is told each step's name as it begins (with None) and again with its seconds as it
    ends, `on_failed` of a step that failed instead. Raises RunInProgressError,
    NotEnoughHistoryError, RunRefusedError, or what went wrong.
    """
    token = listener.set(Listener(on_step, on_failed))
    try:
        # A state is what a run of a deployment may end in, and this is none.
        return cast("RunId", nightly(**parameters))  # type: ignore[arg-type]
    finally:
        listener.reset(token)


def _learn(settings: BatchSettings, asked: Mapping[str, float]) -> RunId:
    with _opened_night(settings) as night:
        _refuse_if_made_up_for(night)
        return _run(night, asked)


def _refuse_if_made_up_for(night: Night) -> None:
    """Of several missed nights the first to run learns all there is: NightMadeUpForError."""
    due = due_by_schedule()
    if due is None:
        return
    with night.begin() as connection:
        later = runs.find_judged_run_since(connection, due)
    if later is not None:
        raise NightMadeUpForError(
            f"Run {later} began after this one was due ({due:%Y-%m-%d %H:%M} UTC) and has learned"
            " all that it would have."
        )


@contextmanager
def _opened_night(settings: BatchSettings) -> Iterator[Night]:
    """Connections, and the certainty to be the only nightly run."""
    url = DatabaseSettings().database_url.get_secret_value()
    engine = make_engine(url, application_name=FLOW, poolclass=NullPool)
    with engine.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        with nightly_lock(session):
            yield Night(engine, url, settings)


def _run(night: Night, asked: Mapping[str, float]) -> RunId:
    """One night from beginning to end, with what was `asked` of the recipe."""
    run = learning_tasks.begin(night, asked)
    try:
        _publish(night, run)
    except BaseException as error:
        _fail(night, run.run_id, error)
        raise
    finally:
        _tell_figures(night, run.run_id)
    publishing_tasks.retire(night)
    return run.run_id


def _publish(night: Night, run: Run) -> None:
    history = learning_tasks.read_history(night, run)
    matrix = learning_tasks.build_matrix(night, run, history)
    held_out = judging_tasks.split(night, history)
    _judge(night, run, history, held_out)
    publishing_tasks.make_room(night, run)
    catalogue = learning_tasks.read_catalogue(night)
    terms = learning_tasks.read_words(night)
    rehearsal = learning_tasks.rehearse(night, run, held_out)
    weights = learning_tasks.choose_weights(night, run, rehearsal)
    chosen = learning_tasks.choose_words(night, run, rehearsal, terms, weights)
    factors = learning_tasks.refit(night, run, history, matrix)
    factors, wider = learning_tasks.learn_list_words(night, factors, matrix, terms, chosen)
    publishing_tasks.write_lists(night, run, wider, factors, catalogue)
    # They are the largest thing of a night, and nothing needs them any more.
    del factors, wider
    space = learning_tasks.learn_space(night, run, history, matrix, weights)
    words = learning_tasks.learn_words(night, space, matrix, terms, chosen)
    publishing_tasks.write_words(night, run, words)
    publishing_tasks.write_item_vectors(night, run, words)
    publishing_tasks.write_likenesses(night, run, words)
    publishing_tasks.write_popular_lists(night, run)
    known = publishing_tasks.write_live_vectors(night, run, words.space)
    publishing_tasks.build_index(night, run, words.space)
    publishing_tasks.promote(night, run, known)


def _judge(night: Night, run: Run, history: Interactions, held_out: Trial) -> None:
    """Let the run pass or raise RunRefusedError."""
    with night.begin() as connection:
        served = find_served_run(connection)
    enough = held_out.users() >= night.settings.fewest_evaluated_users
    comparison = _compare(night, run, held_out, served) if enough else None
    size = Size(len(history), None if served is None else served.interactions)
    verdict = judging_tasks.pass_gate(night, run, size, comparison, held_out.users())
    if not verdict.accepted:
        raise RunRefusedError(verdict.reason)


def _compare(night: Night, run: Run, held_out: Trial, served: runs.ServedRun | None) -> Comparison:
    """The candidate, popularity and the served run on one held-out future."""
    candidate = judging_tasks.score_candidate(
        night, held_out, judging_tasks.fit_past(night, held_out, run.parameters.lists)
    )
    popular = judging_tasks.score_popularity(night, held_out)
    if served is None:
        return Comparison(candidate, *popular, served=None)
    if served.recipe == run.parameters.lists:
        return Comparison(candidate, *popular, served=candidate)
    return Comparison(
        candidate, *popular, served=judging_tasks.score_served(night, held_out, served)
    )


def _fail(night: Night, run_id: RunId, error: BaseException) -> None:
    """Say why in the row of the run and give back its room; the served run is untouched.

    It raises nothing over the error that ended the night. What it cannot do, as without the
    database, is left to the next night, which finds the run dead.
    """
    reason = str(error) or type(error).__name__
    try:
        with night.begin() as connection:
            runs.mark_failed(connection, run_id, reason)
            abandoned = run_id in runs.find_leftover_runs(connection)
        if abandoned:
            night.clear_away(run_id)
    except Exception as trouble:  # noqa: BLE001 -- the error that is being handled is raised
        night.warn(f"Run {run_id} could not be marked as failed: {trouble}")


def _tell_figures(night: Night, run_id: RunId) -> None:
    """The artifacts, if they can be had: neither a published run nor an error depends on them."""
    try:
        publish_figures(night, run_id)
    except Exception as trouble:  # noqa: BLE001 -- whatever it is, the night is what it is
        night.warn(f"The figures of run {run_id} could not be told to Prefect: {trouble}")
