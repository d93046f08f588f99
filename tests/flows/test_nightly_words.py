"""What the night learns from words: every item of the catalogue has an embedding in the run."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from domain.errors import RunRefusedError
from flows.nightly import run_now
from sql.engine import make_engine
from sql.role_names import APP
from stack.local.servers.postgres import PostgresServer
from tests.conftest import cloned_database
from tests.flows.asking_prefect import artifacts_of
from tests.flows.conftest import set_small_fits
from tests.flows.test_nightly import ask_prefect, at, ignore, rows, value

pytestmark = pytest.mark.usefixtures("prefect_server")

Record = Callable[[Connection, Sequence[tuple[str, int, float]]], None]

NEW_STEPS = (
    "Read the words of the catalogue",
    "Choose how long words count",
    "Write the words",
    "Write how similar items are",
)


def add_item(engine: Engine, title: str, category: str | None = None) -> int:
    with engine.begin() as connection:
        return int(
            connection.execute(
                text(
                    "insert into items (item_id, title, categories)"
                    " values ('new ' || :title, :title, cast(:categories as text[]))"
                    " returning item_no"
                ),
                {"title": title, "categories": [] if category is None else [category]},
            ).scalar_one()
        )


def truncate(engine: Engine, record: Record, visits: Sequence[tuple[str, int, float]]) -> None:
    """As if nothing but these visits had ever happened."""
    with engine.begin() as connection:
        connection.execute(text("truncate interactions"))
        record(connection, visits)


def assert_every_item_has_its_embedding(engine: Engine) -> None:
    items = value(engine, "select count(*) from items")
    norm = value(engine, "select item_norm from model_runs order by run_id desc limit 1")
    norms = [row[0] for row in rows(engine, "select vector_norm(embedding) from item_embeddings")]
    assert len(norms) == items
    assert np.allclose(norms, norm, rtol=1e-4)
    assert value(engine, "select count(*) from item_similarity_embeddings") == items
    longest = value(
        engine, "select max(vector_norm(similarity_embedding)) from item_similarity_embeddings"
    )
    assert longest <= 1 + 1e-5


@dataclass(frozen=True)
class Shop:
    """After a night that has met an item with words of others, and one without any."""

    engine: Engine
    run_id: int
    new: int
    silent: int


@pytest.fixture(scope="module")
def extended(postgres: PostgresServer, prefect_server: None, shop_template: str) -> Iterator[Shop]:
    """For tests that only look."""
    with cloned_database(postgres, shop_template) as name:
        engine = make_engine(postgres.url(name))
        new, silent = add_item(engine, "Something else", "group 1"), add_item(engine, "")
        with pytest.MonkeyPatch.context() as environment:
            set_small_fits(environment, postgres.url(name, APP))
            run_id = run_now(ignore)
        yield Shop(engine, run_id, new, silent)
        engine.dispose()


def test_a_night_gives_new_items_their_embedding_by_their_words(extended: Shop) -> None:
    shop, run_id = extended.engine, extended.run_id
    assert_every_item_has_its_embedding(shop)
    users = {row.item_no: row.users for row in rows(shop, "select * from item_embeddings")}
    liked = rows(shop, "select item_no, count(distinct user_no) as n from interactions group by 1")
    assert {no: count for no, count in users.items() if count} == {row[0]: row[1] for row in liked}
    assert users[extended.new] == users[extended.silent] == 0
    assert value(shop, "select count(*) from item_embeddings where embedded_at is not null") == 0
    assert value(shop, "select count(*) from term_embeddings where run_id = :run", run=run_id) > 3

    run = rows(shop, "select * from model_runs")[0]
    assert run.metrics["items_made_of_words"] == 60 + 1 - len(liked)
    assert run.metrics["unknown_items"] == 1
    assert run.metrics["words_terms"] == run.parameters["words"]["terms"]
    assert run.parameters["words"]["similarity"] == {"taste": 0.35, "context": 0.35, "words": 0.3}
    artifacts = artifacts_of(run.flow_run_id)
    for key in ("nightly-summary", "nightly-figures"):
        reported = str(artifacts[key]["data"])
        assert "items_made_of_words" in reported or "items made of words" in reported
    assert '"mean_embedding"' not in artifacts["nightly-figures"]["data"]


def test_new_items_are_listed_for_those_who_like_their_words(extended: Shop) -> None:
    listed = rows(
        extended.engine,
        "select user_id, array_position(item_nos, :new) as rank"
        " from batch_recommendations join users using (user_no)",
        new=extended.new,
    )
    # A user n is at home in the group (3 - n % 3) % 3.
    home = [row.rank for row in listed if int(row.user_id.split("-")[1]) % 3 == 2]
    away = [row.rank for row in listed if int(row.user_id.split("-")[1]) % 3 != 2]
    assert len(home) == 20
    assert all(embed is not None for embed in home + away)
    assert max(home) < np.mean(away)


def test_the_lists_of_different_users_are_compared(shop: Engine, first_run: int) -> None:
    metrics = value(shop, "select metrics from model_runs")
    assert 0.0 < metrics["inter_user_similarity@20"] < 1.0
    assert 0.0 <= metrics["similar_pairs@20"] < 0.5
    assert metrics["most_common_list@20"] < 0.5
    assert "80 % in common" in ask_prefect("artifacts/nightly-summary/latest")["data"]


def test_an_item_without_a_word_has_the_mean_embedding_that_the_run_tells_of(
    extended: Shop,
) -> None:
    shop, silent = extended.engine, extended.silent
    words = value(shop, "select parameters -> 'words' from model_runs")
    row = rows(shop, "select * from item_embeddings where item_no = :no", no=silent)[0]
    assert np.allclose(
        row.embedding.to_numpy()[:-2], words["mean_embedding"]["embedding"], atol=1e-6
    )
    assert row.embedding.to_numpy()[-2] == pytest.approx(words["trend"])
    assert np.allclose(
        row.context_embedding.to_numpy(), words["mean_embedding"]["context_embedding"], atol=1e-6
    )
    assert row.taste_scale == pytest.approx(words["taste_scale"])


def test_a_catalogue_without_a_word_is_published_all_the_same(shop: Engine) -> None:
    with shop.begin() as connection:
        connection.execute(text("update items set title = '', categories = '{}'"))
    run_now(ignore)
    metrics = value(shop, "select metrics from model_runs")
    assert (metrics["words_terms"], metrics["items_made_of_words"]) == (0, 0)
    assert value(shop, "select count(*) from term_embeddings") == 0
    assert_every_item_has_its_embedding(shop)


def test_words_of_a_single_item_say_nothing_of_any_other(shop: Engine) -> None:
    with shop.begin() as connection:
        connection.execute(text("update items set title = '', categories = '{}'"))
        connection.execute(text("update items set title = 'Alone' where item_no = 1"))
    add_item(shop, "Alone")
    run_now(ignore)
    assert value(shop, "select metrics -> 'words_terms' from model_runs") == 0
    assert_every_item_has_its_embedding(shop)


def test_a_run_without_a_sequence_part_embeds_every_item(shop: Engine, record: Record) -> None:
    truncate(shop, record, [("ann", 1, 0), ("ann", 2, 1), ("bob", 2, 2)])
    run_now(ignore)
    words = value(shop, "select parameters -> 'words' from model_runs")
    assert words["mean_embedding"]["context_embedding"] is None
    assert words["similarity"] == {"taste": 0.7, "context": 0.0, "words": 0.3}
    assert (
        value(shop, "select count(*) from item_embeddings where context_embedding is not null") == 0
    )
    assert_every_item_has_its_embedding(shop)


def test_what_is_only_disliked_counts_no_user(shop: Engine, record: Record) -> None:
    truncate(shop, record, [("ann", 1, 0), ("ann", 2, 1), ("bob", 2, 2), ("bob", 3, 3)])
    with shop.begin() as connection:
        dislike = "(select kind_no from event_kinds where weight < 0 order by kind_no limit 1)"
        connection.execute(text(f"update interactions set kind_no = {dislike} where item_no = 3"))
    run_now(ignore)
    found = rows(shop, "select users from item_embeddings where item_no <= 4 order by item_no")
    assert [row.users for row in found] == [1, 2, 0, 0]
    assert_every_item_has_its_embedding(shop)


def test_another_language_is_that_of_the_next_published_run(
    shop: Engine, first_run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    language = "select words_language()"
    with shop.begin() as connection:
        connection.execute(text("update items set title = 'Robots ' || item_no"))
    stem = "select count(*) from term_embeddings where run_id = :run and term = :term"
    monkeypatch.setenv("TANDEM_BATCH_WORDS_LANGUAGE", "simple")
    with pytest.raises(RunRefusedError):
        run_now(ignore, threshold=0.999)
    # A night that is refused leaves queries in the language of the run that answers them.
    assert value(shop, language) == "english"
    newest = run_now(ignore)
    assert value(shop, language) == "simple"
    assert value(shop, stem, run=newest, term="robots") == 1
    assert value(shop, stem, run=newest, term="robot") == 0


def test_each_step_that_the_database_broke_off_is_done_again(shop: Engine) -> None:
    attempts: Counter[str] = Counter()

    def break_off_once(name: str, seconds: float | None) -> None:
        if name in NEW_STEPS and seconds is not None:
            attempts[name] += 1
            if attempts[name] == 1:
                raise OperationalError("insert", {}, ConnectionError("the server restarted"))

    run_id = run_now(break_off_once)
    assert attempts == dict.fromkeys(NEW_STEPS, 2)
    assert value(shop, "select run_id from live_run") == run_id
    assert_every_item_has_its_embedding(shop)
    terms = value(shop, "select count(*) from term_embeddings")
    assert terms == value(shop, "select metrics -> 'words_terms' from model_runs")


def test_an_item_that_comes_while_the_night_works_has_its_embedding_after_the_promotion(
    shop: Engine,
) -> None:
    run_now(at("Write how similar items are", lambda: add_item(shop, "Late", "group 2") and None))
    assert_every_item_has_its_embedding(shop)
