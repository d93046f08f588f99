"""The nightly run: from the whole history to a new version of everything that is served."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, cast

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field
from sqlalchemy import Engine

from batch.blas import one_blas_thread
from batch.content.catalogue_words import CatalogueWords
from batch.content.words import ItemTerms
from batch.engines.implicit_engine import ONE_MACHINE
from batch.evaluation.comparison import Comparison
from batch.evaluation.holdout import Holdout
from batch.evaluation.promotion_gate import Size
from batch.fitting import Factors
from batch.history.catalogue import has_more_items
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix, put_aside
from batch.parameters import LiveWeights, WordParameters
from batch.runs import model_runs
from batch.runs.model_runs import Run, find_served_run, nightly_lock
from batch.settings import BatchSettings
from batch.space.composing import ItemSpace
from batch.space.sequence import SequenceVectors
from domain.errors import NightMadeUpForError, RunRefusedError
from domain.identifiers import RunId
from flows import choosing_tasks, judging_tasks, learning_tasks, publishing_tasks
from flows.artifacts import publish_figures
from flows.artifacts_of_changes import publish_changes
from flows.batch_engine import opened_engine
from flows.giving_way import due_by_schedule, unless_needless
from flows.nightly_context import (
    Listener,
    NightlyContext,
    OnFailed,
    OnStep,
    ignore_failure,
    listener,
)
from flows.run_names import add_run_to_name, by_day
from flows.side_by_side import side_by_side
from sql.engine import FLOW, make_engine
from sql.settings import DatabaseSettings

_HYPERPARAMETERS = {"factors", "iterations", "threshold", "confidence"}
"""Parameters that change the hyperparameters of the lists, whether tuned or not."""
MOST_AT_ONCE = 500_000
"""Of a log of no more interactions the steps go on side by side; a longer one needs the memory."""
MOST_ITEMS_AT_ONCE = 200_000
"""The same of the items in the catalogue, each of which has vectors."""


@flow(
    name="nightly",
    description="Learn from the whole history and publish it, if it stands the comparison.",
    flow_run_name=by_day("night"),
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
    hyperparameters = {name: chosen[name] for name in _HYPERPARAMETERS & chosen.keys()}
    return unless_needless(partial(_learn, settings, hyperparameters))


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
    with _opened_context(settings) as context:
        return _run(context, asked)


def _refuse_if_made_up_for(engine: Engine) -> None:
    """Of several missed nights the first to run learns all there is: NightMadeUpForError."""
    due = due_by_schedule()
    if due is None:
        return
    with engine.begin() as connection:
        later = model_runs.find_judged_run_since(connection, due)
    if later is not None:
        raise NightMadeUpForError(
            f"Run {later} began after this one was due ({due:%Y-%m-%d %H:%M} UTC) and has learned"
            " all that it would have."
        )


@contextmanager
def _opened_context(settings: BatchSettings) -> Iterator[NightlyContext]:
    """Connections, and the certainty to be the only nightly run, and a needed one."""
    url = DatabaseSettings().database_url.get_secret_value()
    # A night has nearly a hundred transactions. Between two there may be an hour of fitting, and
    # whatever ends an idle connection: it is tried before it is used again.
    engine = make_engine(url, application_name=FLOW, pool_size=4, pool_pre_ping=True)
    try:
        with engine.connect() as connection:
            session = connection.execution_options(isolation_level="AUTOCOMMIT")
            with nightly_lock(session):
                # Before the engine: a cluster is not asked for a night that is not needed.
                _refuse_if_made_up_for(engine)
                with (
                    opened_engine(settings) as batch_engine,
                    closing(NightlyContext(engine, url, settings, batch_engine)) as context,
                ):
                    yield context
    finally:
        engine.dispose()


def _run(context: NightlyContext, asked: Mapping[str, float]) -> RunId:
    """One night from beginning to end, with what was `asked` of the hyperparameters."""
    run = learning_tasks.begin(context, asked)
    add_run_to_name(run.run_id)
    try:
        _publish(context, run, asked)
    except BaseException as error:
        _fail(context, run.run_id, error)
        raise
    finally:
        _report_figures(context, run.run_id)
    publishing_tasks.retire(context)
    publishing_tasks.count_for_analysts(context)
    return run.run_id


def _publish(context: NightlyContext, run: Run, asked: Mapping[str, float]) -> None:
    history = learning_tasks.read_history(context, run)
    matrix = learning_tasks.build_matrix(context, run, history)
    item_nos = matrix.item_nos
    # Until all is chosen the past has a matrix of its own, and these are gigabytes of a long log.
    read_matrix = put_aside(matrix, context.batch_engine.folder)
    del matrix
    at_once = _fits_at_once(context, len(history))
    with one_blas_thread(), side_by_side(at_once=at_once) as begin:
        following = begin(learning_tasks.learn_sequence, context, run, history, item_nos)
        held_out = judging_tasks.split(context, history)
        validation = choosing_tasks.make_validation(context, run, held_out)
        weighing = begin(choosing_tasks.choose_weights, context, run, validation)
        if validation is not None:
            held_out = replace(held_out, sequence=validation.components.sequence)
        context.settings = choosing_tasks.choose_popular_list(context, run, validation)
        run, fitted = choosing_tasks.choose_lists(context, run, validation, asked)
        _judge(context, run, history, held_out, fitted)
        publishing_tasks.make_room(context, run)
        listing_popular = begin(publishing_tasks.write_popular_lists, context, run)
        catalogue = learning_tasks.read_catalogue(context)
        terms = learning_tasks.read_words(context)
        weights = weighing()
        fitting = begin(_refit, context, run, history, read_matrix, following)
        composing = begin(
            _learn_space, context, run, history, read_matrix, following, weights=weights
        )
        choosing_tasks.choose_policy(context, run, validation, weights, fitted)
        del fitted
        chosen = choosing_tasks.choose_words(context, run, validation, terms, weights)
        # They hold the matrix of the past and what was fitted to it, and nothing needs them any
        # more.
        del held_out, validation, weighing
        learning = begin(_learn_words, context, composing, terms, chosen)
        matrix, factors = fitting()
        listed_sequence = run.parameters.lists.sequence_columns(following().dimensions)
        factors, wider = learning_tasks.learn_list_words(
            context, factors, matrix, terms, chosen, sequence_dimensions=listed_sequence
        )
        publishing_tasks.write_lists(context, run, wider, factors, catalogue)
        # They are the largest thing of a night, and nothing needs them any more.
        del fitting, matrix, factors, wider
        words = learning()
        publishing_tasks.write_words(context, run, words)
        publishing_tasks.write_item_vectors(context, run, words)
        writing = begin(publishing_tasks.write_live_vectors, context, run, words.space)
        publishing_tasks.write_similarity_embeddings(context, run, words)
        listing_popular()
        known = writing()
    publishing_tasks.build_index(context, run, words.space)
    publishing_tasks.promote(context, run, known)


def _fits_at_once(context: NightlyContext, interactions: int) -> bool:
    """Whether steps may go on side by side: their memory adds up, and so do their threads.

    A single core has nothing to do for a second step.
    """
    if (
        interactions > MOST_AT_ONCE
        or context.batch_engine.name != ONE_MACHINE.name
        or context.settings.threads == 1
        or len(os.sched_getaffinity(0)) == 1
    ):
        return False
    with context.begin() as connection:
        return not has_more_items(connection, MOST_ITEMS_AT_ONCE)


def _refit(
    context: NightlyContext,
    run: Run,
    history: Interactions,
    read_matrix: Callable[[], InteractionMatrix],
    following: Callable[[], SequenceVectors],
) -> tuple[InteractionMatrix, Factors]:
    """The matrix of everything, and the lists' factors."""
    matrix = read_matrix()
    return matrix, learning_tasks.refit(context, run, history, matrix, following())


