"""Interests in the store: declared once or often, by several at once, and forgotten."""

from collections.abc import Sequence

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from domain.identifiers import RunId, UserNo
from sql.interests import Interests, interests_of, interests_question, load_phrases
from sql.live_vectors import load_item_vectors
from sql.log import event_horizon
from sql.pipelining import ask
from sql.statements import statements
from tests.events import event, record, user_no_of
from tests.removals import forget, rows_of_user, waiting
from tests.small_run import publish_small_run
from tests.small_words import TASTE_SCALE, state, teach_words


def declared_by(connection: Connection, user_nos: Sequence[UserNo]) -> dict[UserNo, Interests]:
    return interests_of(ask(connection, interests_question(user_nos)))


def position_of(connection: Connection, user_no: int) -> int:
    query = text("select position from user_interests where user_no = :no")
    return int(connection.execute(query, {"no": user_no}).scalar_one())


def test_declaring_makes_the_user_and_what_is_said_is_kept_as_it_was(engine: Engine) -> None:
    with engine.begin() as connection:
        declared = state(connection, "ann", ["robots", "film noir"], attributes={"age": 7})
        assert (declared.created, declared.changed) == (True, True)
        found = declared_by(connection, [user_no_of(connection, "ann")])
    assert found == {declared.user_no: Interests(("robots", "film noir"))}


