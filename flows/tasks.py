"""The steps of the night as Prefect tasks, in the order they run."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from prefect.runtime import flow_run

from batch import (
    choosing,
    embeddings,
    gate,
    index,
    lists,
    live_vectors,
    popularity,
    publishing,
    runs,
    trial,
)
from batch.catalogue import Catalogue, load_catalogue
from batch.comparison import Comparison
from batch.evaluation import Figures
from batch.fitting import Factors
from batch.history import Interactions, load_interactions
from batch.listing import fit_lists, iterations_of
from batch.matrix import InteractionMatrix, interaction_matrix
from batch.parameters import ListRecipe, LiveWeights, RunParameters
from batch.runs import Run, ServedRun
from batch.space import ItemSpace, fit_parts, item_space
from batch.trial import Trial
from batch.tuned_recipes import find_tuned_recipe
from domain.errors import NotEnoughHistoryError
from domain.identifiers import Position, RunId
from flows.night import Night
from flows.steps import step
from sql.log import event_horizon, load_kinds
from sql.statements import statements

_BATCH = statements("batch")

_FEW_USERS = 100
"""So few users are folded in within the switch; more are folded in before it."""
_MOST_ROUNDS = 10


@step("Begin the run", retried=True)
def begin(night: Night, asked: Mapping[str, float]) -> Run:
    """Clear away what dead and refused runs left, and begin with the best recipe known.

    That is the one tuning found, or that of the settings, with what was `asked` of it now.
    """
    with night.begin() as connection:
        for dead in runs.settle_dead_runs(connection):
            night.say(f"Run {dead} is marked as failed: {runs.DEAD}")
        leftovers = runs.find_leftover_runs(connection)
    for leftover in leftovers:
        night.while_readers_yield(runs.drop_partitions, leftover)
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


@step("Build the matrix")
def build_matrix(night: Night, run: Run, history: Interactions) -> InteractionMatrix:
    """Strengths summed by user and item; NotEnoughHistoryError if there is too little."""
    settings = night.settings
    matrix = interaction_matrix(history, as_of(run, history))
    users, items = len(matrix.likers()), len(matrix.item_nos)
    if users < settings.fewest_users or items < settings.fewest_items:
        raise NotEnoughHistoryError(
            f"There is too little to learn from: {users} users who liked something and {items}"
            f" items, where {settings.fewest_users} and {settings.fewest_items} are needed."
            " Send interactions or load the sample, then run the night again."
        )
    metrics = {"interactions": len(history), "users": len(matrix.user_nos), "items": items}
    with night.begin() as connection:
        runs.store_metrics(connection, run.run_id, metrics)
    night.say(f"{users:,} users who liked something, {items:,} items.")
    return matrix


@step("Split by time")
def split(night: Night, history: Interactions) -> Trial:
    """Hold out the newest interactions as the future."""
    held_out = trial.hold_out(history, night.settings)
    moment = np.datetime_as_string(held_out.split.moment, unit="s")
    night.say(f"The future begins at {moment} UTC; {held_out.users():,} users can be evaluated.")
    return held_out


@step("Fit on the past")
def fit_past(night: Night, held_out: Trial, recipe: ListRecipe) -> Factors:
    """The candidate, learned from the past alone."""
    return trial.fit_past(
        held_out,
        recipe,
        threads=night.settings.threads,
        on_iteration=_progress(night, recipe),
    )


@step("Score the future")
def score_candidate(night: Night, held_out: Trial, factors: Factors) -> Figures:
    """The candidate on the held-out future."""
    figures = trial.score_future(held_out, factors, night.settings)
    night.say(f"nDCG@20 {figures.ndcg:.4f}, recall@20 {figures.recall:.4f}.")
    return figures


@step("Score the popular lists")
def score_popularity(night: Night, held_out: Trial) -> tuple[Figures, Figures]:
    """What was popular ever, and lately, on the same future."""
    ever = trial.score_popularity(held_out, night.settings)
    lately = trial.score_recent_popularity(held_out, night.settings)
    night.say(f"nDCG@20 {ever.ndcg:.4f} of all time, {lately.ndcg:.4f} of late.")
    return ever, lately


@step("Score the served run")
def score_served(night: Night, held_out: Trial, served: ServedRun) -> Figures:
    """The served run's parameters on the same past: the run itself has seen part of the future."""
    factors = trial.fit_past(held_out, served.recipe, threads=night.settings.threads)
    figures = trial.score_future(held_out, factors, night.settings)
    night.say(f"nDCG@20 {figures.ndcg:.4f}, recall@20 {figures.recall:.4f}.")
    return figures


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
        on_iteration=_progress(night, recipe),
    )


@step("Write the lists", retried=True)
def write_lists(
    night: Night, run: Run, matrix: InteractionMatrix, factors: Factors, catalogue: Catalogue
) -> None:
    """The best items of every user who liked something, chunk by chunk."""
    _clear(night, run, "clear_lists")
    settings = night.settings
    chunks = lists.all_lists(
        matrix,
        factors,
        length=settings.list_length,
        left_out=catalogue.unavailable,
        chunk_users=settings.chunk_users,
        threads=settings.threads,
    )
    with night.bulk() as connection:
        written = lists.store_all_lists(
            connection, run.run_id, chunks, lambda users: night.say(f"{users:,} lists.")
        )
    metrics = {
        "lists": written.users,
        "published_coverage@20": written.distinct_top_items / len(matrix.item_nos),
    }
    with night.begin() as connection:
        runs.store_metrics(connection, run.run_id, metrics)


