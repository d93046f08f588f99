"""The steps of the search for a recipe as Prefect tasks, in the order they run."""

from batch import trial
from batch.history import Interactions, load_interactions
from batch.judging import Ground
from batch.parameters import ListRecipe
from batch.settings import TuneSettings
from batch.time_ground import time_ground
from batch.tuned_recipes import (
    find_interrupted_search,
    find_tuned_recipe,
    fingerprint,
    load_trials,
    store_found,
    store_trial,
)
from batch.tuning import Budget, Found, Search, TunedTrial
from domain.errors import NotEnoughHistoryError
from domain.identifiers import Position
from flows.night import Night
from flows.steps import step
from sql.log import event_horizon, load_kinds


@step("Begin the search", retried=True)
def begin(night: Night) -> Position:
    """Up to where the log is searched: as far as an interrupted search had read it, or now."""
    with night.begin() as connection:
        interrupted = find_interrupted_search(connection)
        if interrupted is not None:
            night.say(f"A search that was stopped goes on, up to position {interrupted}.")
            return interrupted
    with night.begin() as connection:
        return event_horizon(connection)


@step("Read the history", retried=True)
def read_history(night: Night, until: Position) -> Interactions:
    """All interactions up to a position."""
    with night.begin() as connection:
        kinds = load_kinds(connection)
    with night.bulk() as connection:
        history = load_interactions(connection, kinds, until)
    night.say(f"{len(history):,} interactions.")
    return history


@step("Split by time")
def split(night: Night, history: Interactions, settings: TuneSettings) -> Ground:
    """Hold out the newest interactions; NotEnoughHistoryError if too few users are in them."""
    held_out = trial.hold_out(history, night.settings)
    fewest = settings.fewest_judged_users
    if held_out.users() < fewest:
        raise NotEnoughHistoryError(
            f"There is too little to tune on: {held_out.users()} users can be judged, where"
            f" {fewest} are needed. The recipe stays as it is."
        )
    return time_ground(
        held_out, ListRecipe.of(night.settings), settings.judged_users, night.settings.seed
    )


@step("Search")
def search(
    night: Night, settings: TuneSettings, history: Interactions, until: Position, ground: Ground
) -> Found:
    """Try recipes until the budget is spent, and store what the search came to."""
    default = ListRecipe.of(night.settings)
    mark = fingerprint(history, until, default)
    with night.begin() as connection:
        finished = load_trials(connection, mark)
        best_known = find_tuned_recipe(connection)
    count = len(finished)

    def keep(done: TunedTrial) -> None:
        nonlocal count
        count += 1
        with night.begin() as connection:
            store_trial(connection, mark, until, count, done)
        line = _told(count, done)
        night.say(line)
        night.tell(line, done.seconds)

    known = [default] if best_known is None else [default, best_known]
    found = Search(
        [ground],
        known,
        _budget(settings),
        threads=night.settings.threads,
        finished=finished,
        on_trial=keep,
    ).run()
    with night.begin() as connection:
        store_found(connection, mark, until, found)
    night.say(found.verdict())
    return found


def _budget(settings: TuneSettings) -> Budget:
    return Budget(
        settings.budget_seconds,
        settings.explored_trials,
        settings.verified_trials,
        settings.most_factors,
    )


def _told(trial_no: int, done: TunedTrial) -> str:
    reached = done.judged.accuracy
    return (
        f"Trial {trial_no}, {done.recipe.factors} factors:"
        f" nDCG@20 {reached.ndcg:.4f}, recall@20 {reached.recall:.4f}"
    )
