"""What other systems lose between two nights: clicks, lonely users, changes that keep the count."""

import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from domain.identifiers import ItemNo, UserId
from domain.live_vector import live_vector
from flows.nightly import run_now
from speed.folding import Folder
from speed.settings import SpeedSettings
from sql.live_vectors import load_item_vectors, load_live_space
from sql.log import event_horizon
from tests.events import CLICK, NOON, NewEvent, user_no_of
from tests.events import record as record_events
from tests.flows.conftest import GROUPS, ITEMS_A_GROUP
from tests.flows.test_nightly import at, ignore, rows, value
from tests.histories import load_histories

pytestmark = pytest.mark.usefixtures("prefect_server")

Record = Callable[[Connection, Sequence[tuple[str, int, float]]], None]
ITEMS = GROUPS * ITEMS_A_GROUP


def clicks(user: str, item_nos: Sequence[int]) -> list[NewEvent]:
    return [
        NewEvent(
            uuid.uuid4(), UserId(user), ItemNo(no), CLICK, None, NOON + timedelta(minutes=minute)
        )
        for minute, no in enumerate(item_nos)
    ]


def knows_everything(engine: Engine, user: str) -> bool:
    """Whether the served run's vector of a user is that of the whole log as it stands."""
    with engine.connect() as connection:
        horizon = event_horizon(connection)
        run_id = connection.execute(text("select run_id from live_run")).scalar_one()
        user_no = user_no_of(connection, user)
        run = load_live_space(connection, run_id)
        history = load_histories(connection, [user_no], horizon=horizon, events=100)[user_no]
        items = load_item_vectors(connection, run_id, [ItemNo(no) for no in range(1, ITEMS + 1)])
        expected = live_vector(run.space, items, history)
        query = text("select embedding from user_embeddings where run_id = :r and user_no = :u")
        stored = connection.execute(query, {"r": run_id, "u": user_no}).scalar_one_or_none()
        assert expected is not None
        return stored is not None and np.allclose(stored.to_numpy(), expected, atol=1e-5)


CLICKED = {
    "Read the history": "user-1",
    "Write the lists": "user-4",
    "Write the live vectors": "user-7",
}
"""Users who click while a night is at a step."""


def test_clicks_during_training_keep_their_effect_through_the_promotion(
    shop: Engine, first_run: int
) -> None:
    def arrive(step: str, seconds: float | None) -> None:
        user = CLICKED.get(step)
        if user is None or seconds is not None:
            return
        with shop.begin() as connection:
            record_events(connection, clicks(user, [4, 7]))
        with shop.begin() as connection:
            assert Folder(SpeedSettings()).fold_new(connection) is not None
        assert knows_everything(shop, user), "in the run that is served while this one trains"

    run_now(arrive)
    # No worker has run since: it is the night that has folded the clicks in.
    counted = (
        "select events_since_cut_off from user_embeddings join live_run using (run_id)"
        " join users using (user_no) where user_id = :user"
    )
    for user in CLICKED.values():
        assert knows_everything(shop, user)
        assert value(shop, counted, user=user) == 2


def test_five_clicks_sent_together_during_a_night_all_count(shop: Engine, first_run: int) -> None:
    def arrive() -> None:
        with shop.begin() as connection:
            record_events(connection, clicks("newcomer", [4, 7, 10, 13, 16]))

    run_now(at("Build the index", arrive))
    assert knows_everything(shop, "newcomer")


def test_a_user_with_a_single_positive_event_gets_a_personal_list(
    shop: Engine, record: Record
) -> None:
    with shop.begin() as connection:
        # The newest event of all: it lies in the part that is held out to judge the run.
        record(connection, [("lonely", GROUPS, 200)])
    run_now(ignore)
    query = (
        "select item_nos from batch_recommendations join live_run using (run_id)"
        " join users using (user_no) where user_id = 'lonely'"
    )
    (top,) = {tuple(row.item_nos[:10]) for row in rows(shop, query)}
    assert GROUPS not in top
    assert sum(no % GROUPS == 0 for no in top) >= 8, "of the group of the one item"
    assert knows_everything(shop, "lonely")


def test_a_night_with_as_many_but_other_events_learns_again(
    shop: Engine, record: Record, first_run: int
) -> None:
    taste = (
        "select item_nos[1:10] as top from batch_recommendations join users using (user_no)"
        " where user_id = 'user-0' and run_id = :run_id"
    )
    before = value(shop, taste, run_id=first_run)
    with shop.begin() as connection:
        moved = connection.execute(
            text(
                "delete from interactions using users where users.user_no = interactions.user_no"
                " and user_id = 'user-0' returning interactions.item_no, occurred_at"
            )
        ).all()
        group = moved[0].item_no % GROUPS
        others = [no for no in range(1, ITEMS + 1) if no % GROUPS == (group + 1) % GROUPS]
        visits = [("user-0", no, 100.0) for no in others[: len(moved)]]
        record(connection, visits)
    second = run_now(ignore)
    assert second != first_run
    assert value(shop, "select run_id from live_run") == second
    counts = [row[0] for row in rows(shop, "select metrics -> 'interactions' from model_runs")]
    assert counts[0] == counts[1]
    after = value(shop, taste, run_id=second)
    assert {no % GROUPS for no in before[:5]} == {group}
    assert {no % GROUPS for no in after[:3]} == {(group + 1) % GROUPS}
