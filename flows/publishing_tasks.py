"""Writing and publishing the run, as Prefect tasks."""

import time
from typing import Any, get_args

from sqlalchemy import Connection

from batch import (
    catalogue_words,
    embeddings,
    index,
    likeness,
    lists,
    live_vectors,
    overlap,
    popularity,
    publishing,
    runs,
    vanished,
)
from batch.catalogue import Catalogue
from batch.catalogue_words import CatalogueWords
from batch.fitting import Factors
from batch.forgetting import clear_forgotten
from batch.matrix import InteractionMatrix
from batch.promotion import announce, catch_up
from batch.runs import Run
from batch.space import ItemSpace
from domain.identifiers import Position, RunId
from flows.night import Night
from flows.steps import step
from sql import popular
from sql.live_vectors import RunSpace, load_live_space
from sql.log import event_horizon, load_kinds
from sql.partitions import create_partitions
from sql.statements import statements

_BATCH = statements("batch")

_RECALL_USERS = 100
"""On whom the recall of an index is measured."""


def make_room(night: Night, run: Run) -> None:
    """The partitions the run is written into."""
    with night.begin() as connection:
        create_partitions(connection, run.run_id)


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
    compared = overlap.sampled_users(len(matrix.likers()), settings.seed)
    with night.bulk() as connection:
        written = lists.store_all_lists(
            connection,
            run.run_id,
            chunks,
            compared,
            lambda users: night.say(f"{users:,} lists."),
        )
    _clear_forgotten(night, run)
    metrics = {
        "lists": written.users,
        "published_coverage@20": written.distinct_top_items / len(matrix.item_nos),
    }
    measured = overlap.measure_overlap(written.compared, settings.seed)
    if measured is not None:
        metrics |= measured.metrics()
    with night.begin() as connection:
        runs.store_metrics(connection, run.run_id, metrics | _vanished(night, connection, written))


def _vanished(night: Night, connection: Connection, written: lists.WrittenLists) -> dict[str, Any]:
    """What many lists of the served run have and none of these; nothing before the first run."""
    served = runs.find_served_run(connection)
    if served is None:
        return {}
    before = vanished.load_widely_listed_items(connection, served.run_id)
    gone = vanished.find_vanished(before, written.item_nos)
    for item in gone[: vanished.MOST_TOLD]:
        night.warn(f"{item.item_id} is in no list; in run {served.run_id} in {item.share:.0%}.")
    return vanished.described(gone)


@step("Write the item vectors", retried=True)
def write_item_vectors(night: Night, run: Run, words: CatalogueWords) -> None:
    """The item vectors, and in the row of the run what live vectors are made with."""
    _clear(night, run, "clear_item_embeddings")
    with night.bulk() as connection:
        embeddings.store_item_vectors(connection, run.run_id, words.space.items, words.users)
    with night.begin() as connection:
        embeddings.store_space(connection, run.run_id, words.space)


@step("Write the words", retried=True)
def write_words(night: Night, run: Run, words: CatalogueWords) -> None:
    """What each term says, and in the row of the run what items are made of words with."""
    _clear(night, run, "clear_term_embeddings")
    with night.bulk() as bulk, night.begin() as connection:
        catalogue_words.store_words(bulk, connection, run.run_id, words.learned)
        runs.store_metrics(connection, run.run_id, words.described())


@step("Write how alike items are", retried=True)
def write_likenesses(night: Night, run: Run, words: CatalogueWords) -> None:
    """For each item what its likeness to another is the inner product of."""
    _clear(night, run, "clear_item_likenesses")
    chunks = likeness.all_likenesses(words.space, words.terms, words.learned)
    with night.bulk() as connection:
        likeness.store_likenesses(connection, run.run_id, chunks)


@step("Write the popular lists", retried=True)
def write_popular_lists(night: Night, run: Run) -> None:
    """Popular and trending by window and of all time, in all and by category."""
    _clear(night, run, "clear_popular_items")
    with night.begin() as connection:
        popular.store_parameters(
            connection, run.run_id, popularity.popular_parameters(night.settings)
        )
    for part in get_args(popular.Part):
        with night.begin() as connection:
            popular.refresh_part(connection, run.run_id, part)
    with night.begin() as connection:
        popular.store_well_known(connection, run.run_id)
        night.say(f"{popular.count_lists(connection, run.run_id)} popular lists.")


