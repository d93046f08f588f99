"""Learning from the history, as Prefect tasks: everything before something is written."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from prefect.runtime import flow_run

from batch import (
    catalogue_words,
    choosing,
    choosing_words,
    runs,
)
from batch.catalogue import Catalogue, load_catalogue
from batch.catalogue_words import CatalogueWords
from batch.choosing import Rehearsal
from batch.cold_items import lists_with_words
from batch.fitting import Factors
from batch.history import Interactions, load_interactions
from batch.listing import fit_lists, iterations_of
from batch.matrix import InteractionMatrix, interaction_matrix
from batch.parameters import (
    FEWEST_ITEMS,
    FEWEST_USERS,
    ListRecipe,
    LiveWeights,
    RunParameters,
    WordParameters,
)
from batch.runs import Run
from batch.space import ItemSpace, fit_item_components, item_space
from batch.trial import Trial
from batch.tuned_recipes import find_tuned_recipe
from batch.words import ItemTerms
from domain.errors import NotEnoughHistoryError
from flows.crashes import tell_of_crash
from flows.night import Night
from flows.steps import step
from sql.log import load_kinds


@step("Begin the run", retried=True)
def begin(night: Night, asked: Mapping[str, float]) -> Run:
    """Clear away what dead, refused and retired runs left, and begin with the best recipe known.

    That is the one tuning found, or that of the settings, with what was `asked` of it now.
    """
    with night.begin() as connection:
        dead = runs.settle_dead_runs(connection)
        leftovers = runs.find_leftover_runs(connection)
    for run_id, flow_run_id in dead:
        night.say(f"Run {run_id} is marked as failed: {runs.DEAD}")
        tell_of_crash(flow_run_id, runs.DEAD)
    for leftover in leftovers:
        night.clear_away(leftover)
    with night.begin() as connection:
        tuned = find_tuned_recipe(connection)
        parameters = RunParameters.of(night.settings)
        if tuned is not None:
            changed: dict[str, Any] = dict(asked)
            parameters = replace(parameters, lists=replace(tuned, **changed))
        run = runs.begin_run(connection, parameters, _flow_run_id())
    night.run_id = run.run_id
    whose = "of the settings" if tuned is None else "that tuning found"
    night.say(
        f"Run {run.run_id} learns from the log up to position {run.cut_off}, by the recipe {whose}."
    )
    return run


@step("Read the history", retried=True)
def read_history(night: Night, run: Run) -> Interactions:
    """All interactions up to the cut-off."""
    with night.begin() as connection:
        kinds = load_kinds(connection)
    with night.bulk() as connection:
        history = load_interactions(connection, kinds, run.cut_off)
    night.say(f"{len(history):,} interactions.")
    return history


@step("Read the catalogue", retried=True)
def read_catalogue(night: Night) -> Catalogue:
    """Items, availability, categories."""
    with night.bulk() as connection:
        catalogue = load_catalogue(connection)
    night.say(f"{len(catalogue.item_nos):,} items, {len(catalogue.unavailable):,} unavailable.")
    return catalogue


@step("Read the words of the catalogue", retried=True)
def read_words(night: Night) -> ItemTerms:
    """The terms of all items, in the language of the settings.

    Only here, behind the gate, another language is brought in: queries speak it from then on, and
    a night that is refused changes nothing.
    """
    language = night.settings.words_language
    with night.begin() as connection:
        changed = catalogue_words.use_language(connection, language)
    if changed:
        night.say(f"The words of all items were brought to another language: {language}.")
    with night.bulk() as connection:
        terms = catalogue_words.load_item_terms(connection)
    night.say(f"{len(terms.terms):,} terms in {len(terms.item_nos):,} items.")
    return terms


@step("Build the matrix")
def build_matrix(night: Night, run: Run, history: Interactions) -> InteractionMatrix:
    """Strengths summed by user and item; NotEnoughHistoryError if there is too little."""
    matrix = interaction_matrix(history, as_of(run, history))
    users, items = len(matrix.likers()), len(matrix.item_nos)
    if users < FEWEST_USERS or items < FEWEST_ITEMS:
        raise NotEnoughHistoryError(
            f"There is too little to learn from: {users} users who liked something and {items}"
            f" items, where {FEWEST_USERS} and {FEWEST_ITEMS} are needed."
            " Send interactions or load the sample, then run the night again."
        )
    metrics = {"interactions": len(history), "users": len(matrix.user_nos), "items": items}
    with night.begin() as connection:
        runs.store_metrics(connection, run.run_id, metrics)
    night.say(f"{users:,} users who liked something, {items:,} items.")
    return matrix


@step("Refit on everything")
def refit(night: Night, run: Run, history: Interactions, matrix: InteractionMatrix) -> Factors:
    """What is published."""
    recipe = run.parameters.lists
    return fit_lists(
        matrix,
        history,
        as_of(run, history),
        recipe,
        threads=night.settings.threads,
        on_iteration=progress(night, recipe),
    )


@step("Rehearse on the held-out future")
def rehearse(night: Night, run: Run, held_out: Trial) -> Rehearsal | None:
    """Item vectors of the past alone, to choose by what they foresee; None: too little to see."""
    rehearsal = choosing.rehearse(
        held_out.split,
        held_out.past,
        run.parameters.space,
        seed=night.settings.seed,
        threads=night.settings.threads,
    )
    moments = 0 if rehearsal is None else len(rehearsal.moments)
    night.say(f"{moments:,} moments to choose by." if moments else "Too little to choose by.")
    return rehearsal


@step("Choose the weights of the live vector")
def choose_weights(night: Night, run: Run, rehearsal: Rehearsal | None) -> LiveWeights:
    """What taste and trend count."""
    chosen = choosing.choose_weights(rehearsal, run.parameters.space)
    night.say(f"Taste {chosen.taste}, trend {chosen.trend}, sequence 1.")
    return chosen


@step("Choose how long words count", retried=True)
def choose_words(
    night: Night,
    run: Run,
    rehearsal: Rehearsal | None,
    terms: ItemTerms,
    weights: LiveWeights,
) -> WordParameters:
    """Up to how many users the words of an item tell more of it than who used it."""
    chosen = choosing_words.choose_known_after(
        rehearsal,
        terms,
        space=run.parameters.space,
        weights=weights,
        words=WordParameters(),
    )
    with night.begin() as connection:
        runs.store_metrics(connection, run.run_id, chosen.described())
    night.say(f"As much as {chosen.parameters.known_after} users.")
    return chosen.parameters


@step("Learn what words say in the lists")
def learn_list_words(
    night: Night,
    factors: Factors,
    matrix: InteractionMatrix,
    terms: ItemTerms,
    words: WordParameters,
) -> tuple[Factors, InteractionMatrix]:
    """The lists' factors and the matrix with new items in them."""
    widened, wider = lists_with_words(factors, matrix, terms, words)
    night.say(f"{len(wider.item_nos) - len(matrix.item_nos):,} new items can be listed.")
    return widened, wider