def _learn_space(
    context: NightlyContext,
    run: Run,
    history: Interactions,
    read_matrix: Callable[[], InteractionMatrix],
    following: Callable[[], SequenceVectors],
    *,
    weights: LiveWeights,
) -> tuple[InteractionMatrix, ItemSpace]:
    """The matrix of everything, and the space of the items."""
    matrix = read_matrix()
    space = learning_tasks.learn_space(context, run, history, matrix, following(), weights=weights)
    return matrix, space


def _learn_words(
    context: NightlyContext,
    composing: Callable[[], tuple[InteractionMatrix, ItemSpace]],
    terms: ItemTerms,
    chosen: WordParameters,
) -> CatalogueWords:
    matrix, space = composing()
    return learning_tasks.learn_words(context, space, matrix, terms, chosen)


def _judge(
    context: NightlyContext,
    run: Run,
    history: Interactions,
    held_out: Holdout,
    fitted: Factors | None,
) -> None:
    """Let the run pass or raise RunRefusedError; `fitted` is the candidate, if it was fitted."""
    with context.begin() as connection:
        served = find_served_run(connection)
    enough = held_out.users() >= context.settings.fewest_evaluated_users
    comparison = _compare(context, run, held_out, served, fitted) if enough else None
    size = Size(len(history), None if served is None else served.interactions)
    verdict = judging_tasks.pass_promotion_gate(context, run, size, comparison, held_out.users())
    if not verdict.accepted:
        raise RunRefusedError(verdict.reason)


def _compare(
    context: NightlyContext,
    run: Run,
    held_out: Holdout,
    served: model_runs.ServedRun | None,
    fitted: Factors | None,
) -> Comparison:
    """The candidate, popularity and the served run on one held-out future."""
    if fitted is None:
        fitted = judging_tasks.fit_past(context, held_out, run.parameters.lists)
    candidate = judging_tasks.score_candidate(context, held_out, fitted)
    popular = judging_tasks.score_popularity(context, held_out)
    if served is None:
        return Comparison(candidate, *popular, served=None)
    if served.hyperparameters == run.parameters.lists:
        return Comparison(candidate, *popular, served=candidate)
    return Comparison(
        candidate, *popular, served=judging_tasks.score_served(context, held_out, served)
    )


def _fail(context: NightlyContext, run_id: RunId, error: BaseException) -> None:
    """Say why in the row of the run and give back its room; the served run is untouched.

    It raises nothing over the error that ended the night. What it cannot do, as without the
    database, is left to the next night, which finds the run dead.
    """
    reason = str(error) or type(error).__name__
    try:
        with context.begin() as connection:
            model_runs.mark_failed(connection, run_id, reason)
            abandoned = run_id in model_runs.find_leftover_runs(connection)
        if abandoned:
            context.clear_away(run_id)
    except Exception as trouble:  # noqa: BLE001 -- the error that is being handled is raised
        context.warn(f"Run {run_id} could not be marked as failed: {trouble}")


def _report_figures(context: NightlyContext, run_id: RunId) -> None:
    """The artifacts, if they can be had: neither a published run nor an error depends on them."""
    try:
        publish_figures(context, run_id)
        publish_changes(context, run_id)
    except Exception as trouble:  # noqa: BLE001 -- whatever it is, the night is what it is
        context.warn(f"The figures of run {run_id} could not be reported to Prefect: {trouble}")
