"""Items that come between two nights have embeddings in the run, as they should be."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from domain.identifiers import ItemNo, RunId
from sql.cold_items import embed_items
from tests.events import DISLIKE, LIKE, event, record
from tests.removals import delete, forget
from tests.words_run import (
    FANS,
    KNOWN,
    ROBOTS,
    WESTERN,
    Night,
    add_items,
    live_score,
    open_cinema,
    publish,
    two_camps,
    write_night,
)

HALF = KNOWN // 2


@pytest.fixture
def item_nos(engine: Engine) -> list[int]:
    return open_cinema(engine)


@pytest.fixture(params=[4, 0], ids=["with sequence", "without sequence"])
def night(
    engine: Engine, database_url: str, item_nos: list[int], request: pytest.FixtureRequest
) -> Night:
    space = two_camps(item_nos, sequence=request.param)
    made = write_night(engine, database_url, space)
    publish(engine, made)
    return made


@pytest.fixture
def run_id(night: Night) -> RunId:
    return night.run.run_id


def embed(connection: Connection, run_id: RunId, *item_nos: int) -> list[int]:
    return [int(no) for no in embed_items(connection, run_id, [ItemNo(no) for no in item_nos])]


def row_of(connection: Connection, run_id: RunId, item_no: int) -> Any:
    query = "select * from item_embeddings where run_id = :run_id and item_no = :item_no"
    asked = {"run_id": run_id, "item_no": item_no}
    return connection.execute(text(query), asked).one_or_none()


def similarity_embedding_of(connection: Connection, run_id: RunId, item_no: int) -> np.ndarray:
    query = (
        "select similarity_embedding from item_similarity_embeddings"
        " where run_id = :run_id and item_no = :item_no"
    )
    asked = {"run_id": run_id, "item_no": item_no}
    return np.asarray(connection.execute(text(query), asked).scalar_one().to_numpy())


def fans_like(connection: Connection, camp: str, item_no: int, fans: int) -> list[Any]:
    events = [
        event(f"{camp}-{fan}", item_no, minutes=60 + fan, kind_no=LIKE) for fan in range(fans)
    ]
    record(connection, events)
    return [event.event_id for event in events]


def test_a_run_without_a_mean_embeds_only_items_whose_words_it_knows(
    engine: Engine, run_id: RunId
) -> None:
    forget_mean = text("update model_runs set parameters = parameters #- '{words,mean_embedding}'")
    with engine.begin() as connection:
        connection.execute(forget_mean)
        new, mute = add_items(connection, [f"{WESTERN} again", "Zyzzyva"])
        fans_like(connection, WESTERN, mute, 3)
        assert embed(connection, run_id, new, mute) == [new]
        assert embed(connection, run_id, mute) == []


def test_an_item_nobody_has_used_is_where_the_night_would_have_put_it(
    engine: Engine, database_url: str, night: Night, run_id: RunId, item_nos: list[int]
) -> None:
    with engine.begin() as connection:
        new, mute = add_items(connection, [f"{WESTERN} again", "Zyzzyva"])
        assert embed(connection, run_id, new, mute) == [new, mute]
    later = write_night(engine, database_url, two_camps(item_nos, sequence=_sequence(night)))
    with engine.connect() as connection:
        for item_no in (new, mute):
            embedded = row_of(connection, run_id, item_no)
            made = row_of(connection, later.run.run_id, item_no)
            assert np.allclose(embedded.embedding.to_numpy(), made.embedding.to_numpy(), atol=1e-4)
            assert (embedded.users, made.users) == (0, 0)
            assert embedded.taste_scale == pytest.approx(made.taste_scale)
            assert (embedded.embedded_at is None, made.embedded_at is None) == (False, True)
            assert np.allclose(
                similarity_embedding_of(connection, run_id, item_no),
                similarity_embedding_of(connection, later.run.run_id, item_no),
                atol=1e-4,
            )
            if embedded.context_embedding is not None:
                assert np.allclose(
                    embedded.context_embedding.to_numpy(),
                    made.context_embedding.to_numpy(),
                    atol=1e-4,
                )


def _sequence(night: Night) -> int:
    return night.words.space.items.context_embeddings.shape[1]


def test_words_bring_a_new_item_to_the_people_it_is_for(engine: Engine, run_id: RunId) -> None:
    with engine.begin() as connection:
        western, robots = add_items(connection, [f"Another {WESTERN}", f"Another {ROBOTS}"])
        embed(connection, run_id, western, robots)
        cowboy = [live_score(connection, run_id, "cowboy-0", no) for no in (western, robots)]
        robot = [live_score(connection, run_id, "robot-0", no) for no in (western, robots)]
    assert cowboy[0] > cowboy[1]
    assert robot[1] > robot[0]


def test_who_likes_an_item_draws_it_and_a_deletion_takes_it_back_exactly(
    engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        (new,) = add_items(connection, [WESTERN])
        embed(connection, run_id, new)
        before = row_of(connection, run_id, new)
    scores = [_score(engine, run_id, "robot-5", new)]
    event_ids = []
    with engine.begin() as connection:
        for fan in range(5):
            liking = event(f"robot-{fan}", new, minutes=60 + fan, kind_no=LIKE)
            record(connection, [liking])
            event_ids.append(liking.event_id)
            assert embed(connection, run_id, new) == []
            scores.append(live_score(connection, run_id, "robot-5", new))
        assert scores == sorted(scores)
        assert len(set(scores)) == 6
        moved = row_of(connection, run_id, new)
        assert moved.users == 5
        norm = np.linalg.norm(before.embedding.to_numpy())
        assert np.linalg.norm(moved.embedding.to_numpy()) == pytest.approx(norm, rel=1e-4)
    with engine.begin() as connection:
        for event_id in event_ids[:4]:
            delete(connection, event_id)
        assert forget(connection, "robot-4").user_no is not None
        embed(connection, run_id, new)
        back = row_of(connection, run_id, new)
    assert back.embedding == before.embedding
    assert back.context_embedding == before.context_embedding
    assert back.users == 0


def _score(engine: Engine, run_id: RunId, user_id: str, item_no: int) -> float:
    with engine.connect() as connection:
        return live_score(connection, run_id, user_id, item_no)


def test_the_embedding_of_a_used_item_is_what_the_formula_says(
    engine: Engine, night: Night, run_id: RunId, item_nos: list[int]
) -> None:
    with engine.begin() as connection:
        (new,) = add_items(connection, [WESTERN])
        embed(connection, run_id, new)
        from_words = row_of(connection, run_id, new)
        fans_like(connection, "robot", new, 3)
        record(connection, [event("robot-0", item_nos[0], minutes=90, kind_no=LIKE)])
        record(connection, [event("robot-1", item_nos[1], minutes=1, kind_no=DISLIKE)])
        record(connection, [event("stranger", new, minutes=61)])
        record(connection, [event("robot-3", new, minutes=62, kind_no=DISLIKE)])
        embed(connection, run_id, new)
        embedded = row_of(connection, run_id, new)
    space = night.words.space
    end = 4 + _sequence(night)
    w, popularity_mean = (
        from_words.embedding.to_numpy()[:end],
        space.items.vectors[:, :end].mean(axis=0),
    )
    liked = [[HALF + (fan + 3 * n) % HALF for n in range(5)] for fan in range(3)]
    observed = np.mean([space.items.vectors[rows, :end].mean(axis=0) for rows in liked], axis=0)
    m = night.words.learned.mean_embedding.embedding
    # v = (k w + n (m + g (o - u))) / (k + n)
    v = (10 * w + 3 * (m + 2 * (observed - popularity_mean))) / 13
    assert embedded.users == 4
    assert embedded.embedding.to_numpy()[:end] == pytest.approx(v, abs=1e-4)
    assert embedded.embedding.to_numpy()[end] == pytest.approx(night.words.learned.trend)
    if _sequence(night):
        o = np.mean([space.items.context_embeddings[rows].mean(axis=0) for rows in liked], axis=0)
        s = 10 * from_words.context_embedding.to_numpy() + 3 * 2 * (
            o - space.items.context_embeddings.mean(axis=0)
        )
        assert embedded.context_embedding.to_numpy() == pytest.approx(
            s / np.linalg.norm(s), abs=1e-4
        )


def test_the_order_of_events_and_of_embedding_changes_nothing(
    engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        left, other = add_items(connection, [WESTERN, WESTERN])
        embed(connection, run_id, left)
        for fan in range(FANS):
            for no, minute in ((left, fan), (other, FANS - 1 - fan)):
                user = f"robot-{fan if no == left else FANS - 1 - fan}"
                record(connection, [event(user, no, minutes=60 + minute, kind_no=LIKE)])
            embed(connection, run_id, left)
        embed(connection, run_id, other)
        embed(connection, run_id, other)
        first, second = (row_of(connection, run_id, no) for no in (left, other))
    # The two have used each other's fans' films only: what the night has not made does not count.
    assert np.allclose(first.embedding.to_numpy(), second.embedding.to_numpy(), atol=1e-5)
    assert first.users == second.users == FANS


def test_an_item_the_night_made_from_its_users_stays_as_it_is(
    engine: Engine, run_id: RunId, item_nos: list[int]
) -> None:
    with engine.begin() as connection:
        before = row_of(connection, run_id, item_nos[0])
        fans_like(connection, "robot", item_nos[0], FANS)
        connection.execute(
            text("update items set title = :title where item_no = :no"),
            {"title": ROBOTS, "no": item_nos[0]},
        )
        assert embed(connection, run_id, item_nos[0]) == []
        assert row_of(connection, run_id, item_nos[0]) == before


def test_only_what_is_said_of_an_item_is_a_change(engine: Engine, run_id: RunId) -> None:
    def changes(connection: Connection) -> int:
        return int(connection.execute(text("select count(*) from item_changes")).scalar_one())

    with engine.begin() as connection:
        (new,) = add_items(connection, [WESTERN])
        figures = changes(connection)
        connection.execute(text("update items set available = not available"))
        assert changes(connection) == figures
        connection.execute(
            text("update items set title = 'Other' where item_no = :no"), {"no": new}
        )
        assert changes(connection) == figures + 1


def test_an_item_without_a_run_that_knows_words_has_no_embedding(
    engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        (new,) = add_items(connection, [WESTERN])
        connection.execute(text("update model_runs set parameters = parameters - 'words'"))
        assert embed(connection, run_id, new) == []
        assert row_of(connection, run_id, new) is None