@step("Learn the item vectors")
def learn_space(
    night: Night,
    run: Run,
    history: Interactions,
    matrix: InteractionMatrix,
    weights: LiveWeights,
) -> ItemSpace:
    """All items in one space: taste, sequence and trend."""
    space = run.parameters.space
    components = fit_item_components(
        matrix, history, as_of(run, history), space, threads=night.settings.threads
    )
    return item_space(components, space, weights)


@step("Learn what words say in the item vectors")
def learn_words(
    night: Night,
    space: ItemSpace,
    matrix: InteractionMatrix,
    terms: ItemTerms,
    words: WordParameters,
) -> CatalogueWords:
    """Every item of the catalogue in the one space, new ones by their words."""
    learned = catalogue_words.words_of_terms(terms, space, matrix, words)
    figures = learned.described()
    night.say(
        f"{figures['words_terms']:,} terms; {figures['items_made_of_words']:,} items made of words,"
        f" {figures['neutral_items']:,} of which nothing is known."
    )
    return learned


def as_of(run: Run, history: Interactions) -> np.datetime64:
    """The moment ages are counted from: the newest interaction, but not after the cut-off."""
    cut_off = np.datetime64(run.cut_off_at.replace(tzinfo=None), "us")
    return min(cut_off, history.newest()) if len(history) else cut_off


def progress(night: Night, recipe: ListRecipe) -> Callable[[int], None]:
    """Tells the log of the task how many iterations are done."""
    return lambda done: night.say(f"Iteration {done} of {iterations_of(recipe)}.")


def _flow_run_id() -> uuid.UUID | None:
    running = flow_run.id
    return None if running is None else uuid.UUID(str(running))
