"""Learning from the history, as Prefect tasks: everything before something is written."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefect.runtime import flow_run

from batch.content import catalogue_words
from batch.content.catalogue_words import CatalogueWords
from batch.content.cold_items import lists_with_words
from batch.content.words import ItemTerms
from batch.fitting import Factors
from batch.history.catalogue import Catalogue, load_catalogue
from batch.history.interactions import Interactions, load_interactions
from batch.history.matrix import InteractionMatrix, interaction_matrix
from batch.lists.listing import fit_lists, iterations_of
from batch.parameters import (
    FEWEST_ITEMS,
    FEWEST_USERS,
    ListHyperparameters,
    LiveWeights,
    WordParameters,
)
from batch.runs import model_runs
from batch.runs.model_runs import Run
from batch.space.composing import ItemSpace, fit_item_components, item_space
from batch.space.sequence import SequenceVectors, sequence_vectors
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
        model_runs.store_metrics(connection, run.run_id, {"engine": context.batch_engine.name})
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


@step("Learn what comes after what")
def learn_sequence(
    context: NightlyContext, run: Run, history: Interactions, item_nos: NDArray[np.int32]
) -> SequenceVectors:
    """The sequence part of the items (i,), for the live scores and, if chosen, the lists."""
    moment = as_of(run, history)
    sequence = sequence_vectors(
        history, item_nos, moment, run.parameters.space, engine=context.batch_engine
    )
    context.say(f"{sequence.dimensions} dimensions.")
    return sequence


@step("Refit on everything")
def refit(
    context: NightlyContext,
    run: Run,
    history: Interactions,
    matrix: InteractionMatrix,
    sequence: SequenceVectors,
) -> Factors:
    """What is published."""
    hyperparameters = run.parameters.lists
    return fit_lists(
        matrix,
        history,
        as_of(run, history),
        hyperparameters,
        sequence=sequence,
        engine=context.batch_engine,
        on_iteration=progress(context, hyperparameters),
    )


@step("Learn what words say in the lists")
def learn_list_words(
    context: NightlyContext,
    factors: Factors,
    matrix: InteractionMatrix,
    terms: ItemTerms,
    words: WordParameters,
    *,
    sequence_dimensions: int,
) -> tuple[Factors, InteractionMatrix]:
    """The lists' factors and the matrix with new items in them."""
    widened, wider = lists_with_words(
        factors, matrix, terms, words, sequence_dimensions=sequence_dimensions
    )
    context.say(f"{len(wider.item_nos) - len(matrix.item_nos):,} new items can be listed.")
    return widened, wider


@step("Learn the item vectors")
def learn_space(
    context: NightlyContext,
    run: Run,
    history: Interactions,
    matrix: InteractionMatrix,
    sequence: SequenceVectors,
    *,
    weights: LiveWeights,
) -> ItemSpace:
    """All items in one space: taste, sequence and trend; and what comes next."""
    space = run.parameters.space
    components = fit_item_components(
        matrix,
        history,
        as_of(run, history),
        space,
        ridges=weights.ridges,
        sequence=sequence,
        engine=context.batch_engine,
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
