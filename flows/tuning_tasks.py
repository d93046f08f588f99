"""The steps of the search for hyperparameters as Prefect tasks, in the order they run."""

from batch.evaluation import holdout
from batch.history.interactions import Interactions, load_interactions
from batch.settings import TuneSettings
from batch.tuning.judging import EvaluationFold
from batch.tuning.search import Budget, Found, Search, Trial
from batch.tuning.search_store import (
    find_interrupted_search,
    fingerprint,
    load_trials,
    store_found,
    store_trial,
)
from batch.tuning.time_fold import time_fold
from batch.tuning.tuned_hyperparameters import find_tuned_hyperparameters
from domain.errors import NotEnoughHistoryError
from domain.identifiers import Position
from flows.nightly_context import NightlyContext
from flows.steps import step
from sql.log import event_horizon, load_kinds


@step("Begin the search", retried=True)
def begin(context: NightlyContext) -> Position:
    """Up to where the log is searched: as far as an interrupted search had read it, or now."""
    with context.begin() as connection:
        interrupted = find_interrupted_search(connection)
        if interrupted is not None:
            context.say(f"A search that was stopped goes on, up to position {interrupted}.")
            return interrupted
    with context.begin() as connection:
        return event_horizon(connection)


@step("Read the history", retried=True)
def read_history(context: NightlyContext, until: Position) -> Interactions:
    """All interactions up to a position."""
    with context.begin() as connection:
        kinds = load_kinds(connection)
    with context.bulk() as connection:
        history = load_interactions(connection, kinds, until)
    context.say(f"{len(history):,} interactions.")
    return history


@step("Split by time")
def split(context: NightlyContext, history: Interactions, settings: TuneSettings) -> EvaluationFold:
    """Hold out the newest interactions; NotEnoughHistoryError if too few users are in them."""
    held_out = holdout.hold_out(history, context.settings)
    fewest = settings.fewest_judged_users
    if held_out.users() < fewest:
        raise NotEnoughHistoryError(
            f"There is too little to tune on: {held_out.users()} users can be judged, where"
            f" {fewest} are needed. The hyperparameters stay as they are."
        )
    return time_fold(
        held_out,
        context.settings.list_hyperparameters(),
        settings.judged_users,
        context.settings.seed,
    )


@step("Search")
def search(
    context: NightlyContext,
    settings: TuneSettings,
    history: Interactions,
    until: Position,
    fold: EvaluationFold,
) -> Found:
    """Try configurations until the budget is spent, and store what the search came to."""
    default = context.settings.list_hyperparameters()
    mark = fingerprint(history, until, default)
    with context.begin() as connection:
        finished = load_trials(connection, mark)
        best_known = find_tuned_hyperparameters(connection)
    count = len(finished)

    def keep(done: Trial) -> None:
        nonlocal count
        count += 1
        with context.begin() as connection:
            store_trial(connection, mark, until, count, done)
        line = _format_trial(count, done)
        context.say(line)
        context.report(line, done.seconds)

    known = [default] if best_known is None else [default, best_known]
    found = Search(
        [fold],
        known,
        _budget(settings),
        threads=context.settings.threads,
        finished=finished,
        on_trial=keep,
    ).run()
    with context.begin() as connection:
        store_found(connection, mark, until, found)
    context.say(found.verdict())
    return found


def _budget(settings: TuneSettings) -> Budget:
    return Budget(
        settings.budget_seconds,
        settings.explored_trials,
        settings.verified_trials,
        settings.most_factors,
    )


def _format_trial(trial_no: int, done: Trial) -> str:
    reached = done.judged.accuracy
    return (
        f"Trial {trial_no}, {done.hyperparameters.factors} factors:"
        f" nDCG@20 {reached.ndcg:.4f}, recall@20 {reached.recall:.4f}"
    )