@step("Choose the weights of the live vector")
def choose_weights(night: Night, run: Run, held_out: Trial) -> LiveWeights:
    """What taste and trend count, by a small replay of the held-out future."""
    chosen = choosing.choose_weights(
        held_out.split,
        held_out.past,
        run.parameters.space,
        seed=night.settings.seed,
        threads=night.settings.threads,
    )
    night.say(f"Taste {chosen.taste}, trend {chosen.trend}, sequence 1.")
    return chosen


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
    parts = fit_parts(matrix, history, as_of(run, history), space, threads=night.settings.threads)
    return item_space(parts, space, weights)


@step("Write the item vectors", retried=True)
def write_item_vectors(night: Night, run: Run, space: ItemSpace) -> None:
    """The item vectors, and in the row of the run what live vectors are made with."""
    _clear(night, run, "clear_item_embeddings")
    with night.bulk() as connection:
        embeddings.store_item_vectors(connection, run.run_id, space.items)
    with night.begin() as connection:
        embeddings.store_space(connection, run.run_id, space)


@step("Write the popular lists", retried=True)
def write_popular_lists(
    night: Night, run: Run, history: Interactions, catalogue: Catalogue
) -> None:
    """Popular, trending and of all time, in all and by category."""
    _clear(night, run, "clear_popular_items")
    made = popularity.popular_lists(history, catalogue, as_of(run, history), night.settings)
    with night.bulk() as connection:
        popularity.store_popular_lists(connection, run.run_id, made)
    night.say(f"{len(made)} popular lists.")


@step("Write the live vectors", retried=True)
def write_live_vectors(night: Night, run: Run, history: Interactions, space: ItemSpace) -> Position:
    """Every user's live vector, with what came in while the run trained; answers up to where."""
    _clear(night, run, "clear_user_embeddings")
    with night.begin() as connection:
        horizon = event_horizon(connection)
    with night.bulk() as connection:
        live_vectors.store_all_live_vectors(
            connection,
            run,
            history.kinds,
            space,
            horizon=horizon,
            chunk_users=night.settings.chunk_users,
            on_users=lambda users: night.say(f"{users:,} live vectors."),
        )
    return horizon


@step("Build the index", retried=True)
def build_index(night: Night, run: Run, space: ItemSpace) -> None:
    """The index over item vectors, where exact search would be slow, and its recall."""
    dimensions = space.items.vectors.shape[1]
    metrics: dict[str, float | str] = {"index": "exact"}
    if len(space.items.item_nos) >= night.settings.index_from_items:
        with night.begin() as connection:
            index.build_index(connection, run.run_id, dimensions)
        with night.engine.connect() as connection:
            recall = index.index_recall(
                connection, run.run_id, dimensions, night.settings.index_sample_users
            )
        metrics = {"index": "hnsw", f"index_recall@{index.DEPTH}": recall}
    with night.begin() as connection:
        runs.store_metrics(connection, run.run_id, metrics)
    night.say(f"{metrics}")


@step("Switch")
def switch(
    night: Night, run: Run, history: Interactions, space: ItemSpace, known: Position
) -> None:
    """Fold in what came in meanwhile and serve the run, the last of it in one transaction."""
    for _ in range(_MOST_ROUNDS):
        with night.begin() as connection:
            known, users = live_vectors.catch_up(connection, run, history.kinds, space, after=known)
        night.say(f"{users:,} users had new interactions.")
        if users <= _FEW_USERS:
            break
    with night.begin() as connection:
        known, _ = live_vectors.catch_up(connection, run, history.kinds, space, after=known)
        publishing.publish_run(connection, run.run_id, known)
    night.say(f"Run {run.run_id} is served from now on.")


@step("Retire old runs")
def retire(night: Night) -> list[RunId]:
    """Keep the newest published runs to roll back to; drop the others."""
    with night.begin() as connection:
        old = runs.find_runs_to_retire(connection, night.settings.retained_runs)
    for run_id in old:
        night.while_readers_yield(runs.retire, run_id)
    night.say(f"Retired: {', '.join(map(str, old)) or 'none'}.")
    return old


@step("Compare at the gate")
def pass_gate(
    night: Night, run: Run, size: gate.Size, comparison: Comparison | None, evaluated: int
) -> gate.Verdict:
    """Store the figures, and whether they let the run pass."""
    verdict = gate.judge(size, comparison, night.settings)
    metrics: dict[str, Any] = {"evaluated_users": evaluated, "gate": verdict.reason}
    if comparison is not None:
        metrics |= comparison.metrics(night.settings.seed)
    with night.begin() as connection:
        runs.store_metrics(connection, run.run_id, metrics)
        if verdict.accepted:
            runs.mark_evaluated(connection, run.run_id)
        else:
            runs.mark_refused(connection, run.run_id, verdict.reason)
    night.say(verdict.reason)
    return verdict


def as_of(run: Run, history: Interactions) -> np.datetime64:
    """The moment ages are counted from: the newest interaction, but not after the cut-off."""
    cut_off = np.datetime64(run.cut_off_at.replace(tzinfo=None), "us")
    return min(cut_off, history.newest()) if len(history) else cut_off


def _progress(night: Night, recipe: ListRecipe) -> Callable[[int], None]:
    return lambda done: night.say(f"Iteration {done} of {iterations_of(recipe)}.")


def _clear(night: Night, run: Run, statement: str) -> None:
    """Make room for a step that is done again."""
    with night.begin() as connection:
        connection.execute(_BATCH[statement], {"run_id": run.run_id})


def _flow_run_id() -> uuid.UUID | None:
    running = flow_run.id
    return None if running is None else uuid.UUID(str(running))
