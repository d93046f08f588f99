"""Learning from the history, as Prefect tasks: everything before something is written."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from prefect.runtime import flow_run

from batch.choosing import lists as choosing_lists
from batch.choosing import live_weights
from batch.choosing.live_weights import Validation
from batch.content import catalogue_words, choosing_words
from batch.content.catalogue_words import CatalogueWords
from batch.content.cold_items import lists_with_words
from batch.content.words import ItemTerms
from batch.evaluation.holdout import Holdout
from batch.fitting import Factors
from batch.history.catalogue import Catalogue, load_catalogue
from batch.history.interactions import Interactions, load_interactions
from batch.history.matrix import InteractionMatrix, interaction_matrix
from batch.lists.listing import fit_lists, iterations_of
from batch.parameters import (
    FEWEST_ITEMS,
    FEWEST_USERS,
    TREND_HALF_LIVES_DAYS,
    ListHyperparameters,
    LiveWeights,
    WordParameters,
)
from batch.replay import choosing_policy
from batch.replay.nights import night_of_past
from batch.runs import model_runs
from batch.runs.model_runs import Run
from batch.settings import BatchSettings
from batch.space.composing import ItemSpace, fit_item_components, item_space
from batch.space.validation_events import ValidationEvent
from batch.tuning.tuned_hyperparameters import find_tuned_hyperparameters
from domain.errors import NotEnoughHistoryError
from flows.crashes import report_crash
from flows.nightly_context import NightlyContext
from flows.steps import step
from sql.log import load_kinds


@step("Begin the run", retried=True)
def begin(context: NightlyContext, asked: Mapping[str, float]) -> Run:
    """Clear away what ended runs left, and begin with the best hyperparameters known.

    Those are the ones that tuning found, or those of the settings, with what was `asked` of them.
    """
    with context.begin() as connection:
        dead = model_runs.settle_dead_runs(connection)
        leftovers = model_runs.find_leftover_runs(connection)
    for run_id, flow_run_id in dead:
        context.say(f"Run {run_id} is marked as failed: {model_runs.DEAD}")
        report_crash(flow_run_id, model_runs.DEAD)
    for leftover in leftovers:
        context.clear_away(leftover)
    with context.begin() as connection:
        tuned = find_tuned_hyperparameters(connection)
        parameters = context.settings.run_parameters()
        if tuned is not None:
            changed: dict[str, Any] = dict(asked)
            parameters = replace(parameters, lists=replace(tuned, **changed))
        run = model_runs.begin_run(connection, parameters, _flow_run_id())
    context.run_id = run.run_id
    whose = "of the settings" if tuned is None else "that tuning found"
    context.say(
        f"Run {run.run_id} learns from the log up to position {run.cut_off},"
        f" by the hyperparameters {whose}."
    )
    return run


@step("Read the history", retried=True)
def read_history(context: NightlyContext, run: Run) -> Interactions:
    """All interactions up to the cut-off."""
    with context.begin() as connection:
        kinds = load_kinds(connection)
    with context.bulk() as connection:
        history = load_interactions(connection, kinds, run.cut_off)
    context.say(f"{len(history):,} interactions.")
    return history


@step("Read the catalogue", retried=True)
def read_catalogue(context: NightlyContext) -> Catalogue:
    """Items, availability, categories."""
    with context.bulk() as connection:
        catalogue = load_catalogue(connection)
    context.say(f"{len(catalogue.item_nos):,} items, {len(catalogue.unavailable):,} unavailable.")
    return catalogue


@step("Read the words of the catalogue", retried=True)
def read_words(context: NightlyContext) -> ItemTerms:
    """The terms of all items, in the language of the settings.

    Only here, behind the promotion gate, another language is brought in: queries speak it from then
    on, and a night that is refused changes nothing.
    """
    language = context.settings.words_language
    with context.begin() as connection:
        changed = catalogue_words.use_language(connection, language)
    if changed:
        context.say(f"The words of all items were brought to another language: {language}.")
    with context.bulk() as connection:
        terms = catalogue_words.load_item_terms(connection)
    context.say(f"{len(terms.terms):,} terms in {len(terms.item_nos):,} items.")
    return terms


@step("Build the matrix")
def build_matrix(context: NightlyContext, run: Run, history: Interactions) -> InteractionMatrix:
    """Weights summed by user and item; NotEnoughHistoryError if there is too little."""
    matrix = interaction_matrix(history, as_of(run, history))
    users, items = len(matrix.rows_who_like()), len(matrix.item_nos)
    if users < FEWEST_USERS or items < FEWEST_ITEMS:
        raise NotEnoughHistoryError(
            f"There is too little to learn from: {users} users who liked something and {items}"
            f" items, where {FEWEST_USERS} and {FEWEST_ITEMS} are needed."
            " Send interactions or load the sample, then run the night again."
        )
    metrics = {"interactions": len(history), "users": len(matrix.user_nos), "items": items}
    with context.begin() as connection:
        model_runs.store_metrics(connection, run.run_id, metrics)
    context.say(f"{users:,} users who liked something, {items:,} items.")
    return matrix


@step("Refit on everything")
def refit(
    context: NightlyContext, run: Run, history: Interactions, matrix: InteractionMatrix
) -> Factors:
    """What is published."""
    hyperparameters = run.parameters.lists
    return fit_lists(
        matrix,
        history,
        as_of(run, history),
        hyperparameters,
        threads=context.settings.threads,
        on_iteration=progress(context, hyperparameters),
    )


@step("Validate on the held-out future")
def make_validation(context: NightlyContext, run: Run, held_out: Holdout) -> Validation | None:
    """Item vectors of the past alone, to choose by what they foresee; None: too little to see."""
    validation = live_weights.make_validation(
        held_out.split,
        held_out.past,
        run.parameters.space,
        seed=context.settings.seed,
        threads=context.settings.threads,
    )
    events = 0 if validation is None else len(validation.events)
    context.say(f"{events:,} events to choose by." if events else "Too little to choose by.")
    return validation


@step("Choose the popular list")
def choose_popular_list(
    context: NightlyContext, run: Run, validation: Validation | None
) -> BatchSettings:
    """The settings with how far the popular list looks back."""
    settings = context.settings
    if not settings.choose or validation is None:
        context.say("As it is set up.")
        return settings
    chosen = choosing_lists.choose_popular(*_asked(validation), settings)
    days = chosen.popular_half_life_days
    with context.begin() as connection:
        model_runs.store_metrics(connection, run.run_id, {"popular_half_life_days": days})
    context.say(f"A liking counts half after {days:g} days.")
    return chosen


@step("Choose how the lists are made")
def choose_lists(
    context: NightlyContext,
    run: Run,
    validation: Validation | None,
    asked: Mapping[str, float],
) -> tuple[Run, Factors | None]:
    """The run with the factors and exponents chosen, and their fit on the past, if there is one.

    What was `asked` for of this run stays as it is.
    """
    if not context.settings.choose or validation is None or asked:
        context.say("By the hyperparameters as they are.")
        return run, None
    chosen = choosing_lists.choose_lists(
        *_asked(validation),
        run.parameters.lists,
        seed=context.settings.seed,
        threads=context.settings.threads,
        on_fit=lambda factors: context.say(f"Fitting {factors} factors on the past."),
    )
    parameters = replace(run.parameters, lists=chosen.hyperparameters)
    with context.begin() as connection:
        model_runs.store_parameters(connection, run.run_id, parameters)
        model_runs.store_metrics(connection, run.run_id, chosen.described())
    lists = chosen.hyperparameters
    context.say(
        f"{lists.factors} factors at the most, popularity exponent {lists.popularity_exponent},"
        f" trend exponent {lists.trend_exponent}: {chosen.evidence}."
    )
    return replace(run, parameters=parameters), chosen.fitted


@step("Choose how the lists are blended")
def choose_policy(
    context: NightlyContext,
    run: Run,
    validation: Validation | None,
    weights: LiveWeights,
    fitted: Factors | None,
) -> None:
    """What `TANDEM_BLEND_POLICY=learned` serves by, and what the fixed blend is beside it."""
    night = (
        None
        if validation is None or fitted is None
        else night_of_past(validation, run.parameters, weights, fitted, context.settings)
    )
    events = () if validation is None else validation.events
    chosen = choosing_policy.choose_policy(night, events, seed=context.settings.seed)
    with context.begin() as connection:
        model_runs.store_metrics(connection, run.run_id, chosen.described())
    policy = chosen.policy
    context.say(
        f"Learned: {policy.policy} with batch weight {policy.batch_weight:g}: {chosen.evidence}."
    )


def _asked(
    validation: Validation,
) -> tuple[Sequence[ValidationEvent], InteractionMatrix, Interactions, np.datetime64]:
    """The events to foresee, and the past they are foreseen from."""
    split = validation.split
    return validation.events, validation.past, split.past, split.moment


@step("Choose the weights of the live vector")
def choose_weights(context: NightlyContext, run: Run, validation: Validation | None) -> LiveWeights:
    """What taste, transitions and trends count."""
    chosen = live_weights.choose_weights(validation, run.parameters.space)
    with context.begin() as connection:
        parameters = replace(run.parameters, weights=chosen.weights)
        model_runs.store_parameters(connection, run.run_id, parameters)
        model_runs.store_metrics(connection, run.run_id, chosen.described())
    weights = chosen.weights
    context.say(
        f"Sequence 1, taste {weights.taste}, transitions {weights.transitions}, trends"
        f" {weights.trends} by half-lives of {TREND_HALF_LIVES_DAYS} days: {chosen.evidence}."
    )
    return weights


@step("Choose how long words count", retried=True)
def choose_words(
    context: NightlyContext,
    run: Run,
    validation: Validation | None,
    terms: ItemTerms,
    weights: LiveWeights,
) -> WordParameters:
    """Up to how many users the words of an item say more of it than who used it."""
    chosen = choosing_words.choose_pseudo_count(
        validation,
        terms,
        space=run.parameters.space,
        weights=weights,
        words=WordParameters(),
    )
    with context.begin() as connection:
        model_runs.store_metrics(connection, run.run_id, chosen.described())
    context.say(f"As much as {chosen.parameters.pseudo_count} users.")
    return chosen.parameters


@step("Learn what words say in the lists")
def learn_list_words(
    context: NightlyContext,
    factors: Factors,
    matrix: InteractionMatrix,
    terms: ItemTerms,
    words: WordParameters,
) -> tuple[Factors, InteractionMatrix]:
    """The lists' factors and the matrix with new items in them."""
    widened, wider = lists_with_words(factors, matrix, terms, words)
    context.say(f"{len(wider.item_nos) - len(matrix.item_nos):,} new items can be listed.")
    return widened, wider