def test_declaring_the_same_again_changes_nothing(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        user_no = state(connection, "ann", ["robots"], film_nos[:2]).user_no
        position = position_of(connection, user_no)
    with engine.begin() as connection:
        again = state(connection, "ann", ["robots"], film_nos[:2], {"country": "NL"})
        assert (again.user_no, again.created, again.changed) == (user_no, False, False)
        assert position_of(connection, user_no) == position
        query = text("select attributes from users where user_no = :no")
        assert connection.execute(query, {"no": user_no}).scalar_one() == {"country": "NL"}


def test_other_interests_are_a_change_at_a_new_position_and_so_is_taking_them_back(
    engine: Engine,
) -> None:
    positions = []
    for words in (["robots"], ["noir"], []):
        with engine.begin() as connection:
            declared = state(connection, "ann", words)
            assert declared.changed
            positions.append(position_of(connection, declared.user_no))
    assert positions == sorted(set(positions))
    with engine.connect() as connection:
        assert declared_by(connection, [declared.user_no]) == {}
        changes = connection.execute(text("select position, user_no from user_changes")).all()
        assert [tuple(row) for row in changes] == [(positions[-1], declared.user_no)]


def test_a_user_who_states_nothing_has_no_row_of_interests(engine: Engine) -> None:
    with engine.begin() as connection:
        declared = state(connection, "ann", attributes={"country": "NL"})
        assert (declared.created, declared.changed) == (True, False)
        assert rows_of_user(connection, declared.user_no) == {"users": 1}


def test_a_user_made_by_an_event_is_found_by_what_is_declared(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
    with engine.begin() as connection:
        assert not state(connection, "ann", ["robots"]).created


def test_no_horizon_passes_interests_that_are_not_committed(engine: Engine) -> None:
    with engine.connect() as writer, engine.connect() as reader:
        user_no = state(writer, "ann", ["robots"]).user_no
        position = position_of(writer, user_no)
        assert event_horizon(reader) < position
        writer.commit()
        reader.rollback()
        assert event_horizon(reader) >= position


def test_of_two_who_state_at_once_the_later_counts_and_is_a_later_change(engine: Engine) -> None:
    with engine.begin() as connection:
        user_no = state(connection, "ann").user_no
    with engine.connect() as first:
        state(first, "ann", ["robots"])
        position = position_of(first, user_no)
        with waiting(engine, lambda own: state(own, "ann", ["noir"])) as second:
            first.commit()
    assert second.result().changed
    with engine.connect() as connection:
        assert declared_by(connection, [user_no])[user_no].words == ("noir",)
        assert position_of(connection, user_no) > position


def test_forgetting_waits_for_who_is_declaring_and_leaves_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        state(connection, "ann", ["noir"])
    with engine.connect() as declaring:
        user_no = state(declaring, "ann", ["robots"]).user_no
        with waiting(engine, lambda own: forget(own, "ann")) as forgetting:
            declaring.commit()
    assert forgetting.result().removed["interests"] == 1
    with engine.connect() as connection:
        assert rows_of_user(connection, user_no) == {"forgotten_users": 1}


def test_who_states_while_the_user_is_forgotten_makes_a_new_one(engine: Engine) -> None:
    with engine.begin() as connection:
        gone = state(connection, "ann", ["robots"]).user_no
    with engine.connect() as forgetting:
        forget(forgetting, "ann")
        with waiting(engine, lambda own: state(own, "ann", ["noir"])) as declaring:
            forgetting.commit()
    assert declaring.result().created
    assert declaring.result().user_no != gone


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> RunId:
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
        teach_words(
            connection, run_id, {"robot": (1, 0), "love": (0, 0.5), "category:film noir": (0, 2)}
        )
    return run_id


def test_a_phrase_is_the_sum_of_its_words_with_the_taste_scale_of_new_items(
    engine: Engine, run_id: RunId
) -> None:
    with engine.connect() as connection:
        found = load_phrases(connection, run_id, [Interests(("Robots, in LOVE!", "unheard of"))])
    assert found.texts == ("Robots, in LOVE!",)
    assert found.items.item_nos.tolist() == [-1]
    assert found.items.vectors.tolist() == [[1.0, 0.5, 0.0, 0.0]]
    assert found.items.taste_scales.tolist() == [TASTE_SCALE]
    assert found.items.context_embeddings.shape == (1, 0)


def test_the_name_of_a_category_is_that_category(engine: Engine, run_id: RunId) -> None:
    with engine.connect() as connection:
        found = load_phrases(connection, run_id, [Interests(("Film Noir",))])
    assert np.allclose(found.items.vectors, [[0, 2, 0, 0]])


def test_phrases_are_numbered_once_whoever_states_them(engine: Engine, run_id: RunId) -> None:
    with engine.connect() as connection:
        declared = [Interests(("robot", "love")), Interests(("love", "robots"))]
        found = load_phrases(connection, run_id, declared)
    assert found.numbers() == {"love": -3, "robot": -2, "robots": -1}
    assert [found.text_of(no) for no in (-3, -2, -1, 5)] == ["love", "robot", "robots", None]


def test_a_run_without_words_knows_no_phrase(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
        assert load_phrases(connection, run_id, [Interests(("robots",))]).texts == ()


@pytest.mark.parametrize("phrase", ["'); drop table users; --", "&|!<->:*", "💡", " ", "\\", "%"])
def test_any_text_may_be_declared(engine: Engine, run_id: RunId, phrase: str) -> None:
    with engine.begin() as connection:
        user_no = state(connection, "ann", [phrase]).user_no
        assert load_phrases(connection, run_id, [Interests((phrase,))]).texts == ()
        assert declared_by(connection, [user_no])[user_no].words == (phrase,)


def test_a_phrase_is_added_to_what_many_like(
    engine: Engine, run_id: RunId, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        query = text("update item_embeddings set users = 4 where item_no = any(:nos)")
        connection.execute(query, {"nos": [film_nos[0], film_nos[15]]})
        connection.execute(text("update item_embeddings set users = 1 where item_no = 2"))
        connection.execute(statements("interests")["store_prior"], {"run_id": run_id})
        found = load_phrases(connection, run_id, [Interests(("love",))])
        vectors = load_item_vectors(connection, run_id, [film_nos[0], film_nos[1], film_nos[15]])
    weights = np.array([8.0, 1.0, 8.0]) / 17
    prior = weights @ vectors.vectors[:, :2]
    assert found.items.vectors[0] == pytest.approx([*(prior + np.array([0, 1.5])), 0, 0], abs=1e-5)


def test_a_run_whose_items_nobody_used_has_no_crowd(engine: Engine, run_id: RunId) -> None:
    with engine.begin() as connection:
        connection.execute(statements("interests")["store_prior"], {"run_id": run_id})
        found = load_phrases(connection, run_id, [Interests(("love",))])
    assert found.items.vectors.tolist() == [[0.0, 0.5, 0.0, 0.0]]