@step("Write the live vectors", retried=True)
def write_live_vectors(night: Night, run: Run, space: ItemSpace) -> Position:
    """Every user's live vector, with what came in while the run trained; answers up to where."""
    _clear(night, run, "clear_user_embeddings")
    with night.begin() as connection:
        live_vectors.store_crowd(connection, run.run_id)
        horizon = event_horizon(connection)
        # After the horizon: below it there may be events of a kind created since the night began.
        kinds = load_kinds(connection)
    with night.bulk() as connection:
        live_vectors.store_all_live_vectors(
            connection,
            run,
            kinds,
            space,
            horizon=horizon,
            chunk_users=night.settings.chunk_users,
            on_users=lambda users: night.say(f"{users:,} live vectors."),
        )
    _clear_forgotten(night, run)
    return horizon


@step("Build the index", retried=True)
def build_index(night: Night, run: Run, space: ItemSpace) -> None:
    """The indexes over items, where exact search would be slow, and their recall."""
    metrics: dict[str, float | str] = {"index": "exact"}
    if len(space.items.item_nos) >= night.settings.index_from_items:
        dimensions = space.items.vectors.shape[1]
        alike = likeness.likeness_dimensions(space)
        metrics = {
            "index": "hnsw",
            f"index_recall@{index.DEPTH}": _indexed(night, run, dimensions, index.ITEM_VECTORS),
            f"likeness_recall@{index.DEPTH}": _indexed(night, run, alike, index.LIKENESSES),
        }
    with night.begin() as connection:
        runs.store_metrics(connection, run.run_id, metrics)
    night.say(f"{metrics}")


def _indexed(night: Night, run: Run, dimensions: int, indexed: index.Indexed) -> float:
    """Build one index; how much of the exact answer it finds."""
    with night.begin() as connection:
        index.build_index(connection, run.run_id, dimensions, indexed)
    with night.engine.connect() as connection:
        return index.index_recall(connection, run.run_id, dimensions, _RECALL_USERS, indexed)


@step("Promote", retried=True)
def promote(night: Night, run: Run, known: Position) -> None:
    """Fold in what came in meanwhile and serve the run, the last of it in one transaction."""
    with night.begin() as connection:
        publishing.begin_progress(connection, run.run_id, known)
        live = load_live_space(connection, run.run_id)
    _catch_up(night, live)
    if _warmed(night, run):
        _catch_up(night, live)
    with night.begin() as connection:
        publishing.publish_run(connection, live)
    night.say(f"Run {run.run_id} is served from now on.")


def _catch_up(night: Night, live: RunSpace) -> None:
    catch_up(night.begin, live, lambda done, of: night.say(f"{done:,} of {of:,} users brought up."))


def _warmed(night: Night, run: Run) -> bool:
    """Whether API processes were given the time to make answers before they are asked for."""
    if not night.settings.warm_seconds:
        return False
    with night.begin() as connection:
        listeners = announce(connection, run.run_id)
    if not listeners:
        return False
    night.say(f"{listeners} API processes make answers for {night.settings.warm_seconds:g} s.")
    time.sleep(night.settings.warm_seconds)
    return True


@step("Retire old runs")
def retire(night: Night) -> list[RunId]:
    """Keep the newest published runs to roll back to; drop the others."""
    settings = night.settings
    with night.begin() as connection:
        old = runs.find_runs_to_retire(connection, settings.retained_runs, settings.retained_days)
    retired = [run_id for run_id in old if _retire(night, run_id)]
    night.say(f"Retired: {', '.join(map(str, retired)) or 'none'}.")
    return retired


def _retire(night: Night, run_id: RunId) -> bool:
    with night.begin() as connection:
        retired = runs.retire(connection, run_id)
    if retired:
        night.clear_away(run_id)
    return retired


def _clear(night: Night, run: Run, statement: str) -> None:
    """Make room for a step that is done again."""
    with night.begin() as connection:
        connection.execute(_BATCH[statement], {"run_id": run.run_id})


def _clear_forgotten(night: Night, run: Run) -> None:
    """Take out who was forgotten during the step, rather than keep them until the promotion."""
    with night.begin() as connection:
        clear_forgotten(connection, run.run_id)
