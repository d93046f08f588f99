"""Writing and publishing the run, as Prefect tasks."""

from datetime import UTC, datetime
from typing import Any, get_args

from sqlalchemy import Connection

from batch.content import catalogue_words, similarity
from batch.content.catalogue_words import CatalogueWords
from batch.fitting import Factors
from batch.history.catalogue import Catalogue
from batch.history.matrix import InteractionMatrix
from batch.history.rollups import count_rollups
from batch.lists import inter_user_similarity, nightly_lists, popularity, vanished
from batch.runs import model_runs, publishing
from batch.runs.forgetting import clear_forgotten
from batch.runs.model_runs import Run
from batch.space import embeddings, index, live_vectors
from batch.space.composing import ItemSpace
from domain.identifiers import Position, RunId
from flows.nightly_context import NightlyContext
from flows.steps import step
from sql import popular
from sql.listening import listen_to_warmed, wait_for_warmed
from sql.live_vectors import RunSpace, load_live_space
from sql.log import event_horizon, load_kinds
from sql.partitions import create_partitions
from sql.promotion import announce, catch_up
from sql.settings import AttributionSettings
from sql.statements import statements

_BATCH = statements("batch")

_RECALL_USERS = 100
"""On whom the recall of an index is measured."""


def make_room(context: NightlyContext, run: Run) -> None:
    """The partitions the run is written into."""
    with context.begin() as connection:
        create_partitions(connection, run.run_id)


@step("Write the lists", retried=True)
def write_lists(
    context: NightlyContext,
    run: Run,
    matrix: InteractionMatrix,
    factors: Factors,
    catalogue: Catalogue,
) -> None:
    """The best items of every user who liked something, chunk by chunk."""
    _clear(context, run, "clear_lists")
    settings = context.settings
    chunks = nightly_lists.all_lists(
        matrix,
        factors,
        length=settings.list_length,
        left_out=catalogue.unavailable,
        chunk_users=settings.chunk_users,
        engine=context.batch_engine,
    )
    compared = inter_user_similarity.sampled_users(len(matrix.rows_who_like()), settings.seed)
    with context.bulk() as connection:
        written = nightly_lists.store_all_lists(
            connection,
            run.run_id,
            chunks,
            compared,
            lambda users: context.say(f"{users:,} lists."),
        )
    _clear_forgotten(context, run)
    metrics = {
        "lists": written.users,
        "published_coverage@20": written.distinct_top_items / len(matrix.item_nos),
    }
    measured = inter_user_similarity.measure_inter_user_similarity(written.compared, settings.seed)
    if measured is not None:
        metrics |= measured.metrics()
    with context.begin() as connection:
        model_runs.store_metrics(
            connection, run.run_id, metrics | _vanished(context, connection, written)
        )


def _vanished(
    context: NightlyContext, connection: Connection, written: nightly_lists.WrittenLists
) -> dict[str, Any]:
    """What many lists of the served run have and none of these; nothing before the first run."""
    served = model_runs.find_served_run(connection)
    if served is None:
        return {}
    before = vanished.load_widely_listed_items(connection, served.run_id)
    gone = vanished.find_vanished(before, written.item_nos)
    for item in gone[: vanished.MOST_REPORTED]:
        context.warn(f"{item.item_id} is in no list; in run {served.run_id} in {item.share:.0%}.")
    return vanished.described(gone)


@step("Write the item vectors", retried=True)
def write_item_vectors(context: NightlyContext, run: Run, words: CatalogueWords) -> None:
    """The item vectors and transitions, and in the row of the run what makes live vectors."""
    _clear(context, run, "clear_item_embeddings")
    _clear(context, run, "clear_item_transitions")
    with context.bulk() as connection:
        embeddings.store_item_vectors(connection, run.run_id, words.space.items, words.users)
        embeddings.store_transitions(connection, run.run_id, words.space.transitions)
    with context.begin() as connection:
        embeddings.store_space(connection, run.run_id, words.space)


@step("Write the words", retried=True)
def write_words(context: NightlyContext, run: Run, words: CatalogueWords) -> None:
    """What each term says, and in the row of the run what items are made of words with."""
    _clear(context, run, "clear_term_embeddings")
    with context.bulk() as bulk, context.begin() as connection:
        catalogue_words.store_words(bulk, connection, run.run_id, words.learned)
        model_runs.store_metrics(connection, run.run_id, words.described())


@step("Write how similar items are", retried=True)
def write_similarity_embeddings(context: NightlyContext, run: Run, words: CatalogueWords) -> None:
    """For each item what its similarity to another is the inner product of."""
    _clear(context, run, "clear_item_similarity_embeddings")
    chunks = similarity.all_similarity_embeddings(words.space, words.terms, words.learned)
    with context.bulk() as connection:
        similarity.store_similarity_embeddings(connection, run.run_id, chunks)


