"""A vector index that is gone or damaged: answered without, named, seen, and built anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import Engine, insert, text
from typer.testing import CliRunner, Result

from batch.space.index import SIMILARITY_EMBEDDINGS, build_index
from domain.errors import StoreUnavailableError
from serving.app import create_app
from serving.settings import ServingSettings
from serving.similar.similar_items import SimilarItems
from sql.engine import make_engine
from sql.locks import INDEX_REPAIR, session_lock
from sql.migrate import migrate
from stack.cli import app as command_line
from stack.local.servers.postgres import running_postgres
from tests import tables
from tests.serving.conftest import Seeds, Start, TasksTransport, ids, recommended, until
from tests.serving.diagnosing import finding

ITEMS, TASTE, SEQUENCE = 400, 4, 2
DIMENSIONS, SIMILARITY_DIMENSIONS = TASTE + SEQUENCE + 2, 2 * (TASTE + SEQUENCE)
SCALES = {"taste_scale": 1.0, "confidence_scale": 1.0}
QUERIES = ("/v1/users/ann/recommendations", "/v1/search?q=thing+7", "/v1/similar?item_id=thing-1")
TABLES = ("item_embeddings", "item_similarity_embeddings")


def unit(chance: np.random.Generator, dimensions: int) -> Any:
    vectors = chance.normal(size=(ITEMS, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write_catalogue(engine: Engine) -> int:
    """A served run that was published with both its indexes, and a user of it."""
    chance, seeds = np.random.default_rng(0), Seeds(engine, [])
    names = [{"item_id": f"thing-{n}", "title": f"Thing {n}"} for n in range(ITEMS)]
    with engine.begin() as connection:
        made = insert(tables.items).returning(tables.items.c.item_no)
        nos = sorted(connection.execute(made, names).scalars())
    ann = seeds.user("ann")
    run_id = seeds.run(
        batch={ann: [(no, 10.0 - n) for n, no in enumerate(nos[:5])]},
        users={ann: (chance.normal(size=DIMENSIONS).tolist(), 0)},
        popular={"": [(no, 30.0 - n) for n, no in enumerate(nos[:30])]},
    )
    with engine.begin() as connection:
        vectors, similarity_embeddings = (
            unit(chance, DIMENSIONS),
            unit(chance, SIMILARITY_DIMENSIONS),
        )
        rows = [{"run_id": run_id, "item_no": no} for no in nos]
        connection.execute(
            insert(tables.item_embeddings),
            [row | SCALES | {"embedding": vectors[n]} for n, row in enumerate(rows)],
        )
        connection.execute(
            insert(tables.item_similarity_embeddings),
            [
                row | {"similarity_embedding": similarity_embeddings[n]}
                for n, row in enumerate(rows)
            ],
        )
        statement = text("""
            update model_runs set
                metrics = '{"index": "hnsw", "index_recall@100": 1, "similarity_recall@100": 1}',
                parameters = jsonb_build_object('live_vector', jsonb_build_object(
                    'taste_dimensions', cast(:taste as int),
                    'sequence_dimensions', cast(:sequence as int)),
                    'words',
                    '{"similarity": {"taste": 0.25, "context": 0.25, "words": 0.5}}'::jsonb)
            """)
        connection.execute(statement, {"taste": TASTE, "sequence": SEQUENCE})
        # One word the run knows makes a search by meaning.
        known = text(
            "insert into term_embeddings values (:run_id, 'thing', 1, :taste, :context_embedding)"
        )
        of_term = {"taste": "[1,0,0,0,0,1]", "context_embedding": "[1,0]"}
        connection.execute(known, {"run_id": run_id, **of_term})
        build_index(connection, run_id, DIMENSIONS)
        build_index(connection, run_id, SIMILARITY_DIMENSIONS, SIMILARITY_EMBEDDINGS)
    return run_id


@pytest.fixture
def film_nos() -> list[int]:
    """No other items than those of this catalogue."""
    return []


@pytest.fixture
def run_id(engine: Engine) -> int:
    return write_catalogue(engine)


def change(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


@pytest.fixture
def repair(owner_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return repairing(owner_url, tmp_path, monkeypatch)


def repairing(database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TANDEM_HOME", str(folder / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)

    def repair(*options: str) -> Result:
        return CliRunner().invoke(command_line, ["repair", "index", *options])

    return repair


async def degraded(client: httpx.AsyncClient, path: str) -> str | None:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"]
    reason: str | None = answer.json()["degraded"]
    return reason


async def is_degraded_by(client: httpx.AsyncClient, path: str, reason: str | None) -> bool:
    return await degraded(client, path) == reason


async def served_run(start: Start, seeds: Seeds, **settings: Any) -> httpx.AsyncClient:
    # Nothing is answered from the cache: each answer tells how it stands now.
    given = {"search_fresh_seconds": 0.0, "answer_cache_seconds": 1, **settings}
    client = await start(**given)
    client.headers["X-API-Key"] = seeds.key("read", "admin", name="operator")
    return client


BROKEN = {
    "gone": "drop index {table}_{run_id}_nearest",
    "unfinished": "update pg_index set indisvalid = false"
    " where indexrelid = '{table}_{run_id}_nearest'::regclass",
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize(
    ("table", "path"), [(TABLES[0], QUERIES[0]), (TABLES[1], QUERIES[1]), (TABLES[1], QUERIES[2])]
)
async def test_without_an_index_answers_are_as_good_and_say_so_until_it_is_built_anew(
    start: Start, seeds: Seeds, run_id: int, repair: Any, *, how: str, table: str, path: str
) -> None:  # fmt: skip
    client = await served_run(start, seeds)
    await until(lambda: is_degraded_by(client, path, None))
    whole = ids(await client.get(path))
    change(seeds.engine, BROKEN[how].format(table=table, run_id=run_id))
    await until(lambda: is_degraded_by(client, path, "vector_index"))
    assert ids(await client.get(path)) == whole
    found = await finding(client, "index")
    assert found["severity"] == "problem"
    assert f"{table}_{run_id}_nearest" in found["what"]
    assert "tandem repair index" in found["advice"]
    result = repair()
    assert result.exit_code == 0, result.output
    assert f"{table}_{run_id}_nearest is built" in result.stdout
    await until(lambda: is_degraded_by(client, path, None))
    assert (await finding(client, "index"))["severity"] == "ok"


async def test_where_comparing_every_item_takes_too_long_it_is_the_nightly_list(
    start: Start, seeds: Seeds, engine: Engine, run_id: int
) -> None:
    client = await served_run(start, seeds, request_budget_seconds=2.0)
    change(engine, BROKEN["gone"].format(table=TABLES[0], run_id=run_id))
    await until(lambda: is_degraded_by(client, QUERIES[0], "vector_index"))
    with engine.connect() as connection:
        connection.execute(text("lock table item_embeddings in access exclusive mode"))
        for _ in range(6):
            slow = (await recommended(client, "ann", limit=5)).json()
            if slow["source"] != "cache":
                assert (slow["strategy"], slow["degraded"]) == ("batch", "vector_index")
        connection.rollback()
    metrics = (await client.get("/metrics")).text
    assert 'serving_breaker_state{dependency="postgres"} 0.0' in metrics
    assert 'serving_degraded_total{reason="vector_index"}' in metrics


async def test_a_search_goes_by_words_only_where_comparing_every_item_takes_too_long(
    start: Start, seeds: Seeds, engine: Engine, run_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await served_run(start, seeds)
    assert (await client.get(QUERIES[1])).json()["strategy"] == "search"
    change(engine, BROKEN["gone"].format(table=TABLES[1], run_id=run_id))
    await until(lambda: is_degraded_by(client, QUERIES[1], "vector_index"))

    async def too_slow(*_: object) -> None:
        raise StoreUnavailableError(reason="timeout")

    # A lock would hold up the search by words, which reads the same table, as well.
    monkeypatch.setattr(SimilarItems, "_compared", too_slow)
    answer = (await client.get(QUERIES[1])).json()
    assert (answer["strategy"], answer["degraded"]) == ("words", "vector_index")
    assert answer["items"][0]["item_id"] == "thing-7"
    assert await degraded(client, QUERIES[2]) == "vector_index"


def test_a_repair_finds_nothing_to_do_where_all_is_well_and_is_harmless_twice(
    engine: Engine, run_id: int, repair: Any
) -> None:
    well = repair()
    assert well.exit_code == 0, well.output
    assert well.stdout.count("is well") == 2
    again = repair("--anew")
    assert again.exit_code == 0, again.output
    assert again.stdout.count("is built") == 2
    change(engine, BROKEN["unfinished"].format(table=TABLES[0], run_id=run_id))
    for sentence in ("is built", "is well"):
        assert f"{sentence}" in repair().stdout
    with engine.connect() as connection:
        recall = text("select metrics ->> 'index_recall@100' from model_runs")
        assert float(connection.execute(recall).scalar_one()) > 0.9


def test_without_any_index_a_repair_is_refused_with_the_reason(
    engine: Engine, seeds: Seeds, repair: Any
) -> None:
    seeds.run()
    refused = repair()
    assert refused.exit_code == 1
    assert "There is nothing to repair" in " ".join(refused.output.split())


def test_whoever_does_not_own_the_tables_is_told_to_name_who_does(
    engine: Engine,
    run_id: int,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change(engine, BROKEN["gone"].format(table=TABLES[0], run_id=run_id))
    refused = repairing(database_url, tmp_path, monkeypatch)()
    assert refused.exit_code == 1
    assert "DATABASE_OWNER_URL" in " ".join(refused.output.split())


def test_of_two_repairs_at_once_the_second_is_refused(
    engine: Engine, run_id: int, repair: Any
) -> None:
    with engine.connect() as other, session_lock(other, INDEX_REPAIR) as is_held:
        assert is_held
        refused = repair()
    assert refused.exit_code == 1
    assert "Another repair of indexes is under way" in " ".join(refused.output.split())
    assert repair().exit_code == 0


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the test's own, both of whose indexes were overwritten on the disk."""
    folder = tmp_path_factory.mktemp("pg")
    folder.chmod(0o755)
    files: list[str] = []
    with running_postgres(folder / "data", durable=False) as server:
        engine = make_engine(server.url("postgres"))
        migrate(engine)
        run_id = write_catalogue(engine)
        with engine.connect() as connection:
            for table in TABLES:
                path = text(f"select pg_relation_filepath('{table}_{run_id}_nearest')")
                files.append(str(connection.execute(path).scalar_one()))
        engine.dispose()
    for file in files:
        (path,) = folder.rglob(file)
        path.write_bytes(b"\xde\xad\xbe\xef" * (path.stat().st_size // 4))
    with running_postgres(folder / "data", durable=False) as server:
        yield server.url("postgres")


async def test_damaged_indexes_are_done_without_reported_and_built_anew(
    damaged: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database_url, engine = damaged, make_engine(damaged)
    seeds = Seeds(engine, [])
    key = seeds.key("read", "admin")
    given: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "live_run_poll_seconds": 0.05,
        "search_fresh_seconds": 0.0,
        "answer_cache_seconds": 1,
        "request_budget_seconds": 20.0,
    }
    app = create_app(ServingSettings(**given))
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state)}, receive, send)  # type: ignore[arg-type]

        transport = TasksTransport(with_state)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://tandem", headers={"X-API-Key": key}
        ) as client:
            for path in QUERIES:
                assert await degraded(client, path) == "vector_index"
            assert (await recommended(client, "ann")).json()["strategy"] == "blend"
            found = await finding(client, "index-damage")
            assert found["severity"] == "problem"
            assert found["since"] is not None
            metrics = (await client.get("/metrics")).text
            assert 'serving_breaker_state{dependency="postgres"} 0.0' in metrics
            repaired = repairing(database_url, tmp_path, monkeypatch)()
            assert repaired.exit_code == 0, repaired.output
            assert repaired.stdout.count("PostgreSQL cannot read it") == 2
            assert repaired.stdout.count("is built") == 2
            for path in QUERIES:
                await until(lambda path=path: is_degraded_by(client, path, None))
            assert (await finding(client, "index-damage"))["severity"] == "ok"
    engine.dispose()