@step("Learn the item vectors")
def learn_space(
    context: NightlyContext,
    run: Run,
    history: Interactions,
    matrix: InteractionMatrix,
    weights: LiveWeights,
) -> ItemSpace:
    """All items in one space: taste, sequence and trend; and what comes next."""
    space = run.parameters.space
    components = fit_item_components(
        matrix,
        history,
        as_of(run, history),
        space,
        ridges=(weights.ridge,) if weights.transitions else (),
        threads=context.settings.threads,
    )
    return item_space(components, space, weights)


@step("Learn what words say in the item vectors")
def learn_words(
    context: NightlyContext,
    space: ItemSpace,
    matrix: InteractionMatrix,
    terms: ItemTerms,
    words: WordParameters,
) -> CatalogueWords:
    """Every item of the catalogue in the one space, new ones by their words."""
    learned = catalogue_words.words_of_terms(terms, space, matrix, words)
    figures = learned.described()
    context.say(
        f"{figures['words_terms']:,} terms; {figures['items_made_of_words']:,} items made of words,"
        f" {figures['unknown_items']:,} of which nothing is known."
    )
    return learned


def as_of(run: Run, history: Interactions) -> np.datetime64:
    """The moment ages are counted from: the newest interaction, but not after the cut-off."""
    cut_off = np.datetime64(run.cut_off_at.replace(tzinfo=None), "us")
    return min(cut_off, history.newest()) if len(history) else cut_off


def progress(
    context: NightlyContext, hyperparameters: ListHyperparameters
) -> Callable[[int], None]:
    """Writes into the log of the task how many iterations are done."""
    return lambda done: context.say(f"Iteration {done} of {iterations_of(hyperparameters)}.")


def _flow_run_id() -> uuid.UUID | None:
    running = flow_run.id
    return None if running is None else uuid.UUID(str(running))