@step("Write the popular lists", retried=True)
def write_popular_lists(context: NightlyContext, run: Run) -> None:
    """Popular and trending by window and of all time, in all and by category."""
    _clear(context, run, "clear_popular_items")
    with context.begin() as connection:
        popular.store_parameters(
            connection, run.run_id, popularity.popular_parameters(context.settings)
        )
    for part in get_args(popular.Part):
        with context.begin() as connection:
            popular.refresh_part(connection, run.run_id, part)
    with context.begin() as connection:
        popular.store_well_known(connection, run.run_id)
        context.say(f"{popular.count_lists(connection, run.run_id)} popular lists.")


@step("Write the live vectors", retried=True)
def write_live_vectors(context: NightlyContext, run: Run, space: ItemSpace) -> Position:
    """Every user's live vector, with what came in while the run trained; answers up to where."""
    _clear(context, run, "clear_user_embeddings")
    with context.begin() as connection:
        live_vectors.store_prior(connection, run.run_id)
        horizon = event_horizon(connection)
        # After the horizon: below it there may be events of a kind created since the night began.
        kinds = load_kinds(connection)
    with context.bulk() as connection:
        live_vectors.store_all_live_vectors(
            connection,
            run,
            kinds,
            space,
            horizon=horizon,
            chunk_users=context.settings.chunk_users,
            on_users=lambda users: context.say(f"{users:,} live vectors."),
        )
    _clear_forgotten(context, run)
    return horizon


@step("Build the index", retried=True)
def build_index(context: NightlyContext, run: Run, space: ItemSpace) -> None:
    """The indexes over items, where exact search would be slow, and their recall."""
    metrics: dict[str, float | str] = {"index": "exact"}
    if len(space.items.item_nos) >= context.settings.index_from_items:
        dimensions = space.items.vectors.shape[1]
        similarity_dimensions = similarity.similarity_dimensions(space)
        metrics = {
            "index": "hnsw",
            f"index_recall@{index.DEPTH}": _indexed(context, run, dimensions, index.ITEM_VECTORS),
            f"similarity_recall@{index.DEPTH}": _indexed(
                context, run, similarity_dimensions, index.SIMILARITY_EMBEDDINGS
            ),
        }
    with context.begin() as connection:
        model_runs.store_metrics(connection, run.run_id, metrics)
    context.say(f"{metrics}")


def _indexed(context: NightlyContext, run: Run, dimensions: int, indexed: index.Indexed) -> float:
    """Build one index; how much of the exact answer it finds."""
    with context.begin() as connection:
        index.build_index(connection, run.run_id, dimensions, indexed)
    with context.session() as connection:
        return index.index_recall(connection, run.run_id, dimensions, _RECALL_USERS, indexed)


@step("Promote", retried=True)
def promote(context: NightlyContext, run: Run, known: Position) -> None:
    """Fold in what came in meanwhile and serve the run, the last of it in one transaction."""
    with context.begin() as connection:
        publishing.begin_progress(connection, run.run_id, known)
        live = load_live_space(connection, run.run_id)
    _catch_up(context, live)
    if _warmed(context, run):
        _catch_up(context, live)
    with context.begin() as connection:
        publishing.publish_run(connection, live)
    context.say(f"Run {run.run_id} is served from now on.")


def _catch_up(context: NightlyContext, live: RunSpace) -> None:
    catch_up(
        context.begin, live, lambda done, of: context.say(f"{done:,} of {of:,} users brought up.")
    )


def _warmed(context: NightlyContext, run: Run) -> bool:
    """Whether API processes were given the time to make answers before they are asked for.

    No more of it than they need: each reports when it has made them.
    """
    if not context.settings.warm_seconds:
        return False
    seconds = context.settings.warm_seconds
    with context.session() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        listen_to_warmed(session)
        listeners = announce(session, run.run_id)
        if not listeners:
            return False
        reported = wait_for_warmed(session, run.run_id, listeners, seconds)
    context.say(f"{reported} of {listeners} API processes made their answers within {seconds:g} s.")
    return True


@step("Retire old runs")
def retire(context: NightlyContext) -> list[RunId]:
    """Keep the newest published runs to roll back to; drop the others."""
    settings = context.settings
    with context.begin() as connection:
        old = model_runs.find_runs_to_retire(
            connection, settings.retained_runs, settings.retained_days
        )
    retired = [run_id for run_id in old if _retire(context, run_id)]
    context.say(f"Retired: {', '.join(map(str, retired)) or 'none'}.")
    return retired


@step("Count for analysts", retried=True)
def count_for_analysts(context: NightlyContext) -> None:
    """What views of the schema `analytics` read; each part is complete or as it was before."""
    days = AttributionSettings().attribution_days
    for counted in count_rollups(context.begin, datetime.now(UTC), days):
        context.say(f"Counted {counted}.")


def _retire(context: NightlyContext, run_id: RunId) -> bool:
    with context.begin() as connection:
        retired = model_runs.retire(connection, run_id)
    if retired:
        context.clear_away(run_id)
    return retired


def _clear(context: NightlyContext, run: Run, statement: str) -> None:
    """Make room for a step that is done again."""
    with context.begin() as connection:
        connection.execute(_BATCH[statement], {"run_id": run.run_id})


def _clear_forgotten(context: NightlyContext, run: Run) -> None:
    """Take out who was forgotten during the step, rather than keep them until the promotion."""
    with context.begin() as connection:
        clear_forgotten(connection, run.run_id)
