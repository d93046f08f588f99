"""What users say of themselves counts in every run, also if they say it while one is made."""

from collections.abc import Sequence

import numpy as np
import pytest
from sqlalchemy import Engine, text

from domain.live_vector import live_vector
from flows.nightly import run_now
from speed.folding import Folder
from speed.settings import SpeedSettings
from sql.folding import load_histories_with_interests
from sql.live_vectors import load_item_vectors, load_live_space
from sql.log import event_horizon
from tests.events import user_no_of
from tests.flows.conftest import GROUPS, ITEMS_A_GROUP
from tests.small_words import state

pytestmark = pytest.mark.usefixtures("prefect_server")

ITEMS = range(1, GROUPS * ITEMS_A_GROUP + 1)


def declares(engine: Engine, user: str, words: Sequence[str], item_nos: Sequence[int] = ()) -> None:
    with engine.begin() as connection:
        state(connection, user, words, item_nos)


def nearest(engine: Engine, user: str) -> list[int]:
    """The ten items nearest to a user's live vector in the served run."""
    with engine.connect() as connection:
        query = text(
            "select item_no from live_run join user_embeddings as own using (run_id)"
            " join item_embeddings as item using (run_id)"
            " where user_no = :no and own.embedding is not null"
            " order by item.embedding <#> own.embedding limit 10"
        )
        found = connection.execute(query, {"no": user_no_of(connection, user)})
        return list(found.scalars())


def knows_everything(engine: Engine, user: str) -> bool:
    """Whether the served run's vector of a user follows from log and interests as they stand."""
    with engine.connect() as connection:
        horizon, user_no = event_horizon(connection), user_no_of(connection, user)
        run_id = connection.execute(text("select run_id from live_run")).scalar_one()
        run = load_live_space(connection, run_id)
        histories, phrases = load_histories_with_interests(
            connection, run, [user_no], horizon=horizon
        )
        items = phrases.items.followed_by(load_item_vectors(connection, run_id, list(ITEMS)))  # type: ignore[arg-type]
        expected = live_vector(run.space, items, histories[user_no])
        query = text("select embedding from user_embeddings where run_id = :r and user_no = :u")
        stored = connection.execute(query, {"r": run_id, "u": user_no}).scalar_one()
        if expected is None or stored is None:
            return expected is None and stored is None
        return bool(np.allclose(stored.to_numpy(), expected, atol=1e-5))


def test_a_user_with_words_alone_has_a_live_vector_from_the_night_on(shop: Engine) -> None:
    declares(shop, "ann", ["group 1"])
    declares(shop, "bob", [], [2, 5])
    declares(shop, "user-3", ["group 2", "unheard of"])
    run_now(lambda _step, _seconds: None)
    assert {no % GROUPS for no in nearest(shop, "ann")} == {1}
    assert {no % GROUPS for no in nearest(shop, "bob")} == {2}
    for user in ("ann", "bob", "user-3", "user-4"):
        assert knows_everything(shop, user)


def test_what_is_said_while_a_run_is_made_counts_from_the_promotion_on(shop: Engine) -> None:
    declares(shop, "changed", ["group 1"])
    declares(shop, "silenced", ["group 1"])
    declared_at = {
        "Read the history": ("early", ["group 1"]),
        "Write the live vectors": ("changed", ["group 2"]),
        "Build the index": ("silenced", []),
        "Promote": ("late", ["group 2"]),
    }
    steps = set()

    def watch(step: str, seconds: float | None) -> None:
        steps.add(step)
        if seconds is None and step in declared_at:
            declares(shop, *declared_at[step])

    run_now(watch)

    assert set(declared_at) <= steps
    for user, words in declared_at.values():
        groups = {no % GROUPS for no in nearest(shop, user)}
        assert groups == {int(word.removeprefix("group ")) for word in words}, user
    with shop.begin() as connection:
        done = Folder(SpeedSettings()).fold_new(connection)
    assert done is None or done.user_nos == ()
