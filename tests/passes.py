"""Passes of a speed worker, for tests: each in a transaction of its own, until all is done."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text

from domain.identifiers import Position, RunId, UserNo
from speed.cold_items import ColdItemEmbedder
from speed.folding import Folder
from speed.settings import SpeedSettings
from sql.live_vectors import (
    UserVector,
    load_item_vectors,
    load_live_space,
    load_transitions,
    store_user_vectors,
)
from sql.log import event_horizon
from tests.histories import load_histories

Done = TypeVar("Done")

SETTINGS = SpeedSettings()
FEW = SpeedSettings(items_per_pass=3)
"""Few items in a pass, so that there are several."""


def until_idle(engine: Engine, pass_over: Callable[[Connection], Done | None]) -> list[Done]:
    """What each pass has done, until one finds nothing to do."""
    passes = list[Done]()
    while True:
        with engine.begin() as connection:
            done = pass_over(connection)
        if done is None:
            return passes
        passes.append(done)


def fold_all(engine: Engine, settings: SpeedSettings = SETTINGS) -> list[UserNo]:
    """Fold users into the served run; the users in the order of their passes."""
    passes = until_idle(engine, Folder(settings).fold_new)
    return [user_no for done in passes for user_no in done.user_nos]


def embed_all(engine: Engine, settings: SpeedSettings = FEW) -> list[int]:
    """Embed items in the served run; the items in the order of their passes."""
    passes = until_idle(engine, ColdItemEmbedder(settings).embed_new)
    return [item_no for done in passes for item_no in done.item_nos]


def embeddings(connection: Connection, run_id: RunId) -> dict[int, Any]:
    """Where the items of a run are that were embedded between nights."""
    query = (
        "select item_no, embedding from item_embeddings"
        " where run_id = :run_id and embedded_at is not null"
    )
    rows = connection.execute(text(query), {"run_id": run_id}).all()
    return {row.item_no: row.embedding for row in rows}


def stored_vector(connection: Connection, user_no: UserNo) -> tuple[list[float] | None, int, int]:
    """The user's vector in the served run, its count of new events and its position."""
    row = connection.execute(
        text(
            "select embedding, events_since_cut_off, position from user_embeddings"
            " join live_run using (run_id) where user_no = :user_no"
        ),
        {"user_no": user_no},
    ).one()
    vector = None if row.embedding is None else row.embedding.to_numpy().tolist()
    return vector, row.events_since_cut_off, row.position


def store_live_vector(connection: Connection, run_id: RunId, user_no: UserNo) -> Position:
    """Fold in what the log holds of a user, as the speed worker does."""
    horizon = event_horizon(connection)
    run = load_live_space(connection, run_id)
    histories = load_histories(connection, [user_no], horizon=horizon, events=100)
    nos = histories[user_no].item_nos.tolist()
    items = load_item_vectors(connection, run_id, nos)
    history = histories[user_no]
    transitions = load_transitions(connection, run, items, [history])
    vector = UserVector.of(user_no, run.space, items, transitions, history, events_since_cut_off=0)
    store_user_vectors(connection, run_id, [vector], horizon)
    return horizon
